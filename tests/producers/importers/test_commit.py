"""Commit objects taken apart, and the events made of them."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipetrail_producers.importers.commit import Commit, Person, parse_commit, parse_person, trailers
from pipetrail_producers.importers.commit_event import EventMaker, Tag
from pipetrail_schemas import codec, ids
from pipetrail_schemas.event import Event
from pipetrail_schemas.topics import MAX_EVENT_BYTES

REPOSITORY = "https://git.acme.example/acme/shop"
RECORDED = datetime(2026, 11, 23, 9, 2, 11, tzinfo=UTC)
MAKER = EventMaker(REPOSITORY, RECORDED)
SHA = "8f2c1ab0c3d4e5f60718293a4b5c6d7e8f901234"
PARENT = b"4b825dc642cb6eb9a060e54bf8d69288fbee4904"
ADA = b"Ada Lovelace <ada@acme.example> 1700000000 +0100"
GRACE = b"Grace Hopper <grace@acme.example> 1700000600 -0500"


def raw(message: bytes, *, author: bytes = ADA, committer: bytes = GRACE, parents: int = 1, extra: bytes = b"") -> bytes:
    """A commit object's content."""
    lines = b"tree " + PARENT + (b"\nparent " + PARENT) * parents
    return lines + b"\nauthor " + author + b"\ncommitter " + committer + extra + b"\n\n" + message


def event_of(content: bytes) -> Event:
    """The event of a commit object, as a writer of the schema accepts it."""
    return codec.validate(json.loads(MAKER.commit(SHA, parse_commit(content))))


def test_author_and_committer_stay_apart() -> None:
    """Both are kept with their own times; the author is the actor, the committer's time is the event's."""
    event = event_of(raw(b"PAY-17 retry\n"))
    commit = event.extra.commit
    assert commit is not None
    assert commit.author is not None
    assert commit.committer is not None
    assert (event.actor, commit.author.name, commit.committer.name) == ("Ada Lovelace", "Ada Lovelace", "Grace Hopper")
    assert commit.author.time == datetime.fromtimestamp(1700000000, UTC)
    assert event.time == commit.committer.time == datetime.fromtimestamp(1700000600, UTC)
    assert (event.commit, event.repository, event.partitionkey) == (SHA, REPOSITORY, REPOSITORY)
    assert event.extra.ticket is not None
    assert event.extra.ticket.id == "PAY-17"
    assert event.authtype is None


def test_the_id_is_that_of_the_commit() -> None:
    """Whoever tells of the commit computes the same id, at whatever time."""
    expected = ids.event_id(provider="git", instance=REPOSITORY, kind="commit", native_id=SHA)
    later = EventMaker(REPOSITORY, datetime(2027, 1, 1, tzinfo=UTC))
    assert json.loads(MAKER.commit(SHA, parse_commit(raw(b"x"))))["id"] == expected
    assert json.loads(later.commit(SHA, parse_commit(raw(b"y"))))["id"] == expected


@pytest.mark.parametrize("parents", [0, 1, 2, 8])
def test_merges_are_told_by_their_parents(parents: int) -> None:
    """A root, a plain commit, a merge and an octopus keep as many parents as they have."""
    commit = event_of(raw(b"x", parents=parents)).extra.commit
    assert commit is not None
    assert commit.parents == [PARENT.decode()] * parents


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (raw("Größe\n".encode()), "Größe\n"),
        (raw("Größe".encode("latin-1"), extra=b"\nencoding ISO-8859-1"), "Größe"),
        (raw("価格".encode("euc-jp"), extra=b"\nencoding EUC-JP"), "価格"),
        (raw("Größe".encode("latin-1")), "Größe"),
        (raw("Größe".encode(), extra=b"\nencoding no-such-thing"), "Größe"),
        (raw("Größe".encode(), extra=b"\nencoding hex"), "Größe"),
        (raw(b"\xd8\x00", extra=b"\nencoding utf-16-be"), "Ø\x00"),
        (raw(b"+2AA-", extra=b"\nencoding utf-7"), parse_commit(raw(b"+2AA-", extra=b"\nencoding utf-7")).message),
        (raw(b"no newline"), "no newline"),
        (raw(b""), ""),
        (raw(b"a\x00b"), "a\x00b"),
    ],
)
def test_messages_are_decoded(content: bytes, message: str) -> None:
    """The encoding header rules, else UTF-8; what does not decode becomes Latin-1, and every result can be written.

    The event's message has no white space at its ends: forges list messages without, and both tellings are one fact.
    """
    found = parse_commit(content).message
    assert found == message
    commit = event_of(content).extra.commit
    assert commit is not None
    assert commit.message == found.strip()


