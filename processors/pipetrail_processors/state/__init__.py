"""What the pure core remembers: keys and values, lists in pages, a round's nodes, and what bounds them by time."""
