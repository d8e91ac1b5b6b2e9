"""Alerts: findings become messages that people act on, each once."""
