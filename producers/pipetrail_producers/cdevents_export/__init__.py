"""pipetrail's events as CDEvents 0.5.1, for systems that speak them."""
