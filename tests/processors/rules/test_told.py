"""Histories as systems tell them: samples, changes by path, short forms; what is wrong is named with its line."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipetrail_processors.detect import notation, sample, told
from pipetrail_processors.detect.sample import WrongChangeError
from pipetrail_processors.detect.told import Sent
from pipetrail_schemas.errors import SettingError

SAMPLES = """\
ann: {payload: {login: ann, id: 7}}
hook:
  headers: {X-Event: none, X-Delivery: "{i}"}
  instance: https://git.example
  payload: {sender: "{ann}"}
push:
  like: hook
  headers: {X-Event: push}
  payload: {ref: refs/heads/main, after: c2, forced: false, commits: [{id: c2, time: "{at-2m}"}], at: "{at ms}"}
"""
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ONE = {"i": 1, "n": 1, "before": 0}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A user's folder, with samples of a forge that is not built in."""
    for name in ("samples", "forge"):
        (tmp_path / "told" / name).mkdir(parents=True)
    (tmp_path / "told" / "samples" / "forge.yaml").write_text(SAMPLES, encoding="utf-8")
    return tmp_path


def deliveries(folder: Path, text: str) -> tuple[Sent, ...]:
    """What the one history of a file sends, of which these are the deliveries."""
    lines = "".join(f"      - {line}\n" for line in text.strip().splitlines())
    file = folder / "told" / "forge" / "mine.yaml"
    file.write_text(f"webhook:\n  - says: a\n    fires: 0\n    deliveries:\n{lines}", encoding="utf-8")
    (history,) = told.told("mine", folder)
    assert (history.by, history.how, history.says, history.fires) == ("forge", "webhook", "a", 0)
    return history.deliveries


def test_a_delivery_is_a_sample_with_its_changes(folder: Path) -> None:
    """Values are replaced, added and taken out by path; parts, commit ids and times are spelled out."""
    (sent,) = deliveries(folder, "{send: push, with: {forced: true, commits.0.id: c3}, add: {new: '{ann}'}, without: [ref]}")
    assert sent == Sent(
        {"X-Event": "push", "X-Delivery": "1"},
        {
            "sender": {"login": "ann", "id": 7},
            "after": "2" * 40,
            "forced": True,
            "commits": [{"id": "3" * 40, "time": "2026-01-05T08:58:00Z"}],
            "at": 1_767_603_600_000,
            "new": {"login": "ann", "id": 7},
        },
        notation.START,
        "https://git.example",
    )


def test_a_delivery_may_be_said_whole(folder: Path) -> None:
    """With headers and instance of its own."""
    text = "{payload: {a: {b: 1}}, headers: {X: y}, instance: https://a.example, at: 2026-03-01T12:00:00Z}"
    assert deliveries(folder, text) == (Sent({"X": "y"}, {"a": {"b": 1}}, NOON, "https://a.example"),)


def test_repeated_deliveries_have_numbers_and_times_and_take_turns(folder: Path) -> None:
    """The history goes on counting, each repetition has its own number, and the minutes are counted from the start."""
    text = "{send: push}\n{send: push, repeat: 3, every: 10, minute: 60, with: {ref: 'v{n}'}, cycle: {forced: [true, false]}}"
    first, *rest = deliveries(folder, text)
    assert first.payload["ref"] == "refs/heads/main"
    assert [(one.headers["X-Delivery"], one.payload["ref"], one.payload["forced"]) for one in rest] == [
        ("2", "v1", True),
        ("3", "v2", False),
        ("4", "v3", True),
    ]
    assert [(one.received - notation.START).total_seconds() / 60 for one in rest] == [60, 70, 80]


