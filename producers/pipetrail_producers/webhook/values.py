"""Values as the schema takes them, out of payloads that may hold anything: what does not fit is cut or left out.

Texts are cut well below the schema's limits, since redaction, which comes later, may make them longer. Pure.
"""

import re
from collections.abc import Mapping
from typing import Any

from pipetrail_producers.ci.context import repository_name, repository_url, without_credentials
from pipetrail_producers.webhook.payload import at, text

# Characters. The schema takes 4,096 for a name and an address, 10,000 for a title; redaction makes a text at most 7 times as
# long (`://:x@` becomes `://:[redacted:url-credentials:01234567]@`).
MAX_NAME = 560
MAX_TITLE = 1_400
MAX_URL = 560
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20\x7f]+")
_REVISION = re.compile(r"[0-9a-f]{7,40}|[0-9a-f]{64}")
_FULL_REVISION = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_LONGEST_NS = 2**63 - 1
_NS_PER_S = 1_000_000_000

Data = dict[str, Any]


def name(payload: Any, path: str) -> str | None:
    """A name, an id, a login: `payload.text`, cut."""
    return cut(text(payload, path), MAX_NAME)


def title(payload: Any, path: str) -> str | None:
    """A title or a reason."""
    return cut(text(payload, path), MAX_TITLE)


def cut(found: str | None, limit: int = MAX_NAME) -> str | None:
    """The text as UTF-8 can carry it, at most so many characters; None for None and for nothing but white space."""
    if found is None:
        return None
    carried = found if found.isascii() else found[:limit].encode("utf-8", "backslashreplace").decode()
    return carried[:limit].strip() or None


def url(payload: Any, path: str) -> str | None:
    """An absolute address without credentials; None for everything else, and for what is too long to be one."""
    return address(text(payload, path))


def address(found: str | None) -> str | None:
    """As `url`, of a text."""
    clean = without_credentials(cut(found, MAX_URL + 1))
    return clean if clean and len(clean) <= MAX_URL and _URL.fullmatch(clean) else None


def revision(payload: Any, path: str) -> str | None:
    """A commit id, also a shortened one; None for no id and for the null id, which stands for "no commit"."""
    found = (text(payload, path) or "").lower()
    return found if _REVISION.fullmatch(found) and found.strip("0") else None


def full_revision(payload: Any, path: str) -> str | None:
    """As `revision`, but a full one only."""
    found = revision(payload, path)
    return found if found and _FULL_REVISION.fullmatch(found) else None


def repository(found: str | None) -> str | None:
    """The canonical URL of a repository; None where the text names none."""
    canonical = repository_url(cut(found, MAX_URL + 1))
    return canonical if canonical and len(canonical) <= MAX_URL else None


def vcs_repository(canonical: str | None) -> Data:
    """`vcs.repository` of a canonical URL."""
    return {"name": repository_name(canonical), "url": {"full": canonical}}


def nanoseconds(payload: Any, path: str) -> int | None:
    """A duration that is given in seconds, as ECS `event.duration`; None for what is none."""
    seconds = at(payload, path)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= _LONGEST_NS // _NS_PER_S:
        return None
    return min(int(seconds * _NS_PER_S), _LONGEST_NS)


def said(payload: Any, path: str) -> str | None:
    """Any plain value as the text of a label: `true` and `false` as JSON has them, a list as its members."""
    value = at(payload, path)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return cut(", ".join(found for member in value if (found := said({"": member}, ""))))
    if isinstance(value, float):
        return str(value)
    return name(payload, path)


def merged(*parts: Mapping[str, Any]) -> Data:
    """The parts as one object, object by object; a later one wins, but not with None."""
    whole: Data = {}
    for part in parts:
        for key, value in part.items():
            below = whole.get(key)
            if isinstance(value, Mapping) and isinstance(below, Mapping):
                whole[key] = merged(below, value)
            elif value is not None or key not in whole:
                whole[key] = value
    return whole
