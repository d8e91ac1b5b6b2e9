"""What is kept beyond trails, so that rules can compare: dossiers of changes, environments, actors and repositories."""
