"""What a trail consists of, and what is published of it: pure functions from facts to a document."""
