"""Gets events out of the delivery line: `emit`, `run`, CI detection, the spool, importers."""
