"""What a repository's webhook could not deliver: GitHub keeps its deliveries for some days, and repeats none by itself.

A delivery that was answered with success was taken by the collector, and is left out. The others are told as the webhook would
have told them, by the same translator and with the same ids.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pipetrail_producers.importers.rest.backfill import Reader, Step
from pipetrail_producers.webhook.delivery import Delivery
from pipetrail_producers.webhook.fact import Fact
from pipetrail_producers.webhook.github.place import Place
from pipetrail_producers.webhook.github.read import moment
from pipetrail_producers.webhook.github.system import SYSTEM
from pipetrail_producers.webhook.payload import at, number
from pipetrail_producers.webhook.values import name

_PAGE = {"per_page": "100"}
_GOOD = range(200, 300)


def step(hook: str, place: Place) -> Step:
    """The step of a webhook's failed deliveries, by the webhook's id."""
    path = f"hooks/{hook}/deliveries"

    def facts(reader: Reader, listed: Any) -> Iterator[Fact]:
        if number(listed, "status_code") in _GOOD:
            return
        whole = reader.get(f"{path}/{name(listed, 'id')}")
        if whole is not None:
            yield from SYSTEM.translate(_delivery(whole, place)).facts

    return Step(f"failed deliveries of webhook {hook}", path, facts, _PAGE)


def _delivery(whole: Any, place: Place) -> Delivery:
    headers = at(whole, "request.headers")
    told = {str(key).lower(): str(value) for key, value in headers.items()} if isinstance(headers, Mapping) else {}
    # The answer's own fields say what the headers said.
    told |= {"x-github-event": name(whole, "event") or "", "x-github-delivery": name(whole, "guid") or ""}
    received = moment(whole, "delivered_at") or place.received
    return Delivery(told, at(whole, "request.payload"), received, instance=place.instance)