def test_a_signature_that_nobody_checked_is_unverified() -> None:
    """Present is not good: only git's verdict makes it so, and then the actor is established."""
    signed = raw(b"x", extra=b"\ngpgsig -----BEGIN PGP SIGNATURE-----\n \n committer Eve <eve@x> 1 +0000\n -----END-----")
    states = [event_of(content).extra.commit.signature.state for content in (raw(b"x"), signed)]  # type: ignore[union-attr]
    assert states == ["none", "unverified"]
    assert parse_commit(signed).committer.name == "Grace Hopper"
    good = codec.validate(json.loads(MAKER.commit(SHA, parse_commit(signed), {"state": "good", "signer": "ada@x"})))
    bad = codec.validate(json.loads(MAKER.commit(SHA, parse_commit(signed), {"state": "bad", "signer": "ada@x"})))
    assert (good.authtype, good.authid, bad.authtype) == ("user", "ada@x", None)


@pytest.mark.parametrize(
    ("line", "person"),
    [
        (b"Ada <ada@x> 12 +0000", Person("Ada", "ada@x", 12)),
        (b" <> 12 +0000", Person("", "", 12)),
        (b"Ada <ada@x>", Person("Ada", "ada@x", 0)),
        (b"Ada <a> <b> 12 +51800", Person("Ada", "a> <b", 12)),
        (b"", Person("", "", 0)),
        (b"Ada <ada@x> soon", Person("Ada", "ada@x", 0)),
        (b"Ada <ada@x> -12 +0000", Person("Ada", "ada@x", -12)),
    ],
)
def test_malformed_people_are_read_as_far_as_they_go(line: bytes, person: Person) -> None:
    """Old tools wrote people in many ways; what is missing is empty."""
    assert parse_person(line) == person


@pytest.mark.parametrize("seconds", [b"-1", b"99999999999999999999", b"253402300800"])
def test_times_beyond_the_calendar_become_1970(seconds: bytes) -> None:
    """A commit may claim any time; one that no calendar has is shown as git shows it."""
    assert event_of(raw(b"x", committer=b"A <a@x> " + seconds + b" +0000")).time == datetime(1970, 1, 1, tzinfo=UTC)


def test_bots_are_apps() -> None:
    """A commit by an app's account is not a person's."""
    actor = event_of(raw(b"x", author=b"renovate[bot] <29139614+renovate[bot]@users.noreply.github.com> 1 +0000")).extra.actor
    assert actor is not None
    assert actor.type == "app"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("t\n\nReviewed-by: A <a@x>\nreviewed-BY: B <b@x>\n", {"Reviewed-by": ["A <a@x>", "B <b@x>"]}),
        ("t\n\nbody\n\nSigned-off-by: A\n (c) note\n", {"Signed-off-by": ["A (c) note"]}),
        ("t\n\nsome words\nmore\nSigned-off-by: A\n", {"Signed-off-by": ["A"]}),
        ("t\n\n1\n2\n3\n4\nSigned-off-by: A\n", {}),
        ("t\n\nsome words\nNote: this\n", {}),
        ("t\n\nAcked-by: A\n(cherry picked from commit 1234)\n", {"Acked-by": ["A"]}),
        ("Fix: the title is no trailer", {}),
        ("t\n\nhttp://x is: no\n", {}),
        ("", {}),
    ],
)
def test_trailers_follow_gits_rule(message: str, expected: dict[str, list[str]]) -> None:
    """The last paragraph, if all of it is trailers, or a quarter with one that git itself writes."""
    assert trailers(message) == expected


def test_a_huge_message_says_that_it_goes_on() -> None:
    """What the schema cannot take is not cut silently: length and digest of the whole stand at the end."""
    event = event_of(raw(b"\x01" * 300_000 + b"\n\n" + b"A: b\n" * 30_000))
    commit = event.extra.commit
    assert commit is not None
    assert "450001 characters in all, sha256:" in (commit.message or "")
    assert commit.trailers == {"A": ["[30000 values, too long to repeat: see the message]"]}
    assert len(codec.encode(event)) < MAX_EVENT_BYTES


def test_a_tag_is_an_event_of_its_tagger() -> None:
    """An annotated tag says who tagged which commit when; set anew on another commit it is another fact."""
    tag = Tag("v1", SHA, "c" * 40, Person("Ada", "ada@x", 1700000000))
    event = codec.validate(json.loads(MAKER.tag(tag)))
    assert (event.kind.name, event.actor, event.commit) == ("tag.created", "Ada", SHA)
    assert event.time == datetime.fromtimestamp(1700000000, UTC)
    assert json.loads(MAKER.tag(tag._replace(object_id="d" * 40)))["id"] != event.id


_LINE = st.binary(max_size=60).filter(lambda line: b"\n" not in line)


@given(message=st.binary(max_size=400), author=_LINE, committer=_LINE, encoding=_LINE)
def test_whatever_a_commit_holds_its_event_is_valid(message: bytes, author: bytes, committer: bytes, encoding: bytes) -> None:
    """Any bytes in people, message and encoding give an event that a writer of the schema accepts."""
    event = event_of(raw(message, author=author, committer=committer, extra=b"\nencoding " + encoding))
    assert event.commit == SHA


@given(st.binary())
def test_no_bytes_make_parsing_fail(content: bytes) -> None:
    """Even what is no commit at all is taken apart."""
    assert isinstance(parse_commit(content), Commit)
