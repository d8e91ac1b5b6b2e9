"""Jenkins' notifications as pipetrail's events."""

from pipetrail_producers.webhook.jenkins.system import SYSTEM

__all__ = ["SYSTEM"]
