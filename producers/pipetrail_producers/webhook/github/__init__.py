"""GitHub's webhooks and audit log, github.com and GitHub Enterprise Server, as facts: a module a noun."""

from pipetrail_producers.webhook.github.system import SYSTEM

__all__ = ["SYSTEM"]
