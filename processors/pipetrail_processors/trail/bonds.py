"""What binds one commit to another: merges, temporary merges, cherry-picks, reverts, and the same work under another id.

A bond is told by an event of one of the two and shown in both trails. It never makes two trails one: what was built of a
change's head was not built of the commit that a squash made of it.
"""

import hashlib
import re
from typing import NamedTuple

from pipetrail_schemas.event import FULL_REVISION

from pipetrail_processors.enrich.reading import Content, Reading

# git cherry-pick -x and git revert write these lines (builtin/revert.c and sequencer.c of git).
_PICKED = re.compile(r"^\(cherry picked from commit ([0-9a-f]{40}|[0-9a-f]{64})\)$", re.MULTILINE)
_REVERTS = re.compile(r"\bThis reverts commit ([0-9a-f]{40}|[0-9a-f]{64})\b")
# A merge has two parents as a rule; git allows many, and a hundred are known from practice.
_MAX_BONDS = 128
_IDENTITY_LENGTH = 24  # hexadecimal digits of SHA-256: 96 bits
EXACT, STRONG, FAIR = "exact", "strong", "fair"


class Bond(NamedTuple):
    """One kind of bond: how it is called from the other side, how strong it is, and why it holds."""

    inverse: str
    strength: str
    why: str


BONDS = {
    "head": Bond("merged_as", STRONG, "the system that merged the change says so"),
    "squash_of": Bond("squashed_as", STRONG, "it changes as one commit what the other's branch changed"),
    "merges": Bond("merged_by", EXACT, "it is a parent of the merge commit"),
    "test_merge": Bond("test_merge_of", STRONG, "the system that made the temporary merge says so"),
    "cherry_pick_of": Bond("cherry_picked_as", FAIR, "the commit's message says so"),
    "reverts": Bond("reverted_by", FAIR, "the commit's message says so"),
    "same_work": Bond("same_work", FAIR, "the author, the author's time and the whole message are the same"),
}
INVERSE = {**{kind: bond.inverse for kind, bond in BONDS.items()}, **{bond.inverse: kind for kind, bond in BONDS.items()}}


def bond(kind: str) -> Bond:
    """What there is to say of a kind, from whichever side."""
    return BONDS.get(kind) or BONDS[INVERSE[kind]]


def bonds_of(reading: Reading) -> list[tuple[str, str]]:
    """What the event says its commit is bound to, as (kind, other commit)."""
    commit = reading.commit
    if commit is None:
        return []
    found = []
    if reading.kind.name == "change.merged":
        found.append(("head", reading.head.get("revision")))
    if reading.kind.name == "commit.squashed":
        found.append(("squash_of", reading.own["squash"]["head"]))
    if told := reading.own.get("change"):
        found.append(("test_merge", told.get("test_merge_revision")))
    if reading.kind.name == "commit.recorded" and (about := reading.own.get("commit")):
        message = about.get("message") or ""
        found += [("merges", parent) for parent in (about.get("parents") or ())[1:]]
        found += [("cherry_pick_of", other) for other in _PICKED.findall(message)]
        found += [("reverts", other) for other in _REVERTS.findall(message)]
    full = [(kind, other) for kind, other in found if other and len(other) >= FULL_REVISION and other != commit]
    return list(dict.fromkeys(full))[:_MAX_BONDS]


def identity_of(commit: Content) -> str | None:
    """What stays the same when a commit is rebased or picked: author, author's time and message. None where one is unknown."""
    author, message = commit.get("author"), commit.get("message")
    if not (author and message and author.get("time")):
        return None
    told = "\0".join((author.get("email") or author.get("name") or "", author["time"], _PICKED.sub("", message).rstrip()))
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:_IDENTITY_LENGTH]
