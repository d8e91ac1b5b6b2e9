"""Back-fill of a GitLab project over its REST API."""
