"""`python -m pipetrail` does what the console script does."""

from pipetrail.cli import main

main()
