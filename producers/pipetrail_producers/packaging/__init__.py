"""What puts pipetrail into the CI of a repository."""
