"""Batches and waits."""

from hypothesis import given
from hypothesis import strategies as st
from pipetrail_sinks import backoff
from pipetrail_sinks.batch import Batch, Limits
from pipetrail_sinks.message import Message

LIMITS = Limits(messages=3, size_bytes=100, age_s=0.5)
MESSAGES = st.lists(st.builds(Message, st.sampled_from("ab"), st.integers(0, 2), st.integers(0, 9), st.none(), st.binary()))


def _message(offset: int, size: int = 1, partition: int = 0) -> Message:
    return Message("t", partition, offset, None, b"x" * size)


def test_an_empty_batch_is_never_due() -> None:
    """Nothing to write is nothing to do, however long it takes."""
    assert not Batch(LIMITS).due(1e9)


def test_due_by_count_by_bytes_and_by_age() -> None:
    """A batch is due when any one of its bounds is reached."""
    by_count, by_bytes, by_age = Batch(LIMITS), Batch(LIMITS), Batch(LIMITS)
    by_count.add([_message(n) for n in range(3)], 0.0)
    by_bytes.add([_message(0, size=100)], 0.0)
    by_age.add([_message(0)], 10.0)
    assert by_count.due(0.0)
    assert by_bytes.due(0.0)
    assert not by_age.due(10.4)
    assert by_age.due(10.5)


def test_the_oldest_message_decides_the_age() -> None:
    """Messages that come later do not make the first one wait longer."""
    batch = Batch(LIMITS)
    batch.add([_message(0)], 0.0)
    batch.add([_message(1)], 0.4)
    assert batch.due(0.5)


@given(MESSAGES, st.sets(st.tuples(st.sampled_from("ab"), st.integers(0, 2))))
def test_nothing_of_a_lost_partition_is_left(messages: list[Message], gone: set[tuple[str, int]]) -> None:
    """After a partition is taken away, neither its messages nor its offset are in the batch; all others are, in order."""
    batch = Batch(LIMITS)
    batch.add(messages, 0.0)
    batch.drop(gone)
    assert batch.messages == [one for one in messages if (one.topic, one.partition) not in gone]
    assert not gone & batch.next_offsets().keys()


def test_the_next_offset_follows_the_last_message() -> None:
    """What is committed is the offset after the last message of each partition."""
    batch = Batch(LIMITS)
    batch.add([_message(4), _message(9, partition=1), _message(7)], 0.0)
    assert batch.next_offsets() == {("t", 0): 8, ("t", 1): 10}


@given(st.integers(1, 10**9), st.floats(0, 1, exclude_max=True))
def test_waits_are_bounded(attempt: int, chance: float) -> None:
    """However long an outage lasts, the next try is neither at once nor later than the longest wait."""
    assert backoff.FIRST_S / 2 <= backoff.delay_s(attempt, chance) <= backoff.LONGEST_S


def test_waits_grow() -> None:
    """Each failure in a row doubles the wait, up to the longest."""
    waits = [backoff.delay_s(attempt, 0.0) for attempt in range(1, 12)]
    assert waits[:3] == [0.125, 0.25, 0.5]
    assert waits[-1] == backoff.LONGEST_S / 2