def test_what_comes_later_than_it_happened_says_so(folder: Path) -> None:
    """Its own times are those of the happening."""
    (sent,) = deliveries(folder, "{send: push, at: 2026-03-01T11:00:00Z, received: 2026-03-01T12:00:00Z}")
    assert (sent.payload["commits"][0]["time"], sent.received) == ("2026-03-01T10:58:00Z", NOON)


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("{send: nothing}", 5, "there is no sample 'nothing'; allowed: ann, hook, push"),
        ("{send: push}\n{send: push, with: {reff: x}}", 6, "reff: there is no reff; it has after, at"),
        ("{send: push, with: {commits.1.id: c3}}", 5, "commits.1.id: there is no 1; it has 0"),
        ("{send: push, with: {ref.name: c3}}", 5, "ref.name: name is in no object and no list"),
        ("{send: push, add: {ref: x}}", 5, "ref: there is already ref"),
        ("{send: push, without: [ref, reff]}", 5, "reff: there is no reff"),
        ("{send: push, with: {sender: '{bob}'}}", 5, "{bob}: there is no such sample"),
        ("{send: push, cycle: {reff: [x]}}", 5, "reff: there is no reff"),
        ("{send: push, payload: {}}", 5, "either `send` names a sample, or `payload`"),
        ("{send: push, minute: 1, at: 2026-03-01T12:00:00Z}", 5, "either `minute` or `at`"),
        ("{send: push, wiht: {}}", 5, "is not known here; allowed: send, with"),
    ],
)
def test_what_is_wrong_is_named_with_file_and_line(folder: Path, text: str, line: int, problem: str) -> None:
    """So that a history of many deliveries can be mended."""
    with pytest.raises(SettingError) as caught:
        deliveries(folder, text)
    assert f"mine.yaml:{line}: " in str(caught.value)
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("a: {like: b}", 1, "there is no such sample; allowed: a"),
        ("a: {like: b}\nb: {like: a}", 2, "is like itself"),
        ("a: {}\nb: {payload: {c: '{b}'}}", 2, "{b}: is a part of itself"),
        ("a: {pay: {}}", 1, "is not known here"),
    ],
)
def test_what_is_wrong_with_a_sample_is_named_with_file_and_line(tmp_path: Path, text: str, line: int, problem: str) -> None:
    """Samples are read as loudly as the histories that send them."""
    file = tmp_path / "samples.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingError) as caught:
        sample.load(file, {})
    assert f"samples.yaml:{line}: " in str(caught.value)
    assert problem in str(caught.value)


def test_a_format_is_told_or_cannot_be(folder: Path) -> None:
    """Both at once is a contradiction; why it cannot be is kept for the page."""
    file = folder / "told" / "forge" / "mine.yaml"
    file.write_text("cannot: {audit log: it has none}", encoding="utf-8")
    assert told.pages("mine", folder) == {"forge": told.Page((), {"audit log": "it has none"})}
    history = "{says: a, fires: 0, deliveries: [{send: push}]}"
    file.write_text(f"cannot: {{webhook: it has none}}\nwebhook: [{history}]", encoding="utf-8")
    with pytest.raises(SettingError, match=r"webhook: it cannot be told, and here it is"):
        told.pages("mine", folder)


def test_a_users_samples_add_to_the_built_in_ones(folder: Path) -> None:
    """And may be like them."""
    (folder / "told" / "samples" / "github.yaml").write_text("mine: {like: push, payload: {forced: true}}", encoding="utf-8")
    (folder / "told" / "github").mkdir()
    text = "webhook: [{says: a, fires: 1, deliveries: [{send: mine}, {send: push}]}]"
    (folder / "told" / "github" / "mine.yaml").write_text(text, encoding="utf-8")
    ((own, built_in),) = (one.deliveries for one in told.told("mine", folder))
    assert (own.payload["forced"], built_in.payload["forced"]) == (True, False)
    assert own.headers["X-GitHub-Event"] == "push"


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("{at}", "2026-03-01T12:00:00Z"),
        ("{at+36h}", "2026-03-03T00:00:00Z"),
        ("{at s}", 1_772_366_400),
        ("{at-1d utc}", "2026-02-28 12:00:00 UTC"),
        ("7{i}", 71),
        ("v{n}", "v1"),
        ("17", "17"),
        ("{unknown}", "{unknown}"),
        ("a/{c2}/b", f"a/{'2' * 40}/b"),
        ("c{n}", "1" * 40),
        ("c0", "0" * 40),
        ("d12", f"sha256:{'12'.ljust(64, 'd')}"),
        (NOON, "2026-03-01T12:00:00Z"),
        (NOON.replace(tzinfo=None), "2026-03-01T12:00:00Z"),
        (NOON.date(), "2026-03-01"),
        ({"a": ["c1", 2, None, True]}, {"a": ["1" * 40, 2, None, True]}),
    ],
)
def test_short_forms_are_spelled_out(text: Any, full: Any) -> None:
    """Ids, numbers and times; a text of digits that nothing was filled into stays a text."""
    assert notation.filled(text, ONE, NOON) == full


@given(st.integers(0, 999_999), st.integers(0, 999_999))
def test_no_two_short_ids_stand_for_one(one: int, other: int) -> None:
    """However many digits they have, but for zeros in front."""
    ids = [notation.spelled_out(f"c{number}") for number in (one, other)]
    assert all(len(full) == 40 for full in ids)
    assert (ids[0] == ids[1]) == (one == other)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "c"]), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), _JSON, max_size=3), st.text("abc01.", max_size=5), _JSON)
def test_a_change_changes_what_it_names_or_is_refused(payload: dict[str, Any], path: str, value: Any) -> None:
    """The sample stays as it is; what was added can be taken out again."""
    before = repr(payload)
    try:
        added = sample.changed(payload, {}, {path: value}, ())
    except WrongChangeError:
        pass
    else:
        assert sample.changed(added, {}, {}, (path,)) == payload
        assert sample.changed(added, {path: 1}, {}, ()) == sample.changed(payload, {}, {path: 1}, ())
    assert repr(payload) == before
