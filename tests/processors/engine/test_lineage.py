"""Whether a state is whole, told from marks: a little world of events, a changelog and disks, to which everything happens."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pipetrail_processors.engine.lineage import Disk, Log, Mark, Verdict, judge

Values = dict[int, int]


def after(events: int) -> Values:
    """The state that so many events lead to: each sets a key, some remove one."""
    state: Values = {}
    for number in range(events):
        change(state, number)
    return state


def change(state: Values, number: int) -> None:
    """What one event does."""
    if number % 3 == 2:
        state.pop(number % 4, None)
    else:
        state[number % 4] = number


@dataclass
class Store:
    """A disk."""

    values: Values
    made_of: Disk


@dataclass
class Changelog:
    """A compacted topic: (offset, key, value or None)."""

    log: Log
    records: list[tuple[int, int, int | None]] = field(default_factory=list)

    def append(self, key: int, value: int | None) -> int:
        """One more record; returns its offset."""
        offset = self.log.end
        self.records.append((offset, key, value))
        self.log = self.log._replace(end=offset + 1)
        return offset

    def fill(self, disk: Store) -> None:
        """What a worker does with a disk that the changelog goes on from."""
        for offset, key, value in self.records:
            if offset > disk.made_of.reached:
                if value is None:
                    disk.values.pop(key, None)
                else:
                    disk.values[key] = value
        disk.made_of = disk.made_of._replace(reached=self.log.end - 1)


class Partition:
    """One partition in the hands of a worker that may be killed anywhere."""

    def __init__(self) -> None:
        self.topics = 1
        self.changelog = Changelog(Log("t1", 0, 0))
        self.disk: Store | None = None
        self.old: Store | None = None
        self.other: Store | None = None
        self.events = self.committed = self.started = 0
        self.mark: Mark | None = None
        self.harmed: set[str] = set()
        self.since = 0

    def copy(self) -> None:
        """Somebody copies the folder."""
        self.old = self.disk and Store(dict(self.disk.values), self.disk.made_of)

    def put_back(self) -> None:
        """Somebody puts the copy in the folder's place."""
        self.disk = self.old and Store(dict(self.old.values), self.old.made_of)
        self.harmed.add("disk")

    def delete(self) -> None:
        """The folder is gone."""
        self.disk = None
        self.harmed.add("disk")

    def cut(self, share: int) -> None:
        """Somebody deletes records from the beginning."""
        log = self.changelog.log
        begin = log.begin + (log.end - log.begin) * share // 4
        self.changelog.log = log._replace(begin=begin)
        self.changelog.records = [record for record in self.changelog.records if record[0] >= begin]
        self.harmed.add("changelog")

    def make_anew(self) -> None:
        """Somebody deletes the topic; it is made again."""
        self.topics += 1
        self.changelog = Changelog(Log(f"t{self.topics}", 0, 0))
        self.harmed.add("changelog")

    def lose_the_end(self) -> None:
        """A broker comes back without what it had not written to its disk."""
        log = self.changelog.log
        end = max(log.begin, log.end - 2)
        self.changelog.log = log._replace(end=end, young=min(log.young, end))
        self.changelog.records = [record for record in self.changelog.records if record[0] < end]
        self.harmed.add("changelog")

    def keep_a_copy(self) -> None:
        """Another worker brings its copy up to date."""
        log = self.changelog.log
        disk = self.other.made_of if self.other else None
        if judge(self.mark, disk, log) is not Verdict.GO_ON or self.other is None:
            self.other = self.empty_disk()
        self.changelog.fill(self.other)

    def take_over(self) -> None:
        """The other worker goes on, with its copy."""
        self.disk, self.other = self.other, self.disk
        self.harmed.add("disk")

    def empty_disk(self) -> Store:
        """One to be filled from where the changelog holds all of the state."""
        log = self.changelog.log
        since = max(log.begin, self.mark.since if self.mark and self.mark.topic == log.topic else 0)
        return Store({}, Disk(log.topic, since, since - 1))

    def compact(self) -> None:
        """Kafka keeps the last record of each key, and forgets removals, for they are old by now."""
        last = {key: offset for offset, key, _ in self.changelog.records}
        self.changelog.records = [
            record for record in self.changelog.records if last[record[1]] == record[0] and record[2] is not None
        ]
        self.changelog.log = self.changelog.log._replace(young=self.changelog.log.end)

    def work(self, events: int, dies: str) -> None:
        """A worker starts, goes on with the events, and dies before the disk, before the commit, or not at all."""
        if not self.begin(dies):
            return
        disk = self.disk
        assert disk
        written: list[tuple[int, int | None]] = []
        state = dict(disk.values)
        self.started = max(self.started, self.committed + events)  # what was begun is read again to its end
        self.events = self.started
        for number in range(self.committed, self.events):
            change(state, number)
            written.append((number % 4, state.get(number % 4)))
        for key, value in written:
            self.changelog.append(key, value)
        if dies == "before the disk":
            return
        disk.values = state
        disk.made_of = disk.made_of._replace(reached=self.changelog.log.end - 1)
        if dies == "before the commit":
            return
        self.commit()

    def commit(self) -> None:
        """The offset, with the mark."""
        assert self.disk
        self.committed = self.events
        self.mark = Mark(self.changelog.log.topic, self.since, self.disk.made_of.reached)
        self.harmed.clear()

    def begin(self, dies: str) -> bool:
        """What a worker does first. False when it died, and where the state is lost: then all begins anew."""
        log = self.changelog.log
        verdict = judge(self.mark, self.disk.made_of if self.disk else None, log)
        if verdict is Verdict.LOST:
            assert self.harmed == {"changelog", "disk"}
            self.__init__()  # type: ignore[misc]
            return False
        if self.disk is None or verdict is Verdict.REBUILD:
            self.disk = self.empty_disk()
        self.since = self.disk.made_of.since
        if verdict is Verdict.REWRITE:
            self.mark = replace(self.mark or Mark(*self.disk.made_of), is_whole=False)
            if dies == "while it writes the changelog anew":
                for key, value in self.disk.values.items():
                    self.changelog.append(key, value)
                return False
            self.rewrite(self.disk)
        else:
            self.changelog.fill(self.disk)
        return True

    def rewrite(self, disk: Store) -> None:
        """The disk becomes the changelog."""
        if disk.made_of.topic == self.changelog.log.topic and self.changelog.log.begin <= disk.made_of.reached + 1:
            self.changelog.fill(disk)
        self.since = self.changelog.log.end
        for key, value in disk.values.items():
            self.changelog.append(key, value)
        disk.made_of = Disk(self.changelog.log.topic, self.since, self.changelog.log.end - 1)
        self.mark = Mark(self.changelog.log.topic, self.since, disk.made_of.reached)


