"""The OpenSearch sink: records, trails, findings and dead letters into their indices.

Splits what was added into chunks, writes them over several connections at once, keeps what must be tried again, and reports
what was refused. A dead letter that is refused is never dead-lettered again: it is stored once more with nothing but its bytes
and position; when even that is refused it is told in the log, and stays on its topic.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

import orjson
import structlog
from pipetrail_schemas import times
from pipetrail_schemas.topics import DEAD_LETTERS

from pipetrail_sinks import backoff
from pipetrail_sinks.errors import BackPressureError, UnindexableError
from pipetrail_sinks.message import Message, Refusal
from pipetrail_sinks.opensearch import bulk, dead_letter, documents
from pipetrail_sinks.opensearch.client import Client
from pipetrail_sinks.opensearch.documents import Document
from pipetrail_sinks.opensearch.duplicates import INTEGRITY_ALARM
from pipetrail_sinks.opensearch.outcomes import DONE, Outcome, Verdict
from pipetrail_sinks.parallel import each

# A bulk request of some megabytes is where OpenSearch's throughput levels off; its own limit is 100 MB.
CHUNK_MESSAGES = 1000
CHUNK_BYTES = 4 * 1024 * 1024
UNINDEXABLE = "unindexable"

_log = structlog.get_logger("pipetrail.index")


class OpenSearchSink:
    """A `Sink` into one OpenSearch cluster."""

    topics = documents.TOPICS

    def __init__(
        self,
        client: Client,
        *,
        connections: int = 2,
        chunk_messages: int = CHUNK_MESSAGES,
        clock: Callable[[], datetime] = times.now,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """`connections` requests run at once; `clock` gives the time of writing; `chance` spreads the waits, in [0, 1)."""
        self._client = client
        self._connections = connections
        self._chunk_messages = chunk_messages
        self._clock = clock
        self._chance = chance
        self._waiting: list[Message] = []
        self._refused: list[Refusal] = []
        self._attempt = 0

    def add(self, message: Message) -> None:
        """Take a message into the current batch."""
        self._waiting.append(message)

    def flush(self) -> list[Refusal]:
        """Write what waits; see `Sink.flush`."""
        chunks = list(_chunks(self._waiting, self._chunk_messages))
        results = each(self._write, chunks, threads=self._connections)
        before = len(self._waiting)
        self._waiting = []
        reason = ""
        for chunk, outcomes in zip(chunks, results, strict=True):
            for message, outcome in zip(chunk, outcomes, strict=True):
                if outcome.verdict is Verdict.RETRY:
                    self._waiting.append(message)
                    reason = reason or f"{outcome.error_type}: {outcome.reason}"
                elif outcome.verdict is Verdict.REFUSE:
                    self._refused.append(Refusal(message, outcome.error_type, outcome.reason))
        if self._waiting:
            # Anything that was taken shows that the target is alive: back to short waits.
            self._attempt = self._attempt + 1 if len(self._waiting) == before else 1
            raise BackPressureError(reason, retry_after=backoff.delay_s(self._attempt, self._chance()))
        self._attempt = 0
        refused, self._refused = self._refused, []
        return refused

    def close(self) -> None:
        """Close the connections to OpenSearch."""
        self._client.close()

    def _write(self, chunk: Sequence[Message]) -> list[Outcome]:
        now = self._clock()
        outcomes = [DONE] * len(chunk)
        places: list[int] = []
        built: list[Document] = []
        for place, message in enumerate(chunk):
            try:
                document = documents.document(message, now)
            except UnindexableError as exc:
                outcomes[place] = Outcome(Verdict.REFUSE, UNINDEXABLE, str(exc))
                continue
            if document is not None:
                places.append(place)
                built.append(document)
        for place, outcome in zip(places, bulk.write(self._client, built), strict=True):
            outcomes[place] = outcome
        return [self._settled(message, outcome, now) for message, outcome in zip(chunk, outcomes, strict=True)]

    def _settled(self, message: Message, outcome: Outcome, now: datetime) -> Outcome:
        if outcome.verdict is not Verdict.REFUSE:
            return outcome
        if outcome.error_type == INTEGRITY_ALARM:
            _log.error("integrity alarm", position=message.position, problem=outcome.reason)
        if message.topic != DEAD_LETTERS.name:
            return outcome
        return self._without_ornaments(message, outcome, now)

    def _without_ornaments(self, message: Message, outcome: Outcome, now: datetime) -> Outcome:
        content = dead_letter.minimal(message, now)
        small = Document(dead_letter.INDEX, content["event"]["id"], orjson.dumps(content))
        (second,) = bulk.write(self._client, [small])
        if second.verdict is Verdict.REFUSE:
            _log.error("dead letter cannot be indexed", position=message.position, problem=outcome.reason, again=second.reason)
            return DONE
        return second


def _chunks(messages: Sequence[Message], most: int) -> Iterator[list[Message]]:
    chunk: list[Message] = []
    size = 0
    for message in messages:
        if chunk and (len(chunk) >= most or size + message.size > CHUNK_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(message)
        size += message.size
    if chunk:
        yield chunk
