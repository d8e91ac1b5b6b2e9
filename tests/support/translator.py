"""What must hold of every system's translator, and what tests need to say so: deliveries, events, damaged payloads."""

import copy
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from pipetrail_producers.webhook.delivery import Delivery
from pipetrail_producers.webhook.fact import event
from pipetrail_producers.webhook.translation import System, Translation, UntranslatableError
from pipetrail_schemas.check import event_problems
from pipetrail_schemas.codec import decode

RECEIVED = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
FIXTURES = Path(__file__).parents[3] / "shared" / "fixtures"
# Characters: a dead letter's reason is read by people.
_MAX_REFUSAL = 500

Event = dict[str, Any]

_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=40)
    | st.sampled_from(["", " ", "0" * 40, "a" * 6_000, "sha256:", "https://", "http://[", "2026-13-01T00:00:00Z", "\x00"])
)
JSON = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)


def delivery(payload: Any, headers: dict[str, str] | None = None, **more: Any) -> Delivery:
    """A delivery received at RECEIVED."""
    return Delivery(headers or {}, payload, RECEIVED, **more)


def events(told: Translation) -> list[Event]:
    """The valid events of a translation, in its order."""
    made = [event(fact, recorded=RECEIVED) for fact in told.facts]
    for one in made:
        assert list(event_problems(one)) == []
        decode(json.dumps(one).encode())
    return made


def translated(system: System, payload: Any, headers: dict[str, str] | None = None, **more: Any) -> list[Event]:
    """The valid events of a payload."""
    return events(system.translate(delivery(payload, headers, **more)))


def short_types(made: Iterable[Event]) -> list[str]:
    """The events' short types."""
    return [one["type"].removeprefix("dev.pipetrail.").removesuffix(".v1") for one in made]


def assert_is_total(system: System, damaged: Delivery) -> None:
    """A delivery, whatever it holds, becomes valid events, or a sentence why there are none, or an UntranslatableError."""
    assert isinstance(system.kind(damaged), str)
    refusal = ""
    told = Translation()
    try:
        told = system.translate(damaged)
    except UntranslatableError as exc:
        refusal = str(exc)
    assert [bool(told.facts), bool(told.silent), bool(refusal)].count(True) == 1
    assert not refusal or refusal.startswith((system.name, "cdevents"))
    assert len(refusal) < _MAX_REFUSAL
    events(told)


def assert_table_is_true(system: System, told: Translation, kind: str) -> None:
    """The kinds that a system lists say which events each of them becomes."""
    listed = system.kinds[kind]
    assert {fact.type for fact in told.facts} <= set(listed.events)
    assert listed.takes


def damaged(samples: list[Any]) -> st.SearchStrategy[Any]:
    """A sample with any JSON in any of its places, or without that place."""
    places = [(number, path) for number, sample in enumerate(samples) for path in _paths(sample)]
    return st.builds(
        lambda place, value, is_gone: _put(copy.deepcopy(samples[place[0]]), place[1], value, is_gone=is_gone),
        st.sampled_from(places),
        JSON,
        st.booleans(),
    )


def saved(folder: str) -> list[Path]:
    """The JSON files of a folder of other systems' payloads; skips the test where they are not on this machine."""
    found = sorted((FIXTURES / folder).rglob("*.json"))
    if not found:
        pytest.skip(f"{FIXTURES / folder} is not there")
    return found


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in members:
        yield from _paths(member, (*path, key))


def _put(whole: Any, path: tuple[Any, ...], value: Any, *, is_gone: bool) -> Any:
    if not path:
        return value
    *parents, last = path
    inner = whole
    for key in parents:
        inner = inner[key]
    if is_gone:
        del inner[last]
    else:
        inner[last] = value
    return whole
