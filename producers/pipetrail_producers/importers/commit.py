"""A commit object, as git stores it, taken apart. Pure, standard library only, fast: it runs for every commit of a history.

The format is that of git's `Documentation/gitformat-commit` (headers, an empty line, the message); it was never enforced, so
anything but the bytes themselves may be missing or malformed, and nothing here raises on it.
"""

import re
from functools import lru_cache
from typing import NamedTuple

_DEFAULT_ENCODING = "utf-8"
# Every byte means something in it, and it is what most messages written before UTF-8 are in.
_FALLBACK_ENCODING = "latin-1"

# git takes `http://host` for a trailer named http; we do not.
_TRAILER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)[ \t]*:(?!//)[ \t]*(.*)$")
_CHERRY_PICK = "(cherry picked from commit "
# git's own: a last paragraph is one of trailers if it has one of these and a quarter of its lines are trailers, or all are
# (git-interpret-trailers).
_KNOWN_TRAILERS = frozenset({"Signed-off-by"})


class Person(NamedTuple):
    """An author, committer or tagger. `seconds` is Unix time as claimed; the zone that it was written in is not kept."""

    name: str
    email: str
    seconds: int


class Commit(NamedTuple):
    """What a commit says of itself. `signed` tells that it carries a signature, not that anybody checked it."""

    parents: list[str]
    author: Person
    committer: Person
    message: str
    signed: bool


def parse_commit(content: bytes) -> Commit:
    """Take a commit object's content apart.

    Text is decoded by the commit's `encoding` header, else as UTF-8; what does not decode, as Latin-1.
    """
    head, _, body = content.partition(b"\n\n")
    encoding = _header(head, b"encoding").decode("ascii", "replace").strip() or _DEFAULT_ENCODING
    # Parents stand before the author. A signature's lines are indented, so no header's name can be found inside one.
    before, _, _ = head.partition(b"\nauthor ")
    return Commit(
        [parent.decode("ascii", "replace") for parent in before.split(b"\nparent ")[1:]],
        parse_person(_header(head, b"author"), encoding),
        parse_person(_header(head, b"committer"), encoding),
        decode(body, encoding),
        b"\ngpgsig" in head,
    )


def tree_of(content: bytes) -> str:
    """The id of the tree, which a commit object begins with; empty where it does not."""
    first = content.partition(b"\n")[0]
    return first[5:].decode("ascii", "replace") if first.startswith(b"tree ") else ""


def parse_person(line: bytes, encoding: str = _DEFAULT_ENCODING) -> Person:
    """`NAME <EMAIL> SECONDS ZONE`; what is missing is empty, and 0 for the time."""
    identity, _, moment = line.rpartition(b">")
    try:
        seconds = int(moment.split()[0])
    except (IndexError, ValueError):
        seconds = 0
    return Person(*_name_and_email(identity, encoding), seconds)


def decode(text: bytes, encoding: str = _DEFAULT_ENCODING) -> str:
    """The text, whatever it is in; always such that it can be written as UTF-8."""
    if encoding == _DEFAULT_ENCODING:
        try:
            return text.decode()
        except UnicodeDecodeError:
            return text.decode(_FALLBACK_ENCODING)
    try:
        # Some codecs (UTF-7) bring forth half of a surrogate pair.
        return text.decode(encoding).encode("utf-8", "replace").decode()
    except (LookupError, ValueError):
        return decode(text)


def trailers(message: str) -> dict[str, list[str]]:
    """The trailers of the last paragraph (git-interpret-trailers), names capitalised alike: `Signed-off-by`, `Reviewed-by`."""
    _, _, last = message.rstrip().rpartition("\n\n")
    if ":" not in last or "\n\n" not in message:
        return {}
    found: dict[str, list[str]] = {}
    values: list[str] | None = None
    lines = others = 0
    for line in last.split("\n"):
        if line[:1] in {" ", "\t"} and values:
            values[-1] += " " + line.strip()
            continue
        lines += 1
        match = _TRAILER.match(line)
        if match:
            values = found.setdefault(match[1].capitalize(), [])
            values.append(match[2].strip())
        else:
            values = None
            others += not line.startswith(_CHERRY_PICK)
    is_block = not others or (not _KNOWN_TRAILERS.isdisjoint(found) and (lines - others) * 4 >= lines)
    return found if is_block else {}


def _header(head: bytes, name: bytes) -> bytes:
    _, _, rest = head.partition(b"\n" + name + b" ")
    return rest.partition(b"\n")[0]


# A history has few people and many commits.
@lru_cache(maxsize=100_000)
def _name_and_email(identity: bytes, encoding: str) -> tuple[str, str]:
    name, _, email = identity.partition(b"<")
    return decode(name, encoding).strip(), decode(email, encoding).strip(" <>")
