"""The job on batches, with the real core and a fault in it; what it writes to is held in memory."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from pipetrail_processors.correlate.round import Round
from pipetrail_processors.detect.ruleset import RuleSet
from pipetrail_processors.engine.checkpoint import Checkpoint
from pipetrail_processors.engine.job import Job
from pipetrail_processors.engine.partition_state import PartitionState
from pipetrail_processors.errors import StateError
from pipetrail_processors.guard.policy import Policy
from pipetrail_processors.output import Output
from pipetrail_processors.pipeline import Pipeline
from pipetrail_processors.transport.batch import Batch
from pipetrail_schemas.codec import Headers
from pipetrail_schemas.topics import DEAD_LETTERS, EVENTS, MAX_MESSAGE_BYTES, RECORDS, TRAILS
from support.stream import CONTENT_TYPE, stream

if TYPE_CHECKING:
    from pipetrail_processors.engine.custody import Custody
    from pipetrail_processors.engine.tables import StateTable
    from pipetrail_processors.transport.outbox import Outbox

VALUES = stream("job", 30, recorded=datetime(2026, 1, 1, tzinfo=UTC), repositories=1)


@dataclass(frozen=True)
class Stub:
    """A message as Kafka would give it."""

    offset: int
    value: bytes | None
    topic: str = EVENTS.name
    partition: int = 3
    timestamp: int | None = 1_700_000_000_000
    key: bytes | None = b"key"
    headers: tuple[tuple[str, bytes | None], ...] = CONTENT_TYPE


class Faulty(Pipeline):
    """The core, which after its work on the fifth event does what it should not."""

    def __init__(self, fault: Exception | Output | None) -> None:
        super().__init__(policy=Policy(), rules=RuleSet.load(), alias_wait=timedelta(minutes=10))
        self.fault = fault

    def take_event(self, together: Round, value: bytes | None, headers: Headers, key: bytes | None = None) -> list[Output]:
        """As the core, then the fault."""
        found = super().take_event(together, value, headers, key)
        if value != VALUES[4] or self.fault is None:
            return found
        if isinstance(self.fault, Output):
            return [*found, self.fault]
        raise self.fault


@dataclass
class Memory:
    """Stands for Kafka and the disk: what was written, and the one state."""

    written: list[tuple[str, bytes | None, bytes | None, dict[str, Any]]] = field(default_factory=list)
    state: PartitionState = field(default_factory=lambda: PartitionState(lambda _key: None))
    unflushed_bytes: int = 0

    def put(self, topic: str, key: bytes | None, value: bytes | None, headers: Any = ()) -> None:
        """As Outbox."""
        self.written.append((topic, key, value, dict(headers)))

    def of(self, _partition: int) -> PartitionState:
        """As StateTable."""
        return self.state

    def on(self, topic: str) -> list[bytes | None]:
        """The values that were written to a topic."""
        return [value for name, _, value, _ in self.written if name == topic]


def run(fault: Exception | Output | None, *batches: list[bytes]) -> Memory:
    """Let the job work on batches of these events."""
    memory = Memory()
    table, outbox = cast("StateTable", memory), cast("Outbox", memory)
    custody = cast("Custody", SimpleNamespace(lock=asyncio.Lock()))
    checkpoint = Checkpoint(table, outbox, outbox, custody, give_up=lambda: True, session_timeout_s=10)
    job = Job(Faulty(fault), table, outbox, checkpoint)
    for values in batches:
        asyncio.run(job.work(Batch([Stub(number, value) for number, value in enumerate(values)])))
    return memory


@pytest.mark.parametrize(
    "fault", [ValueError("a fault with a secret"), Output(TRAILS, b"k", bytes(MAX_MESSAGE_BYTES))], ids=["raises", "too large"]
)
def test_an_event_that_the_core_fails_on_leaves_no_trace_but_its_dead_letter(
    fault: Exception | Output, capsys: pytest.CaptureFixture[str]
) -> None:
    """It becomes a dead letter as it came; state and outputs are those of the others alone, and the log quotes nothing."""
    faulty, without = run(fault, VALUES), run(None, *([value] for value in VALUES if value != VALUES[4]))
    assert faulty.on(DEAD_LETTERS.name) == [VALUES[4]]
    assert faulty.state.pending == without.state.pending
    assert faulty.on(RECORDS.name) == without.on(RECORDS.name)
    headers = next(headers for name, _, _, headers in faulty.written if name == DEAD_LETTERS.name)
    kind = b"TooLargeError" if isinstance(fault, Output) else b"ValueError"
    assert (headers["error-type"], headers["offset"], headers["stage"]) == (kind, b"4", b"process")
    assert "secret" not in "".join(capsys.readouterr())


def test_a_failure_of_the_disk_is_no_fault_of_the_event() -> None:
    """What is wrong with the machine is raised, and no event is blamed for it."""
    with pytest.raises(StateError):
        run(StateError("the disk is gone"), VALUES)
