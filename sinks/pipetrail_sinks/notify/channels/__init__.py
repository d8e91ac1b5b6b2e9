"""The ways to people: one module a kind of channel."""
