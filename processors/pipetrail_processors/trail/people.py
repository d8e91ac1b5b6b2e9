"""Whether two mentions are of the same person: by id where both have one, else by e-mail address, else by name."""

from collections.abc import Mapping

_KEYS = ("id", "email", "name")


def same_person(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Whether the two are one person, judged by the strongest key that both have; nothing in common proves nothing."""
    for key in _KEYS:
        mine, theirs = one.get(key), other.get(key)
        if mine and theirs:
            return mine.casefold() == theirs.casefold()
    return False


def display(person: Mapping[str, str]) -> str:
    """How the person is called: name, else id, else e-mail address, else an empty text."""
    return person.get("name") or person.get("id") or person.get("email") or ""
