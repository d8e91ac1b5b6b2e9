"""GitLab's webhooks: project and group hooks, system hooks, streamed audit events. A module a noun."""

from pipetrail_producers.webhook.gitlab.system import SYSTEM

__all__ = ["SYSTEM"]
