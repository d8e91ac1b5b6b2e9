"""A little world around the pure core: partitions, and topics that lead back into it. The engine without a broker."""

import zlib
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

import orjson
from pipetrail_processors.detect.ruleset import RuleSet
from pipetrail_processors.directory.reference import Reference, no_reference
from pipetrail_processors.guard.policy import Policy
from pipetrail_processors.output import Output
from pipetrail_processors.pipeline import Pipeline
from pipetrail_processors.state.state import MemoryState
from pipetrail_schemas.topics import EVENTS, FINDINGS, LINKS, RECORDS, RESOLVED, TRAILS, Topic

PARTITIONS = 3
WAIT = timedelta(minutes=10)
HEADERS = (("content-type", b"application/cloudevents+json"),)


def _partition(key: bytes) -> int:
    return zlib.crc32(key) % PARTITIONS


class World:
    """Runs events to their end and keeps what was published."""

    def __init__(
        self,
        policy: Policy | None = None,
        rules: RuleSet | None = None,
        reference: Callable[[], Reference] = no_reference,
        partition: Callable[[bytes], int] = _partition,
    ) -> None:
        self.pipeline = Pipeline(policy=policy or Policy(), rules=rules or RuleSet.load(), alias_wait=WAIT, reference=reference)
        self.states: dict[int, MemoryState] = defaultdict(MemoryState)
        self._partition = partition
        self.published: dict[Topic, list[Output]] = {RECORDS: [], TRAILS: [], FINDINGS: [], LINKS: [], RESOLVED: []}

    def take(self, values: Iterable[bytes]) -> None:
        """Let the events happen, each with all that follows from it."""
        for value in values:
            self._run(Output(EVENTS, orjson.loads(value)["partitionkey"].encode(), value, HEADERS))

    def wait_until(self, now: datetime) -> None:
        """Let time pass: all waits that are over by then end, and what follows from that, too."""
        settled = False
        while not settled:
            settled = True
            for _, state in sorted(self.states.items()):
                for output in self.pipeline.expire(state, now):
                    settled = False
                    self._run(output)

    def latest(self, topic: Topic) -> dict[bytes, bytes]:
        """The last value of each key, as a compacted topic keeps it."""
        return {output.key: output.value or b"" for output in self.published[topic]}

    def trails(self) -> list[dict[str, Any]]:
        """The trails as they stand, in order of their ids."""
        return [orjson.loads(value) for _, value in sorted(self.latest(TRAILS).items())]

    def findings(self, status: str = "open") -> list[dict[str, Any]]:
        """The findings of that status."""
        found = [orjson.loads(value) for _, value in sorted(self.latest(FINDINGS).items())]
        return [finding for finding in found if finding["pipetrail"]["finding"]["status"] == status]

    def assert_revisions_tell(self) -> None:
        """Of one trail, another content has a higher revision than the one before it."""
        seen: dict[bytes, tuple[int, bytes]] = {}
        for output in self.published[TRAILS]:
            value = output.value or b""
            revision = orjson.loads(value)["pipetrail"]["trail"]["revision"]
            before, content = seen.get(output.key, (0, b""))
            assert revision > before or (revision == before and content == value)
            seen[output.key] = revision, value

    def _run(self, first: Output) -> None:
        queue = deque([first])
        while queue:
            output = queue.popleft()
            if output.topic in self.published:
                self.published[output.topic].append(output)
            queue.extend(self._process(output))

    def _process(self, output: Output) -> list[Output]:
        state = self.states[self._partition(output.key)]
        if output.topic is LINKS:
            return self.pipeline.on_link(output.key, output.value, state)
        if output.topic in (EVENTS, RESOLVED):
            return self.pipeline.on_event(output.value, output.headers, state)
        return []