DEATHS = ("before the disk", "before the commit", "while it writes the changelog anew")
HARMS = ("copy", "put_back", "delete", "make_anew", "lose_the_end", "keep_a_copy", "take_over", "compact")
STEPS = st.one_of(
    st.tuples(st.just("work"), st.integers(0, 6), st.sampled_from(["not", "not", *DEATHS])),
    st.tuples(st.just("cut"), st.integers(0, 4)),
    *(st.tuples(st.just(name)) for name in HARMS),
)


@given(st.lists(STEPS, max_size=12))
@settings(max_examples=500, deadline=None)
def test_a_state_is_whole_or_said_to_be_lost(steps: list[tuple[Any, ...]]) -> None:
    """Whatever happens to disk and changelog: who goes on has the state, on both sides, and is only stopped with cause."""
    partition = Partition()
    for name, *arguments in steps:
        getattr(partition, name)(*arguments)
        if name == "work":
            partition.work(2, "not")
            if partition.disk is None:  # it was lost, and begins anew
                continue
            assert partition.disk.values == after(partition.committed)
            copy = Changelog(partition.changelog.log, list(partition.changelog.records))
            empty = Store({}, Disk(copy.log.topic, partition.since, partition.since - 1))
            copy.fill(empty)
            assert empty.values == partition.disk.values


