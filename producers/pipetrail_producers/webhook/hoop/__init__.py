"""hoop's webhooks as pipetrail's events."""

from pipetrail_producers.webhook.hoop.system import SYSTEM

__all__ = ["SYSTEM"]
