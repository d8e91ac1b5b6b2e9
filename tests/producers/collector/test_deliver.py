"""The delivering process: what Kafka will never take is kept, what is known of agents' numbers lasts, a gap is told once."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipetrail_producers.collector.deliver import Deliverer, _read_gaps
from pipetrail_producers.collector.errors import StoreFullError
from pipetrail_producers.collector.gaps import MAX_RANGES, Gaps, Missing, gap_fact, ripe
from pipetrail_producers.message import Message
from pipetrail_producers.redact import Redactor
from pipetrail_producers.webhook import fact
from pipetrail_schemas import codec
from pipetrail_schemas.check import lookup
from pipetrail_schemas.topics import DEAD_LETTERS, EVENTS
from support.collector import Collector

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


class Refusing:
    """Stands in for Kafka with a small limit: takes messages, and gives back those of over 200 bytes of value."""

    problem = ""

    def __init__(self) -> None:
        self.taken: list[Message] = []
        self.deliverer: Deliverer | None = None

    def publish(self, messages: Sequence[Message], *, stopped: Callable[[], bool]) -> list[Message]:
        """Take what is small enough."""
        del stopped
        refused = [message for message in messages if len(message.value) > 200]
        self.taken += [message for message in messages if message not in refused]
        if self.deliverer is not None:
            self.deliverer.stopping.set()
        return refused


def delivering(collector: Collector, publisher: Refusing, *, max_bytes: int) -> Deliverer:
    """What delivers the collector's store; `max_bytes` bounds what is kept of refusals."""
    return Deliverer(
        collector.folder,
        collector.sources,
        publisher,  # type: ignore[arg-type]  # a stand-in for Kafka
        Redactor({}),
        gap_wait_s=1,
        max_bytes=max_bytes,
    )


def test_what_kafka_refuses_for_its_size_is_kept(collector: Collector, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """The message goes to a file, a dead letter says which, and the store lets the entry go."""
    collector.post("/hooks/generic", b'{"event": "incident", "id": 1, "reason": "5xx"}')
    publisher = Refusing()
    publisher.deliverer = deliverer = delivering(collector, publisher, max_bytes=10_000)
    deliverer.run()
    (letter,) = publisher.taken
    assert letter.topic == DEAD_LETTERS.name
    assert EVENTS.name.encode() in dict(letter.headers)["error"]
    (kept,) = (collector.folder / "refused").iterdir()
    assert orjson.loads(letter.value)["not_sent"]["sha256"] == kept.name
    assert codec.decode(kept.read_bytes()).kind.name == "incident.reported"
    assert collector.entries() == []
    capfdbinary.readouterr()


def test_what_is_kept_is_bounded(collector: Collector) -> None:
    """Where there is no room for it, delivery ends with an error rather than without it."""
    collector.post("/hooks/generic", b'{"event": "incident", "id": 1, "reason": "5xx"}')
    with pytest.raises(StoreFullError, match="refused is full"):
        delivering(collector, Refusing(), max_bytes=100).run()
    assert len(collector.entries()) == 1


@given(st.lists(st.integers(0, 30), max_size=40), st.integers(1, 5))
def test_what_is_missing_is_what_did_not_come(numbers: list[int], restarts: int) -> None:
    """In any order, with repeats and restarts: due is what lies between the first number and the highest and never came."""
    gaps = Gaps()
    for place, number in enumerate(numbers):
        gaps.observe("agent", number, NOW)
        if place % restarts == 0:
            gaps = Gaps.of(orjson.loads(orjson.dumps(gaps.state())))
    missing = {number for _, one in gaps.due(LATER) for number in range(one.first, one.last + 1)}
    assert missing == set(range(numbers[0] if numbers else 0, max(numbers, default=0))) - set(numbers)


def test_a_gap_is_told_once_and_only_when_it_is_due() -> None:
    """Within the wait it may still fill; told, it is forgotten; filled, it was none."""
    gaps = Gaps()
    for number in (1, 4, 7):
        gaps.observe("agent", number, NOW)
    assert list(gaps.due(ripe(NOW, 60))) == []
    gaps.observe("agent", 2, NOW)
    due = list(gaps.due(ripe(LATER, 60)))
    assert due == [("agent", Missing(3, 3, NOW)), ("agent", Missing(5, 6, NOW))]
    for stream, one in due:
        gaps.told(stream, one)
    assert list(gaps.due(LATER)) == []


def test_a_gap_is_a_valid_event_with_one_id() -> None:
    """Whoever finds the gap makes the same event of it."""
    events = [fact.event(gap_fact("agent", Missing(5, 6, NOW)), recorded=moment) for moment in (NOW, LATER)]
    first, second = map(codec.validate, events)
    assert first.id == second.id
    assert first.kind.name == "source.gap"
    assert "5 to 6 of the stream agent" in str(first.data.event and first.data.event.reason)


def test_a_gap_that_was_told_and_fills_is_told_to_have_filled() -> None:
    """When the last of its numbers came, whatever the order and however often it was restarted meanwhile; once."""
    gaps = Gaps()
    for number in (1, 5):
        gaps.observe("agent", number, NOW)
    (due,) = gaps.due(LATER)
    gaps.told(*due)
    for number, filled in ((4, False), (2, False), (4, False), (3, True)):
        gaps = Gaps.of(orjson.loads(orjson.dumps(gaps.state())))
        gaps.observe("agent", number, LATER)
        assert bool(list(gaps.filled())) is filled
    assert list(gaps.filled()) == [("agent", Missing(2, 4, NOW), LATER)]
    told, over = (fact.event(gap_fact("agent", due[1], filled), recorded=LATER) for filled in (None, LATER))
    assert codec.validate(told).id != codec.validate(over).id
    assert lookup(told, "data.event.reason") == lookup(over, "data.event.reason")
    gaps.forget_filled()
    assert list(gaps.filled()) == []


def test_what_is_known_is_bounded() -> None:
    """Streams that were silent the longest are forgotten; a stream with too many gaps has the oldest told at once."""
    gaps = Gaps(most=3)
    for stream in "abcd":
        gaps.observe(stream, 0, NOW)
    assert sorted(gaps.state()) == ["b", "c", "d"]
    for number in range(0, 2 * (MAX_RANGES + 5), 2):
        gaps.observe("d", number, LATER)
    assert len(list(gaps.due(NOW))) == 4
    assert next(iter(gaps.due(NOW)))[1].first == 1


def test_a_lost_state_is_no_fault(tmp_path: Path) -> None:
    """A file of numbers that cannot be read is told, and the counting begins anew."""
    (tmp_path / "gaps.json").write_bytes(b"{broken")
    assert _read_gaps(tmp_path).state() == {}
