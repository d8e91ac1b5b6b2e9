"""A history in a real Kafka: everything once, whole and in order; and what is said when it does not get there."""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pipetrail_producers.importers import deliver, git_import
from pipetrail_producers.importers.errors import UndeliveredError
from pipetrail_producers.importers.history import Selection
from pipetrail_schemas import codec
from pipetrail_schemas.connection import KafkaConnection
from pipetrail_schemas.topics import EVENTS
from support.kafka import Message, ensure_topics, read_all

pytestmark = pytest.mark.stack

Git = Callable[..., str]
RECORDED = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
COMMITS = 3_000


@pytest.fixture
def long_history(tmp_path: Path, git: Git) -> Path:
    """A repository with some thousand commits, made in one go."""
    folder = tmp_path / "long"
    git(tmp_path, "init", "--quiet", "--initial-branch=main", "long")
    commits = "".join(
        f"commit refs/heads/main\ncommitter Ada <ada@acme.example> {1_700_000_000 + number} +0000\ndata {len(text)}\n{text}\n"
        for number, text in ((number, f"PAY-{number + 1} change {number}") for number in range(COMMITS))
    )
    git(folder, "fast-import", "--quiet", stdin=commits.encode())
    return folder


def imported(folder: Path, url: str, kafka: KafkaConnection) -> git_import.Summary:
    """Import a folder under a URL of its own."""
    env = {**os.environ, "PIPETRAIL_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers}
    with git_import.opened(git_import.Plan(folder, url, Selection()), recorded=RECORDED) as source:
        return git_import.deliver(source, env, lambda _: None)


def messages_of(url: str, kafka: KafkaConnection) -> list[Message]:
    """What stands on the topic under a repository's key."""
    return [message for message in read_all(kafka, EVENTS) if message.key == url.encode()]


def test_a_history_arrives_whole_and_in_order(stack: Any, long_history: Path, git: Git) -> None:
    """Every commit is on the topic once, in one partition, parents first, with key and content type."""
    kafka = stack.connection.require_kafka()
    ensure_topics(kafka)
    url = "https://git.acme.example/whole"
    summary = imported(long_history, url, kafka)
    messages = messages_of(url, kafka)
    expected = git(long_history, "rev-list", "--reverse", "--topo-order", "HEAD").split()
    assert summary.commits == COMMITS
    assert [json.loads(message.value or b"")["subject"] for message in messages] == expected
    assert len({message.partition for message in messages}) == 1
    assert {message.headers for message in messages} == {(("content-type", b"application/cloudevents+json"),)}
    event = codec.decode(messages[0].value, messages[0].headers)
    assert (event.repository, event.extra.ticket and event.extra.ticket.id) == (url, "PAY-1")


def test_importing_again_repeats_the_ids(stack: Any, folder: Path) -> None:
    """A second import sends the same facts, which their ids tell: nothing is new."""
    kafka = stack.connection.require_kafka()
    ensure_topics(kafka)
    url = "https://git.acme.example/again"
    imported(folder, url, kafka)
    imported(folder, url, kafka)
    values = [json.loads(message.value or b"") for message in messages_of(url, kafka)]
    assert len(values) == 2
    assert values[0] == values[1]


def test_a_missing_topic_is_told_with_the_way_out(stack: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is sent it is said which topic is missing, and what makes it."""
    missing = type(EVENTS)("pipetrail.absent.v1", "", "", "", None)
    monkeypatch.setattr(deliver, "EVENTS", missing)
    kafka = stack.connection.require_kafka()
    with pytest.raises(UndeliveredError, match="pipetrail topics apply"), deliver.BulkDelivery(kafka):
        pass


def test_what_is_not_acknowledged_is_an_error(stack: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A message that the broker refuses makes the import fail and be counted: success is never assumed."""
    kafka = stack.connection.require_kafka()
    ensure_topics(kafka)
    too_large = b"x" * (EVENTS.max_message_bytes + 1000)
    monkeypatch.setattr(deliver, "MAX_MESSAGE_BYTES", EVENTS.max_message_bytes * 2)
    with pytest.raises(UndeliveredError, match="1 of 1 events"), deliver.BulkDelivery(kafka) as delivery:
        delivery.send(b"https://git.acme.example/large", too_large)
    assert delivery.acknowledged == 0


def test_a_broker_that_dies_half_way_is_noticed(stack: Any, long_history: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed while events are under way, the broker leaves unacknowledged ones, and the import says to repeat it."""
    kafka = stack.connection.require_kafka()
    ensure_topics(kafka)
    monkeypatch.setattr(deliver, "_DELIVERY_MS", 3_000)
    url = "https://git.acme.example/killed"
    with git_import.opened(git_import.Plan(long_history, url, Selection()), recorded=RECORDED) as source:
        values = list(git_import._commits(source, None))

    def send_and_kill() -> None:
        with deliver.BulkDelivery(kafka) as delivery:
            delivery.send(url.encode(), values[0])
            stack.kafka.kill()
            for value in values:
                delivery.send(url.encode(), value)

    try:
        with pytest.raises(UndeliveredError, match="import again"):
            send_and_kill()
    finally:
        stack.kafka.start()
    imported(long_history, url, kafka)
    found = {json.loads(message.value or b"")["subject"] for message in messages_of(url, kafka)}
    assert len(found) == COMMITS
