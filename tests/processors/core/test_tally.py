"""How many trails and waits the state holds is known without looking through it."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest
from pipetrail_processors.correlate.waiting import waits
from pipetrail_processors.detect.labelled import START, messages
from pipetrail_processors.detect.ruleset import RuleSet
from pipetrail_processors.guard.policy import Policy
from pipetrail_processors.pipeline import Pipeline
from pipetrail_processors.state.state import MemoryState
from pipetrail_processors.state.tally import trails

BUILD: dict[str, Any] = {"type": "build.finished", "pipetrail.result": "success"}
DEPLOYED: dict[str, Any] = {"type": "deployment.started", "vcs.ref.head.revision": None, "deployment.environment.name": "prod"}


class Partition:
    """One partition, and what takes its events in."""

    def __init__(self) -> None:
        self.state = MemoryState()
        self._pipeline = Pipeline(policy=Policy(), rules=RuleSet.of([]), alias_wait=timedelta(minutes=10))

    def take(self, values: Iterable[bytes]) -> None:
        """Let the events happen."""
        for value in values:
            self._pipeline.on_event(value, (), self.state)

    def wait(self, days: int) -> None:
        """Let so many days pass since the first event."""
        self._pipeline.expire(self.state, START + timedelta(days=days))

    @property
    def counted(self) -> tuple[int, int]:
        """Trails and waits."""
        return trails(self.state), waits(self.state)


@pytest.fixture
def partition() -> Partition:
    """An empty one."""
    return Partition()


def test_trails_are_counted_once_however_often_their_events_come(partition: Partition) -> None:
    """Each commit is one, with its first event, and no more with the next or the same again."""
    told = list(messages([BUILD, {**BUILD, "vcs.ref.head.revision": "c2"}, {**BUILD, "key": "again"}]))
    partition.take(told)
    partition.take(told)
    assert partition.counted == (2, 0)


def test_a_wait_is_counted_until_its_end(partition: Partition) -> None:
    """What waits for a link is no trail of a commit; at the end of the wait it waits no more."""
    partition.take(messages([{**DEPLOYED, "cicd.pipeline.run.id": "7"}, {**DEPLOYED, "cicd.pipeline.run.id": "8"}]))
    assert partition.counted == (0, 2)
    partition.wait(days=1)
    assert partition.counted == (0, 0)


def test_what_is_old_is_counted_no_more(partition: Partition) -> None:
    """A trail that leaves the state leaves the count."""
    partition.take(messages([BUILD, {**BUILD, "minute": 60 * 24 * 300, "vcs.ref.head.revision": "c2"}]))
    assert partition.counted == (2, 0)
    partition.wait(days=500)
    assert partition.counted == (1, 0)
