"""Rules over history before they go live: how often would they have fired, on what, by whom."""
