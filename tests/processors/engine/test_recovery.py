"""What Faust is told when partitions were given to this worker: that nothing is left to read. Kafka and disks are in memory."""

import asyncio
from collections import Counter
from collections.abc import Collection
from types import SimpleNamespace
from typing import Any, cast

import pytest
from faust.tables.recovery import RebalanceAgain
from faust.types import TP
from pipetrail_processors.engine import refill
from pipetrail_processors.engine.custody import Due
from pipetrail_processors.engine.lineage import NotOursError

FILLED, WHOLE = TP("changelog", 3), TP("changelog", 4)


class Table:
    """Stands for the table and its custody: one partition is to be filled, the changelog of the other to be written anew."""

    changelog_topic_name = "changelog"
    kafka = store = None

    def __init__(self, *, is_ours: bool = True) -> None:
        self.offsets: dict[int, int | None] = {3: 7, 4: 99}
        self.is_ours = is_ours
        self.done: list[Any] = []
        self.custody = self
        self.lock = asyncio.Lock()

    def persisted_offset(self, tp: TP) -> int | None:
        """As StateTable."""
        return self.offsets[tp.partition]

    async def take(self, partitions: Collection[int]) -> Due:
        """As Custody."""
        self.done.append(("take", sorted(partitions)))
        return Due(not_to_fill={4}, to_write_anew={4})

    async def take_copies(self, partitions: Collection[int]) -> None:
        """As Custody."""
        self.done.append(("copies", sorted(partitions)))

    def filled(self, partitions: Collection[int]) -> None:
        """As Custody."""
        self.done.append(("filled", sorted(partitions)))

    async def write_anew(self, partitions: Collection[int], is_ours: Any) -> None:
        """As Custody."""
        assert self.lock.locked()
        if not (self.is_ours and is_ours()):
            raise NotOursError
        self.done.append(("anew", sorted(partitions)))
        self.offsets[4] = 5


def told(table: Table, title: str, monkeypatch: pytest.MonkeyPatch) -> dict[TP, int]:
    """The offsets that Faust goes on from."""

    def fill(_kafka: Any, _store: Any, wanted: Collection[TP], *_others: Any) -> None:
        table.done.append(("fill", sorted(tp.partition for tp in wanted)))
        table.offsets[3] = 20

    async def main() -> dict[TP, int]:
        conf = SimpleNamespace(stream_recovery_delay=0.0)
        app = SimpleNamespace(conf=conf, rebalancing_count=1)
        recovery = refill._Recovery(cast("Any", app), cast("Any", {"state": table}))
        offsets: Counter[TP] = Counter({FILLED: 7, WHOLE: 99})
        await recovery._build_offsets(Earliest(), {FILLED, WHOLE}, offsets, title)
        return dict(offsets)

    monkeypatch.setattr(refill, "refill", fill)
    return asyncio.run(main())


class Earliest:
    """Stands for the consumer, of a changelog from which nothing was deleted."""

    async def earliest_offsets(self, *tps: TP) -> dict[TP, int]:
        """As Faust's consumer."""
        return dict.fromkeys(tps, 0)


def test_faust_goes_on_from_where_the_disks_are_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """Disks are filled, then changelogs written anew, and Faust is told what came of it, not what was there before."""
    table = Table()
    assert told(table, "active", monkeypatch) == {FILLED: 20, WHOLE: 5}
    assert table.done == [("take", [3, 4]), ("fill", [3]), ("filled", [3]), ("anew", [4])]


def test_copies_are_looked_at_and_filled_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that is worked on waits for them."""
    table = Table()
    assert told(table, "standby", monkeypatch) == {FILLED: 7, WHOLE: 99}
    assert table.done == [("copies", [3, 4])]


def test_a_rebalance_in_the_middle_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Faust hears of it in its own words."""
    with pytest.raises(RebalanceAgain):
        told(Table(is_ours=False), "active", monkeypatch)
