"""The Faust application around the pure core: what moves messages, and what keeps a partition's state whole."""
