"""Tekton Pipelines' CloudEvents as pipetrail's events."""

from pipetrail_producers.webhook.tekton.system import SYSTEM

__all__ = ["SYSTEM"]
