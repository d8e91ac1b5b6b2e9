"""A message of history, and the quick look at it that a replay needs before anybody has judged it. Pure."""

import zlib
from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
from pipetrail_schemas import ids
from pipetrail_schemas.times import format_time, parse_time

Headers = tuple[tuple[str, bytes | None], ...]

STRUCTURED: Headers = (("content-type", b"application/cloudevents+json"),)
_CANONICAL_LENGTH = len("2026-11-23T09:02:11.000Z")


class Message(NamedTuple):
    """As it stood on the events topic, or would have stood there."""

    key: bytes | None
    value: bytes | None
    headers: Headers = STRUCTURED


class Look(NamedTuple):
    """What a message says of itself; empty where it does not. Nobody has validated it."""

    key: bytes
    repository: str
    type: str
    time: str
    recorded: str


class Scope(NamedTuple):
    """Which of history is replayed: what happened before `until`, of a repository by its URL or the end of it.

    `recorded_since`: only what was recorded from then on. It is quicker, and what began before is known in part only.
    """

    until: datetime | None = None
    repository: str | None = None
    recorded_since: datetime | None = None

    def keeps(self, look: Look) -> bool:
        """Whether the event is to be replayed. One that names no repository may turn out to belong to any."""
        if self.until is not None and look.time and look.time >= format_time(self.until):
            return False
        if self.recorded_since is not None and look.recorded and look.recorded < format_time(self.recorded_since):
            return False
        return not (self.repository and look.repository) or is_repository(look.repository, self.repository)


def look_at(message: Message) -> Look:
    """What the message says of itself, in either mode of CloudEvents; empty where it is no event."""
    try:
        content = orjson.loads(message.value or b"")
    except orjson.JSONDecodeError:
        content = None
    if not isinstance(content, dict):
        return Look(message.key or b"", "", "", "", "")
    if "specversion" not in content:
        named = {name.removeprefix("ce_"): (text or b"").decode("utf-8", "replace") for name, text in message.headers}
        content = {**named, "data": content}
    data = content.get("data")
    return Look(
        message.key or _text(content, "partitionkey").encode(),
        _repository(_text(_part(_part(_part(data, "vcs"), "repository"), "url"), "full")),
        _text(content, "type"),
        _canonical(_text(content, "time")),
        _canonical(_text(content, "recordedtime")),
    )


def messages(values: Iterable[bytes]) -> Iterator[Message]:
    """Events as JSON, as messages; what they say themselves is their key."""
    return (Message(None, value) for value in values)


def share_of(key: bytes, shares: int) -> int:
    """Which of so many shares of history a key belongs to: the same for all that must be compared with each other."""
    return zlib.crc32(key) % shares


def is_repository(url: str, wanted: str) -> bool:
    """Whether a repository's canonical URL is the wanted one, or ends so (`owner/name`)."""
    return url == wanted or url.endswith("/" + wanted.strip("/"))


def _part(content: Any, name: str) -> Any:
    return content.get(name) if isinstance(content, dict) else None


def _text(content: Any, name: str) -> str:
    value = _part(content, name)
    return value if isinstance(value, str) else ""


@lru_cache(maxsize=4096)
def _repository(url: str) -> str:
    try:
        return ids.canonical_repository(url) if url else ""
    except ValueError:
        return url


def _canonical(time: str) -> str:
    if len(time) == _CANONICAL_LENGTH and time.endswith("Z"):
        return time
    try:
        return format_time(parse_time(time))
    except ValueError:
        return ""
