"""What all of GitHub's payloads have in common: people, and how an error names a field. Pure."""

from datetime import UTC, datetime
from typing import Any

from pipetrail_producers.webhook import payload as plain
from pipetrail_producers.webhook.forge import Forge
from pipetrail_producers.webhook.payload import at
from pipetrail_producers.webhook.values import Data, cut, name

FORGE = Forge("github")
# What a payload of its kind always has; else UntranslatableError.
required, part, missing = FORGE.required, FORGE.part, FORGE.missing

_TYPES = {"User": "user", "EnterpriseUserAccount": "user", "Bot": "app"}
_GHOST = "ghost"
# GitHub's own: commits made on its pages, and the account that stands for deleted ones.
_OWN = {"web-flow": "system", _GHOST: "unknown"}
_BOT = "[bot]"
# Some packages have the year 1 where there is no time.
_FIRST_YEAR = 1970
_MAX_LABEL = 100


def person(user: Any) -> Data:
    """Id and login of a user object."""
    return {"id": name(user, "id"), "name": name(user, "login")}


def actor(user: Any) -> Data:
    """`user` and `pipetrail.actor` of a user object.

    Nothing where GitHub names none, or the account that stands for deleted ones: an earlier telling may have known who it was.
    """
    if name(user, "login") in {None, _GHOST}:
        return {}
    return {"user": person(user), "pipetrail": {"actor": {"type": actor_type(user)}}}


def actor_type(user: Any) -> str:
    """What kind of actor a user object is."""
    login = name(user, "login")
    if login is None:
        return "unknown"
    if login.endswith(_BOT):
        return "app"
    return _OWN.get(login) or _TYPES.get(name(user, "type") or "", "unknown")


def sender(payload: Any) -> Data:
    """The actor of a webhook: who did what it tells."""
    return actor(at(payload, "sender"))


def label(key: str) -> str:
    """A key of `pipetrail.labels`: a dot would make an object of it in the index."""
    return cut(key.replace(".", "_"), _MAX_LABEL) or "_"


def moment(payload: Any, path: str) -> datetime | None:
    """A time in UTC; None for what is no time, and for the year 1 that stands for none."""
    found = plain.moment(payload, path)
    return found.astimezone(UTC) if found and found.year >= _FIRST_YEAR else None


def first_moment(payload: Any, *paths: str) -> datetime | None:
    """The first of the paths that holds a time."""
    return next((found for path in paths if (found := moment(payload, path))), None)
