"""Argo CD's notifications as pipetrail's events."""

from pipetrail_producers.webhook.argocd.system import SYSTEM

__all__ = ["SYSTEM"]
