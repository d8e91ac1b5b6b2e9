"""Back-fill from GitHub's REST API: what webhooks would have told, with the same ids."""
