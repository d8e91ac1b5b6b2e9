"""The commit graph of each repository, and what a deployment brings to or takes from an environment by it."""
