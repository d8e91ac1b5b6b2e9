"""What a commit has to be like, and what of it is understood: tickets, rules, verdicts."""
