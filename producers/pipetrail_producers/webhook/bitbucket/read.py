"""What Bitbucket's payloads have in common: repositories, people, times, and how an error names a field.

Cloud names a repository by its page, Data Center by its addresses for cloning (where it gives any), of which the one over HTTP
is what CI systems clone from. What is counted within a repository (pull requests, statuses) has its URL in its id.
Data Center writes times as `2026-11-23T09:02:11+0100` or in milliseconds since 1970, Cloud in RFC 3339.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipetrail_producers.ci.context import origin
from pipetrail_producers.webhook import payload as plain
from pipetrail_producers.webhook.delivery import Delivery
from pipetrail_producers.webhook.forge import Forge, ForgePlace
from pipetrail_producers.webhook.translation import UntranslatableError
from pipetrail_producers.webhook.values import Data, name, repository, url

FORGE = Forge("bitbucket")
# What a payload of its kind always has; else UntranslatableError.
required, part = FORGE.required, FORGE.part

_OFFSET_WITHOUT_COLON = re.compile(r"(.*[+-]\d\d)(\d\d)", re.ASCII)
_APPS = frozenset({"app_user", "AppUser"})


@dataclass(frozen=True, slots=True)
class Place(ForgePlace):
    """The place of a delivery: always a repository, which numbers what it has by itself."""

    forge = FORGE
    address = "repository"

    repository: str


def place(delivery: Delivery, kind: str, path: str = "repository") -> Place:
    """The place of a delivery; `path` is where its repository stands.

    Raises:
        UntranslatableError: it names no repository.
    """
    found = plain.at(delivery.payload, path)
    canonical = address_of(found, delivery.instance)
    if canonical is None:
        raise UntranslatableError(f"bitbucket {kind}: {path} is missing, or without links; the setting `instance` helps then")
    return Place(canonical, canonical, delivery.received)


def address_of(found: Any, instance: str | None = None) -> str | None:
    """The canonical URL of a repository object of either kind; None where it tells none."""
    page = repository(url(found, "links.html.href"))
    if page:
        return page
    for link in plain.items(found, "links.clone"):
        if name(link, "name") in {"http", "https"} and (clone := repository(url(link, "href"))):
            return clone
    base = instance or next((base for link in plain.items(found, "links.self") if (base := _base(url(link, "href")))), None)
    key, slug = name(found, "project.key"), name(found, "slug")
    return repository(f"{base.rstrip('/')}/scm/{key.lower()}/{slug}") if base and key and slug else None


def actor(user: Any) -> Data:
    """`user` and `pipetrail.actor` of a user object of either kind."""
    login = name(user, "nickname") or name(user, "name") or name(user, "display_name") or name(user, "displayName")
    number = name(user, "account_id") or name(user, "uuid") or name(user, "id")
    kind = name(user, "type")
    is_token = kind == "SERVICE"
    type_ = "app" if kind in _APPS else "service_account" if is_token else "user" if login else "unknown"
    return {
        "user": {"id": number, "name": login, "email": name(user, "emailAddress")},
        "pipetrail": {"actor": {"type": type_}},
    }


def moment(payload: Any, path: str) -> datetime | None:
    """A time in UTC in any of Bitbucket's spellings; None for what is no time."""
    found = plain.at(payload, path)
    if isinstance(found, str) and (match := _OFFSET_WITHOUT_COLON.fullmatch(found)):
        return plain.moment({"": f"{match[1]}:{match[2]}"}, "")
    return plain.moment(payload, path)


def stamp(time: datetime | None) -> str:
    """A time as part of an id; empty for None."""
    return f"{time:%Y-%m-%dT%H:%M:%SZ}" if time else ""


def _base(page: str | None) -> str | None:
    """The base URL of a Data Center instance, of a page in it."""
    before, found, _ = (page or "").partition("/projects/")
    return before if found else origin(page)
