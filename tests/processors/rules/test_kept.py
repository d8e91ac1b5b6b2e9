"""What a dossier keeps is the same whether its facts are read or stay lines."""

from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from pipetrail_processors.state.state import MemoryState
from pipetrail_processors.watch.dossier import Dossier
from pipetrail_processors.watch.kept import Bounds

_BOUNDS = Bounds(4, 2, timedelta(days=3))
_FACTS = st.lists(
    st.builds(
        lambda number, day, kind, version: {
            "e": {"event_id": f"{number}", "time": f"2026-01-{day:02}T09:00:00.000Z", "type": kind},
            "r": f"2026-01-10T09:00:0{version}.000Z",
            "h": f"{version}",
        },
        st.integers(0, 8),
        st.integers(1, 9),
        st.sampled_from(["push.received", "policy.changed"]),
        st.integers(0, 2),
    ),
    min_size=1,
    max_size=14,
)


@given(_FACTS, st.data())
@settings(max_examples=200, deadline=None)
def test_reading_changes_nothing(facts: list[dict[str, Any]], data: st.DataObject) -> None:
    """A dossier that is written after each fact, and read now and then, says what one says that is read each time."""
    state, whole = MemoryState(), Dossier(MemoryState(), "r", "k")
    for fact in facts:
        dossier = Dossier(state, "r", "k")
        if data.draw(st.booleans()):
            assert len(dossier.facts) == len(dossier.kept.rows)
        if not dossier.append(fact, _BOUNDS):
            dossier.add(fact, _BOUNDS)
        whole.add(fact, _BOUNDS)
        dossier.save()
    dossier = Dossier(state, "r", "k")
    assert (dossier.facts, dossier.gone_until, dossier.day) == (whole.facts, whole.gone_until, whole.day)
    moments = [(fact["e"]["time"], fact["e"]["event_id"]) for fact in dossier.facts]
    assert moments == sorted(moments) == [tuple(row[:2]) for row in dossier.kept.rows]
    # What is put behind the others unread lies in the state as if it had been put among them.
    kept = state.get(dossier.name)
    dossier.save()
    assert state.get(dossier.name) == kept


def test_what_comes_after_all_others_is_not_compared_with_them() -> None:
    """Pushes one after the other, and nothing rare: each is put behind those before, and the first go."""
    state = MemoryState()
    for day in range(1, 6):
        dossier = Dossier(state, "r", "k")
        fact = {"e": {"event_id": f"{day}", "time": f"2026-01-0{day}T09:00:00.000Z", "type": "push.received"}, "r": "", "h": ""}
        assert dossier.append(fact, Bounds(4, 2, timedelta(days=30)))
        assert not dossier.append(fact, Bounds(4, 2, timedelta(days=30)))
        dossier.queued = True
        dossier.save()
    assert [fact["e"]["event_id"] for fact in Dossier(state, "r", "k").facts] == ["4", "5"]
