"""CDEvents (cdevents.dev) as pipetrail's events."""

from pipetrail_producers.webhook.cdevents.system import SYSTEM

__all__ = ["SYSTEM"]
