"""Other systems' webhooks as pipetrail's events: a module or package a system, and what they share."""
