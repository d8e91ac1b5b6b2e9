"""Which trail an event belongs to, on what evidence, and what waits until there is some."""
