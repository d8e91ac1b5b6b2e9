"""What every program that runs for long shares: its settings, the files that people write for it, its log."""
