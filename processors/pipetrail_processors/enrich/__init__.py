"""Reading an event, and what is made of it for the index."""
