"""What all of GitLab's payloads have in common: how they write times and users, and how an error names a field.

GitLab writes times as RFC 3339 in its REST API and, depending on the hook, as `2026-11-23 09:02:11 UTC` or with an offset. Most
hooks leave out what lies below a second; so do we everywhere, that a fact has one time whoever tells it.
"""

import re
from datetime import datetime
from typing import Any, NamedTuple

from pipetrail_producers.webhook import payload as plain
from pipetrail_producers.webhook.forge import Forge
from pipetrail_producers.webhook.values import Data, name

FORGE = Forge("gitlab")
# What a payload of its kind always has; else UntranslatableError.
required, part, missing = FORGE.required, FORGE.part, FORGE.missing

_RUBY_TIME = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?) (?:(UTC)|([+-]\d\d):?(\d\d))", re.ASCII)
# Users that GitLab makes for project, group and instance tokens, and for service accounts.
_TOKEN_USER = re.compile(r"(?:(?:project|group)_\d+_bot|service_account_)")
# GitLab's own users, by their fixed logins.
_OWN_USERS = frozenset(
    {"alert-bot", "support-bot", "GitLab-Security-Bot", "security-bot", "automation-bot", "GitLab-Admin-Bot"}
)
_REQUEST_REF = re.compile(r"refs/merge-requests/(\d{1,18})/(head|merge|train)", re.ASCII)
# Stands where the person does not show an e-mail address.
_HIDDEN = "[REDACTED]"


def moment(payload: Any, path: str) -> datetime | None:
    """A time in UTC, to the second, in any of GitLab's spellings; None for what is no time."""
    found = plain.text(payload, path)
    if found and (match := _RUBY_TIME.fullmatch(found)):
        day, time, utc, hours, minutes = match.groups()
        exact = plain.moment({"": f"{day}T{time}{'Z' if utc else f'{hours}:{minutes}'}"}, "")
    else:
        exact = plain.moment(payload, path)
    return exact.replace(microsecond=0) if exact else None


def second(time: datetime | None) -> str:
    """A time as part of an id; empty for None."""
    return f"{time:%Y-%m-%dT%H:%M:%SZ}" if time else ""


def actor(user: Any) -> Data:
    """`user` and `pipetrail.actor` of a user object; the actor is "unknown" where GitLab names none."""
    login = name(user, "username") or name(user, "name")
    who = {"id": name(user, "id"), "name": login, "email": email(user, "email")}
    return {"user": who, "pipetrail": {"actor": {"type": actor_type(login)}}}


def actor_type(login: str | None) -> str:
    """What kind of actor a login is."""
    if login is None or login == "ghost":  # whose account was deleted
        return "unknown"
    if _TOKEN_USER.match(login):
        return "service_account"
    return "system" if login in _OWN_USERS else "user"


def email(payload: Any, path: str) -> str | None:
    """An e-mail address; None where it is hidden."""
    found = name(payload, path)
    return None if found == _HIDDEN else found


class RequestRef(NamedTuple):
    """What stands for a branch in a merge request's pipeline: which request, and whether a temporary merge is tested."""

    number: str
    is_temporary: bool


def request_ref(ref: str | None) -> RequestRef | None:
    """A ref like `refs/merge-requests/17/merge`; None for every other."""
    match = _REQUEST_REF.fullmatch(ref or "")
    return RequestRef(match[1], match[2] != "head") if match else None
