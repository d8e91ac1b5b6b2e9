"""Which offsets may be committed."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st
from pipetrail_processors.transport.batch import Batch, Progress


@dataclass(frozen=True)
class Stub:
    """A message of which only the place counts."""

    offset: int
    topic: str = "t"
    partition: int = 0
    timestamp: int | None = None
    key: bytes | None = None
    value: bytes | None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()


def batches_of(steps: list[tuple[int, int]]) -> list[Batch]:
    """Batches with holes between and inside: (how far the first offset jumps, how far the last is from the first)."""
    made, offset = [], 0
    for jump, length in steps:
        first = offset + jump
        made.append(Batch([Stub(first), Stub(first + length)] if length else [Stub(first)]))
        offset = made[-1].end
    return made


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_what_is_committed_has_no_open_batch_before_it(steps: list[tuple[int, int]], random: object) -> None:
    """In whatever order batches get done, the offset is the end of the longest done run from the first one."""
    batches = batches_of(steps)
    progress = Progress()
    for batch in batches:
        progress.add(batch)
    order = list(batches)
    random.shuffle(order)  # type: ignore[attr-defined]
    for batch in order:
        batch.done = True
        done = next((number for number, one in enumerate(batches) if not one.done), len(batches))
        assert progress.committable() == (batches[done - 1].end if done else None)
    assert progress.idle


def test_a_batch_that_got_lost_is_noticed() -> None:
    """A done batch behind an open one says that the open one was dropped; in order, nothing is broken."""
    first, second = batches_of([(0, 4), (0, 4)])
    progress = Progress()
    progress.add(first)
    progress.add(second)
    assert not progress.broken
    second.done = True
    noticed = progress.broken
    first.done = True
    assert (noticed, progress.broken) == (True, False)


def test_the_offset_stays_when_nothing_new_is_done() -> None:
    """Asked again, the book gives the same offset: a commit that failed is tried again."""
    (batch,) = batches_of([(3, 2)])
    progress = Progress()
    progress.add(batch)
    assert progress.committable() is None
    batch.done = True
    assert [progress.committable(), progress.committable()] == [6, 6]
