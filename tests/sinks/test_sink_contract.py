"""One behaviour suite for every sink: whatever the target, adding and flushing keep the same promises.

A new sink joins by a harness: how to make messages for it, look into its target, keep the target busy, and poison a message.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Protocol
from uuid import uuid4

import pytest
from pipetrail_sinks.errors import BackPressureError
from pipetrail_sinks.message import Message
from pipetrail_sinks.opensearch import indices, templates
from pipetrail_sinks.opensearch.client import Client
from pipetrail_sinks.opensearch.sink import OpenSearchSink
from pipetrail_sinks.sink import Sink
from support import samples
from support.fake_opensearch import FakeOpenSearch, Fault

if TYPE_CHECKING:
    from pipetrail_deploy.stack import Stack

YEAR = "2024"
INDEX = f"pipetrail-events-v1-{YEAR}"
TIME = f"{YEAR}-05-05T05:05:05.000Z"


class Harness(Protocol):
    """A sink and its target, as the suite needs them."""

    sink: Sink

    def message(self, number: int) -> Message:
        """A message that the sink writes."""

    def poison(self, number: int) -> Message:
        """A message that the target refuses for good."""

    def stored(self) -> list[int]:
        """The numbers of the messages in the target, sorted, as often as they are there."""

    def busy(self) -> None:
        """Keep the target from taking anything."""

    def free(self) -> None:
        """Let it take things again."""


class OnFake:
    """The OpenSearch sink on the fake server."""

    def __init__(self, closing: ExitStack) -> None:
        self._fake = closing.enter_context(FakeOpenSearch())
        self._run = uuid4().hex
        self.sink: Sink = OpenSearchSink(Client(self._fake.connection, timeout_s=120), chunk_messages=10)

    def message(self, number: int) -> Message:
        """A record."""
        return samples.record_message(number, run=self._run, time=TIME)

    def poison(self, number: int) -> Message:
        """A record without a time."""
        return samples.record_message(number, run=self._run, time="never")

    def stored(self) -> list[int]:
        """What the fake holds."""
        return sorted(int(one["cicd"]["pipeline"]["run"]["id"]) for one in self._fake.documents.values())

    def busy(self) -> None:
        """More busy answers than a test asks for."""
        self._fake.faults.extend([Fault("request", 503)] * 1000)

    def free(self) -> None:
        """No more of them."""
        self._fake.faults.clear()


class OnReal:
    """The OpenSearch sink on a real OpenSearch, as the user `indexer`."""

    def __init__(self, stack: "Stack", closing: ExitStack) -> None:
        connection = stack.connection.require_opensearch()
        self._admin = Client(connection.as_user("admin"))
        closing.callback(self._admin.close)
        indices.apply(self._admin, templates.component(shards=1, replicas="0-1", refresh_s=1))
        self._run = uuid4().hex
        self.sink: Sink = OpenSearchSink(Client(connection.as_user("indexer")), chunk_messages=10)
        # The index exists, so that it can be blocked.
        self.sink.add(samples.record_message(-1, run=uuid4().hex, time=TIME))
        self.sink.flush()
        closing.callback(self.free)

    def message(self, number: int) -> Message:
        """A record."""
        return samples.record_message(number, run=self._run, time=TIME)

    def poison(self, number: int) -> Message:
        """A record with a number where the mapping has a long, and a text stands instead."""
        return samples.record_message(number, run=self._run, time=TIME, artifact={"size": "very large"})

    def stored(self) -> list[int]:
        """What a search finds."""
        self._admin.request("POST", f"/{INDEX}/_refresh")
        query = {"size": 1000, "query": {"term": {"vcs.repository.url.full": f"https://git.example/{self._run}"}}}
        answer = self._admin.request("POST", f"/{INDEX}/_search", query)
        return sorted(int(hit["_source"]["cicd"]["pipeline"]["run"]["id"]) for hit in answer.body["hits"]["hits"])

    def busy(self) -> None:
        """Block writes."""
        self._block(on=True)

    def free(self) -> None:
        """Lift the block."""
        self._block(on=False)

    def _block(self, *, on: bool) -> None:
        assert self._admin.request("PUT", f"/{INDEX}/_settings", {"index.blocks.write": on or None}).ok


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.stack)])
def harness(request: pytest.FixtureRequest) -> Iterator[Harness]:
    """Every sink, one after the other."""
    with ExitStack() as closing:
        made: Harness = OnFake(closing) if request.param == "fake" else OnReal(request.getfixturevalue("stack"), closing)
        closing.callback(made.sink.close)
        yield made


def test_what_was_added_is_there_after_the_flush(harness: Harness) -> None:
    """When the flush returns, every message is in the target, once."""
    for number in range(25):
        harness.sink.add(harness.message(number))
    assert harness.sink.flush() == []
    assert harness.stored() == list(range(25))


def test_the_same_again_changes_nothing(harness: Harness) -> None:
    """Messages that are delivered twice, in one batch or in two, are there once, and are no error."""
    for _ in range(2):
        for number in (1, 2, 2, 3):
            harness.sink.add(harness.message(number))
        assert harness.sink.flush() == []
    assert harness.stored() == [1, 2, 3]


def test_nothing_added_is_nothing_to_do(harness: Harness) -> None:
    """A flush of nothing returns nothing, again and again."""
    assert harness.sink.flush() == []
    assert harness.sink.flush() == []


def test_a_refused_message_is_returned_and_the_others_go_on(harness: Harness) -> None:
    """Messages that cannot be written come back with a reason, as they were; the rest of the batch is written."""
    bad = [harness.poison(3), harness.poison(17)]
    for number in range(20):
        harness.sink.add(next((one for one in bad if one.offset == number), harness.message(number)))
    refused = harness.sink.flush()
    assert [one.message for one in refused] == bad
    assert all(one.error and one.error_type for one in refused)
    assert harness.stored() == [n for n in range(20) if n not in {3, 17}]
    assert harness.sink.flush() == []


def test_a_busy_target_is_waited_for(harness: Harness) -> None:
    """While the target takes nothing, each flush says when to come again; then all is written and all refusals are told."""
    harness.busy()
    for number in range(15):
        harness.sink.add(harness.poison(number) if number == 4 else harness.message(number))
    waits = []
    for _ in range(4):
        with pytest.raises(BackPressureError) as caught:
            harness.sink.flush()
        waits.append(caught.value.retry_after)
    assert harness.stored() == []
    harness.free()
    assert [one.message.offset for one in harness.sink.flush()] == [4]
    assert harness.stored() == [n for n in range(15) if n != 4]
    assert all(0 < wait < 60 for wait in waits)
    assert waits[-1] > waits[0]
