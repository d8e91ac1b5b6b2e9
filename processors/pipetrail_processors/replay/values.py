"""JSON values as they stand in a file: one a line, several a line, or spread over lines, alone or as the members of lists.

Almost all files have an object a line: such a line is read alone, and its bytes are the value's. Only what a line does not end
is read on, until its brackets are closed. What the values mean is left to others.
"""

import json
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, NamedTuple

import orjson
from pipetrail_schemas.errors import InvalidEventError

# Brackets count outside of texts; no text goes over the end of a line.
_TEXT = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"')
_SPACE = re.compile(r"[ \t\r\n]*")
_until_its_end = json.JSONDecoder().raw_decode
# Bytes that are read on for a value over several lines: a broken line must not take in all of a long file.
_MOST = 64 * 1024 * 1024


class Value(NamedTuple):
    """A value: where it stands, for people; what it is; its bytes, as they stand or in compact form."""

    place: str
    content: Any
    raw: bytes


def values(lines: Iterable[bytes]) -> Iterator[Value]:
    """The values of a file, those of a list one by one. Empty lines are skipped.

    Args:
        lines: of the file.

    Raises:
        InvalidEventError: something is no JSON, or does not end within 64 MiB; names the line.
    """
    numbered = enumerate(lines, start=1)
    for number, line in numbered:
        if not line.strip():
            continue
        try:
            content = orjson.loads(line)
        except orjson.JSONDecodeError:
            for found in _decoded(_read_on(number, line, numbered), number):
                yield from _each(f"line {number}", found)
        else:
            yield from _each(f"line {number}", content, line)


def _each(place: str, content: Any, raw: bytes | None = None) -> Iterator[Value]:
    if isinstance(content, list):
        for number, member in enumerate(content, start=1):
            yield Value(f"{place}, member {number}", member, orjson.dumps(member))
    else:
        yield Value(place, content, raw or orjson.dumps(content))


def _read_on(number: int, line: bytes, numbered: Iterator[tuple[int, bytes]]) -> bytes:
    """The line, with those after it until all brackets are closed or the file ends."""
    piece, size, depth = [], 0, 0
    for _, one in chain([(number, line)], numbered):
        piece.append(one)
        size += len(one)
        if size > _MOST:
            raise InvalidEventError([(f"line {number}", f"what begins here does not end within {_MOST >> 20} MiB")])
        bare = _TEXT.sub(b"", one)
        depth += bare.count(b"{") + bare.count(b"[") - bare.count(b"}") - bare.count(b"]")
        if depth <= 0:
            break
    return b"".join(piece)


def _decoded(piece: bytes, number: int) -> Iterator[Any]:
    """The values in the lines from this number on, one after the other."""
    text, at = "", 0
    try:
        text = piece.decode()
        at = _beyond_space(text, 0)
        while at < len(text):
            _, end = _until_its_end(text, at)
            # It is stricter: no NaN, nothing that UTF-8 cannot carry.
            yield orjson.loads(text[at:end])
            at = _beyond_space(text, end)
    except json.JSONDecodeError as exc:  # orjson's, too, which counts from the value's beginning
        before = 0 if exc.doc is text else text.count("\n", 0, at)
        raise InvalidEventError([(f"line {number + before + exc.lineno - 1}", f"is no JSON: {exc.msg}")]) from exc
    except (UnicodeDecodeError, RecursionError) as exc:
        raise InvalidEventError([(f"line {number}", f"is no JSON: {exc}")]) from exc


def _beyond_space(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return space.end() if space else at
