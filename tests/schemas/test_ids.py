"""Deterministic ids and the one spelling of a repository."""

import json
import uuid
from functools import partial
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipetrail_schemas import ids

CANONICAL = "https://git.example.com/harbour/ferry-booking"
PARTS = st.text(max_size=12)


@pytest.mark.parametrize(
    "url",
    [
        "https://git.example.com/harbour/ferry-booking",
        "https://git.example.com/harbour/ferry-booking/",
        "https://git.example.com/harbour/ferry-booking.git",
        "https://git.example.com/harbour/ferry-booking.git/",
        "https://git.example.com:443/harbour/ferry-booking.git",
        "https://GIT.Example.COM/harbour/ferry-booking",
        "https://git.example.com./harbour/ferry-booking",
        "https://mara@git.example.com/harbour/ferry-booking.git",
        "https://mara:s3cret@git.example.com/harbour//ferry-booking",
        "https://git.example.com/harbour/ferry-booking?tab=readme#top",
        "git+https://git.example.com/harbour/ferry-booking.git",
        "git+ssh://git@git.example.com/harbour/ferry-booking.git",
        "git@git.example.com:harbour/ferry-booking.git",
        "git.example.com:harbour/ferry-booking",
        "git@git.example.com:/harbour/ferry-booking.git",
        "ssh://git@git.example.com/harbour/ferry-booking.git",
        "ssh://git@git.example.com:2222/harbour/ferry-booking",
        "git://git.example.com/harbour/ferry-booking.git",
        "  https://git.example.com/harbour/ferry-booking\n",
    ],
)
def test_every_spelling_of_a_repository_has_one_canonical_form(url: str) -> None:
    """Protocol, credentials, default port, case of the host, slashes and `.git` make no difference."""
    assert ids.canonical_repository(url) == CANONICAL


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        ("http://git.local:8080/a/b.git", "http://git.local:8080/a/b"),
        ("http://git.local:80/a/b", "http://git.local/a/b"),
        ("https://git.local:8443/a/b", "https://git.local:8443/a/b"),
        ("https://[2001:DB8::1]:8443/a/b", "https://[2001:db8::1]:8443/a/b"),
        ("https://git.local/A/B", "https://git.local/A/B"),
        ("https://git.local/a b/ü", "https://git.local/a%20b/%C3%BC"),
        ("https://git.local/a%20b/%C3%BC", "https://git.local/a%20b/%C3%BC"),
        ("https://git.local/a/b.git.git/.git", "https://git.local/a/b"),
        ("/srv/git/ferry.git", "file:///srv/git/ferry"),
        ("/home/mara/ferry booking/.git", "file:///home/mara/ferry%20booking"),
        ("file:///srv/git/ferry.git", "file:///srv/git/ferry"),
        ("file://Host/srv/ferry", "file://host/srv/ferry"),
    ],
)
def test_what_names_another_place_stays_another_place(url: str, canonical: str) -> None:
    """Other ports, plain http, IPv6, paths and files keep what tells them apart."""
    assert ids.canonical_repository(url) == canonical


@pytest.mark.parametrize(
    "url",
    [
        "",
        " ",
        "ferry-booking",
        "https://",
        "https://git.local",
        "https://git.local/",
        "https:///a/b",
        "ftp://git.local/a",
        "file:///",
        "file://host-only",
        "git@git.local:",
        "https://git.local:99999/a",
        "https://git.local:port/a",
        "https://[::1/a",
        "http://[/a",
    ],
)
def test_what_names_no_repository_is_refused(url: str) -> None:
    """A ValueError that says what would do."""
    with pytest.raises(ValueError, match="names no repository"):
        ids.canonical_repository(url)


@pytest.mark.parametrize(
    "url", ["https://mara:s3cret@git.local:port/a", "ftp://mara:s3cret@git.local/a", "https://s3cret@[::1/a"]
)
def test_a_refusal_shows_no_credentials(url: str) -> None:
    """What stands before the @ stays out of messages, which end up in build logs."""
    with pytest.raises(ValueError, match="names no repository") as refusal:
        ids.canonical_repository(url)
    assert "s3cret" not in str(refusal.value)


@given(
    st.text(max_size=60)
    | st.from_regex(r"(https?|ssh|git|file)://[a-zA-Z0-9@:./\[\] %ü-]*", fullmatch=True)
    | st.from_regex(r"[a-z@.]+:[a-z/.%ü ]+")
)
def test_the_canonical_form_is_stable(url: str) -> None:
    """What is canonical comes out unchanged; what is not is canonical afterwards or refused with a ValueError."""
    try:
        canonical = ids.canonical_repository(url)
    except ValueError:
        return
    assert ids.canonical_repository(canonical) == canonical
    assert canonical.isascii() or "://" in canonical
    assert not any(character.isspace() for character in canonical)


@given(st.tuples(PARTS, PARTS, PARTS, PARTS), st.tuples(PARTS, PARTS, PARTS, PARTS))
def test_the_parts_of_an_id_cannot_be_confused(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    """Two facts have one id only if all their parts are equal: no separator can be smuggled in."""

    def made(parts: tuple[str, ...]) -> str:
        return ids.event_id(provider=parts[0], instance=parts[1], kind=parts[2], native_id=parts[3])

    assert (made(one) == made(other)) == (one == other)


def test_what_an_id_is_made_of_is_fixed() -> None:
    """Stored ids hang on it: this value must never change."""
    made = ids.event_id(provider="git", instance=CANONICAL, kind="commit", native_id="0" * 40)
    assert made == "6100e683-9b30-5e03-98b4-fcbd1c4994fd"
    assert uuid.UUID(made).version == 5
    assert ids.trail_id(CANONICAL, "0" * 40) == "9d8d0c58-f278-53ae-aed4-715b3091ab22"
    assert ids.finding_id("self-approval", ["b", "a"]) == "1bfd8a3e-15e9-5a77-b395-a2ac09a4c1f7"


def test_attempt_and_state_are_part_of_the_fact() -> None:
    """A re-run and a later state are facts of their own."""
    fact = partial(ids.event_id, provider="ci", instance=CANONICAL, kind="taskrun", native_id="7")
    made = {fact(), fact(attempt=2), fact(state="started"), fact(state="finished")}
    assert len(made) == 4


@given(st.lists(PARTS, max_size=5), st.randoms())
def test_a_finding_does_not_depend_on_the_order_of_its_evidence(inputs: list[str], random: Random) -> None:
    """Any order of the same inputs gives one id; a different kind of thing with the same parts has another."""
    shuffled = random.sample(inputs, len(inputs))
    assert ids.finding_id("rule", inputs) == ids.finding_id("rule", shuffled)
    assert ids.finding_id("rule", ["x"]) != ids.trail_id("rule", "x")


def test_the_content_hash_is_sha_256_of_the_bytes() -> None:
    """The well-known digest of nothing, and a change of one bit."""
    assert ids.content_hash(b"") == "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert ids.content_hash(b"\x00") != ids.content_hash(b"\x01")


@given(st.lists(PARTS, min_size=1))
def test_an_id_is_the_uuid_of_its_parts(parts: list[str]) -> None:
    """Made by hand for speed, an id is what the standard library's UUIDv5 of the parts' JSON is."""
    assert ids._uuid(*parts) == str(uuid.uuid5(ids.NAMESPACE, json.dumps(parts, separators=(",", ":"))))
