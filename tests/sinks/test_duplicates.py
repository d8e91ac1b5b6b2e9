"""Duplicates, retellings and integrity alarms."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipetrail_sinks.opensearch.duplicates import OF_THE_TELLING, contradictions
from support import samples

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.dictionaries(st.text(max_size=2), inner, max_size=3) | st.lists(inner, max_size=3),
    max_leaves=10,
)
OBJECTS = st.dictionaries(st.text(max_size=2), JSON, max_size=4)


@given(OBJECTS)
def test_nothing_contradicts_itself(content: dict[str, Any]) -> None:
    """A document does not contradict itself."""
    assert list(contradictions(content, content)) == []


@given(OBJECTS, OBJECTS)
def test_contradiction_is_mutual(one: dict[str, Any], other: dict[str, Any]) -> None:
    """What contradicts does so whichever came first."""
    assert set(contradictions(one, other)) == set(contradictions(other, one))


@given(OBJECTS, st.text(min_size=3, max_size=4), JSON)
def test_a_field_more_contradicts_nothing(content: dict[str, Any], name: str, value: Any) -> None:
    """The same fact told with a field more is the same fact."""
    assert list(contradictions(content, content | {name: value})) == []


def test_a_changed_result_is_named() -> None:
    """A result that was rewritten is a contradiction, and the field is named."""
    rewritten = samples.record(1)
    rewritten["pipetrail"]["result"] = "failure"
    assert list(contradictions(samples.record(1), rewritten)) == ["pipetrail.result"]


def test_what_belongs_to_the_telling_may_differ() -> None:
    """Recording time, hash, delivery and payload differ between a webhook and an importer without contradicting."""
    stored, told = samples.record(1), samples.record(1)
    stored["pipetrail"]["raw"], told["pipetrail"]["raw"] = {"a": 1}, {"b": 2, "a": 2}
    told["event"]["created"] = "2026-12-01T00:00:00.000Z"
    told["event"]["hash"] = "sha256:" + "0" * 64
    stored["event"]["ingested"] = "2026-11-23T09:02:13.000Z"
    stored["pipetrail"]["trail"], told["pipetrail"]["trail"] = {"id": "x"}, {"id": "y"}
    assert list(contradictions(stored, told)) == []
    assert {"event.created", "event.hash", "event.ingested", "pipetrail.raw", "pipetrail.trail"} <= OF_THE_TELLING


@pytest.mark.parametrize(
    ("time", "recorded", "expected"),
    [
        ("2026-11-23T09:02:11.900Z", "2026-11-23T09:02:12.000Z", []),
        ("2026-11-23T09:03:11.000Z", "2026-11-23T09:03:12.000Z", []),
        ("2026-11-23T09:03:11.001Z", "2026-11-23T09:03:12.000Z", ["@timestamp"]),
        ("2026-11-24T17:00:00.000Z", "2026-11-24T17:00:00.000Z", []),
    ],
)
def test_two_tellings_of_one_moment_may_differ_by_a_minute(time: str, recorded: str, expected: list[str]) -> None:
    """A moment told to the second is the same; so is a fact whose time is only that of receipt."""
    stored, told = samples.record(1), samples.record(1)
    assert stored["@timestamp"] == "2026-11-23T09:02:11.000Z"
    told["@timestamp"], told["event"]["created"] = time, recorded
    assert list(contradictions(stored, told)) == expected
    assert list(contradictions(told, stored)) == expected
