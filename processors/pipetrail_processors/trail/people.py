"""Whether two mentions are of the same person: by id where both have one, else by e-mail address, else by name. And bots."""

import re
from collections.abc import Mapping

_KEYS = ("id", "email", "name")
# GitLab's users behind access tokens and service accounts: their logins, and the addresses that their commits bear.
_TOKEN_USER = re.compile(r"(?:(?:project|group)_[0-9]+_bot|service_account_)\w*(?:@.*)?", re.ASCII)


def same_person(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Whether the two are one person, judged by the strongest key that both have; nothing in common proves nothing."""
    for key in _KEYS:
        mine = one.get(key)
        theirs = other.get(key) if mine else None
        if mine and theirs:
            return mine == theirs or mine.casefold() == theirs.casefold()
    return False


def is_bot(person: Mapping[str, str]) -> bool:
    """Whether name or e-mail address are of a form that forges give to bots alone."""
    name = person.get("name", "")
    return name.endswith("[bot]") or any(_TOKEN_USER.fullmatch(text) for text in (name, person.get("email", "")))


def display(person: Mapping[str, str]) -> str:
    """How the person is called: name, else id, else e-mail address, else an empty text."""
    return person.get("name") or person.get("id") or person.get("email") or ""
