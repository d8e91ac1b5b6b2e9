"""Operating a processor: what it tells of itself, for those who watch it."""