MARK = Mark("t", 0, 9)


@pytest.mark.parametrize(
    ("disk", "log", "verdict"),
    [
        (None, Log("t", 0, 10), Verdict.GO_ON),  # a folder that was deleted
        (Disk("t", 0, 4), Log("t", 0, 10), Verdict.GO_ON),  # an old folder
        (Disk("t", 0, 4), Log("t", 0, 10, young=6), Verdict.REBUILD),  # so old that removals are forgotten
        (Disk("t", 0, 9), Log("t", 0, 10, young=10), Verdict.GO_ON),  # as old, and nothing happened since
        (Disk("u", 0, 99), Log("t", 0, 10), Verdict.REBUILD),  # the folder of another cluster
        (Disk("t", 3, 9), Log("t", 0, 10), Verdict.REBUILD),  # one that was filled from a changelog that was cut
        (Disk("t", 0, 12), Log("t", 0, 10), Verdict.REBUILD),  # ahead of a changelog that lost what was not committed
        (Disk("t", 0, 9), Log("t", 10, 10), Verdict.REWRITE),  # an emptied changelog
        (Disk("t", 0, 9), Log("u", 0, 0), Verdict.REWRITE),  # made anew
        (Disk("t", 0, 9), Log("t", 0, 8), Verdict.REWRITE),  # a changelog that lost its end
        (None, Log("t", 10, 10), Verdict.LOST),
        (None, Log("u", 0, 0), Verdict.LOST),
        (None, Log("u", 0, 99), Verdict.LOST),  # made anew, and written to by somebody
        (Disk("u", 0, 99), Log("t", 10, 10), Verdict.LOST),
        (None, Log("t", 0, 8), Verdict.LOST),
        (Disk("t", 0, 4), Log("t", 10, 10), Verdict.LOST),  # emptied, and an old folder
        (Disk("t", 0, 4), Log("t", 3, 10), Verdict.REWRITE),  # cut, and the old folder has just what is missing
    ],
)
def test_what_is_done_about_what_happened(disk: Disk | None, log: Log, verdict: Verdict) -> None:
    """Each of the cases by its name."""
    assert judge(MARK, disk, log) is verdict


def test_where_nothing_is_known_what_is_there_is_taken() -> None:
    """A group that begins, or whose offsets were set by hand, asks for no state."""
    assert judge(None, None, Log("t", 10, 10)) is Verdict.GO_ON


@pytest.mark.parametrize(
    "text", ["", None, "by hand", "state-v1 t 0 whole", "state-v1 t x 9 whole", "state-v1 t 0 9 half", "state-v2 t 0 9 whole"]
)
def test_metadata_of_others_is_no_mark(text: str | None) -> None:
    """What other tools commit is taken for nothing known."""
    assert Mark.parse(text) is None


def test_a_changelog_that_is_being_written_anew_is_not_whole() -> None:
    """However long it is by now: only the disk that it is written from counts."""
    torn = replace(MARK, is_whole=False)
    assert judge(torn, None, Log("t", 0, 99)) is Verdict.LOST
    assert judge(torn, Disk("t", 0, 8), Log("t", 0, 99)) is Verdict.LOST
    assert judge(torn, Disk("t", 0, 9), Log("t", 0, 99)) is Verdict.REWRITE


@pytest.mark.parametrize("is_whole", [True, False])
def test_a_mark_is_read_as_it_was_written(*, is_whole: bool) -> None:
    """Text and back."""
    mark = Mark("t", 3, 9, is_whole)
    assert Mark.parse(mark.text()) == mark
