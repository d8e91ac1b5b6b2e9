"""Bitbucket's webhooks: Cloud and Data Center, which share little but the name. A module a noun."""

from pipetrail_producers.webhook.bitbucket.system import SYSTEM

__all__ = ["SYSTEM"]
