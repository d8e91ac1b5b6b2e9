"""Which systems can send webhooks, and where their translators are. Translators are imported when asked for."""

import importlib
from functools import cache
from typing import NamedTuple

from pipetrail_producers.webhook.translation import System


class Place(NamedTuple):
    """Where a system's `SYSTEM` is, and how it proves its deliveries unless the settings say otherwise."""

    module: str
    scheme: str


PLACES = {
    "github": Place("pipetrail_producers.webhook.github", "github"),
    "gitlab": Place("pipetrail_producers.webhook.gitlab", "gitlab"),
    "bitbucket": Place("pipetrail_producers.webhook.bitbucket", "bitbucket"),
    "jenkins": Place("pipetrail_producers.webhook.jenkins", "bearer"),
    "argocd": Place("pipetrail_producers.webhook.argocd", "bearer"),
    "tekton": Place("pipetrail_producers.webhook.tekton", "bearer"),
    "cdevents": Place("pipetrail_producers.webhook.cdevents", "bearer"),
    "hoop": Place("pipetrail_producers.webhook.hoop", "standard-webhooks"),
    "generic": Place("pipetrail_producers.webhook.generic", "bearer"),
}


@cache
def system(name: str) -> System:
    """The system of a name in PLACES."""
    found: System = importlib.import_module(PLACES[name].module).SYSTEM
    return found
