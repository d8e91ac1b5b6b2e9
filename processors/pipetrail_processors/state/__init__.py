"""What the pure core remembers: keys and values, lists in pages, how many trails there are, and what bounds them by time."""
