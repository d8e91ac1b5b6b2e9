"""What is out of the ordinary: measures of events against the own history of a repository, an environment or an actor."""
