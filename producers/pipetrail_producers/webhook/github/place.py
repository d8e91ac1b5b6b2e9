"""Where a GitHub payload comes from: which instance, which repository. Pure.

GitHub numbers what it has (runs, jobs, reviews, deployments) over the whole instance, so ids hang on the instance and outlive a
renamed repository. Webhook and importer must agree on it: the one that the settings name, else where the repository's page is.
"""

import hashlib
import json
from dataclasses import dataclass, replace
from typing import Any

from pipetrail_producers.ci.context import origin
from pipetrail_producers.webhook.delivery import Delivery
from pipetrail_producers.webhook.forge import ForgePlace
from pipetrail_producers.webhook.github.read import FORGE
from pipetrail_producers.webhook.values import address, name, repository, url

PUBLIC = "https://github.com"
_ENTERPRISE_HEADER = "x-github-enterprise-host"
_DELIVERY_HEADER = "x-github-delivery"
# Pages that name the instance where there is no repository, as with organizations and apps.
_PAGES = ("repository.html_url", "sender.html_url", "installation.html_url")
_KEY_DIGITS = 32
# GitHub's ids of deliveries are UUIDs; the header is anybody's to write.
_LONGEST_KEY = 64


@dataclass(frozen=True, slots=True)
class Place(ForgePlace):
    """The place of a delivery.

    Args:
        delivery: key of what has none of its own: GitHub's id of the delivery, which its redelivery keeps.
    """

    forge = FORGE
    address = "repository.html_url"

    delivery: str = ""

    def within(self, full_name: str | None) -> "Place":
        """The place of another repository of the same instance, by `owner/name`."""
        return replace(self, repository=repository(f"{self.instance}/{full_name}") if full_name else None)


def place(delivery: Delivery) -> Place:
    """The place of a delivery."""
    payload = delivery.payload
    host = delivery.headers.get(_ENTERPRISE_HEADER)
    pages = (origin(url(payload, path)) for path in _PAGES)
    named = address(delivery.instance) or (address(f"https://{host}") if host else None) or next(filter(None, pages), PUBLIC)
    key = delivery.headers.get(_DELIVERY_HEADER) or content_key(payload)
    found = Place(
        named.rstrip("/").lower(), repository(url(payload, "repository.html_url")), delivery.received, key[:_LONGEST_KEY]
    )
    return found if found.repository else found.within(name(payload, "repository.full_name"))


def content_key(payload: Any) -> str:
    """A key made of the whole payload, for what has no other."""
    content = json.dumps(payload, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(content.encode("utf-8", "replace")).hexdigest()[:_KEY_DIGITS]
