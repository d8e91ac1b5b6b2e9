"""The demo: a small real delivery on this machine, from the first commit to the report."""
