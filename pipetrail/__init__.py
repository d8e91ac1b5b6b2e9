"""The front door: `pipetrail VERB`. Importing it imports nothing else."""
