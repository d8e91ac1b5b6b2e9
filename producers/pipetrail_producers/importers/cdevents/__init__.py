"""CDEvents out of files."""
