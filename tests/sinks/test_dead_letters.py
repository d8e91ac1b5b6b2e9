"""The headers of dead letters."""

from hypothesis import given
from hypothesis import strategies as st
from pipetrail_sinks.dead_letters import MAX_ERROR_CHARS, headers
from pipetrail_sinks.message import Message, Refusal

HEADERS = st.lists(st.tuples(st.text(), st.none() | st.binary()))


@given(HEADERS, st.text(), st.text())
def test_the_original_headers_are_kept(original: list[tuple[str, bytes | None]], kind: str, error: str) -> None:
    """Every header of the refused message is there, prefixed and untouched, before those that say what was wrong."""
    made = headers(Refusal(Message("t", 3, 7, None, b"x", tuple(original), 12), kind, error))
    assert made[: len(original)] == [(f"original-{name}", value) for name, value in original]
    told = dict(made[len(original) :])
    assert [*told] == ["error", "error-type", "topic", "partition", "offset", "timestamp", "stage"]
    assert (told["topic"], told["partition"], told["offset"], told["timestamp"]) == (b"t", b"3", b"7", b"12")
    assert told["stage"] == b"index"


def test_a_long_error_is_cut() -> None:
    """The error's text does not make a message too large for its topic."""
    told = dict(headers(Refusal(Message("t", 0, 0, None, b"x"), "kind", "e" * 100_000)))
    assert len(told["error"] or b"") == MAX_ERROR_CHARS
