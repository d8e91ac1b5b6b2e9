"""Rules: how they are written, compiled, labelled, and judged over the case of one event."""
