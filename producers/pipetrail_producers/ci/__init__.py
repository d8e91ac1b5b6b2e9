"""Which CI system this is, and what it says of the run: one module a system."""
