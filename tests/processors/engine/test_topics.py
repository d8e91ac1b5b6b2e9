"""`pipetrail topics` on a real Kafka."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from uuid import uuid4

import pytest
from pipetrail_deploy.ports import free_port
from pipetrail_deploy.stack import Stack
from pipetrail_processors.engine.topics_admin import TopicsAdmin, changelog_topic
from pipetrail_processors.errors import BrokerError, TopicsError
from pipetrail_schemas.connection import KafkaConnection
from pipetrail_schemas.topics import ALL, DAY_MS, Topic

pytestmark = pytest.mark.stack


@pytest.fixture
def admin(broker: Stack) -> TopicsAdmin:
    """For that Kafka."""
    return TopicsAdmin(broker.connection.require_kafka())


@pytest.fixture
def topic() -> Topic:
    """One that is not there."""
    return Topic(f"test-{uuid4().hex}", "key", "what", "writer", 2 * DAY_MS, 2)


def states(admin: TopicsAdmin, topics: Sequence[Topic]) -> list[str]:
    """How they stand after being applied."""
    return [found.state for found in admin.apply(topics)]


def test_what_is_missing_is_created_and_what_differs_is_altered(admin: TopicsAdmin, topic: Topic) -> None:
    """Applying says what it did, and does nothing the second time."""
    assert [found.state for found in admin.show([topic])] == ["missing"]
    assert [states(admin, [topic]), states(admin, [topic])] == [["created"], ["current"]]
    longer = replace(topic, retention_ms=3 * DAY_MS)
    assert admin.show([longer])[0].state == "differs"
    (altered,) = admin.apply([longer])
    assert (altered.state, altered.detail) == ("altered", f"retention.ms: {2 * DAY_MS} → {3 * DAY_MS}")
    assert states(admin, [longer]) == ["current"]


def test_partitions_are_never_changed(admin: TopicsAdmin, topic: Topic) -> None:
    """Another number of partitions is refused in words, and nothing happens."""
    admin.apply([topic])
    (found,) = admin.apply([replace(topic, partitions=4)])
    assert (found.partitions, found.detail) == (2, "has 2 partitions, not 4: the number is never changed, keys would move")


def test_keys_must_meet(admin: TopicsAdmin, topic: Topic) -> None:
    """Topics that are joined must be there and have the same number of partitions; the error says which is wrong."""
    other = replace(topic, name=topic.name + "-other", partitions=3)
    admin.apply([topic])
    with pytest.raises(TopicsError, match=r"-other does not exist.*pipetrail topics apply"):
        admin.common_partitions([topic, other])
    admin.apply([other])
    with pytest.raises(TopicsError, match=r"has 2, .*has 3 partitions"):
        admin.common_partitions([topic, other])
    assert admin.common_partitions([topic]) == 2


def test_the_changelog_is_compacted_and_remembers_removals(admin: TopicsAdmin) -> None:
    """The state's topic keeps the latest of each key, and what was removed for a week."""
    (found,) = admin.apply([changelog := changelog_topic(f"test-{uuid4().hex}", "state", 2)])
    assert (found.state, changelog.name[-16:]) == ("created", "-state-changelog")
    assert changelog.config()["cleanup.policy"] == "compact"
    assert changelog.config()["delete.retention.ms"] == str(7 * DAY_MS)


def test_a_kafka_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says where it was looked for."""
    admin = TopicsAdmin(KafkaConnection(servers := f"127.0.0.1:{free_port()}"))
    monkeypatch.setattr("pipetrail_processors.engine.topics_admin._REQUEST_S", 1.0)
    with pytest.raises(BrokerError, match=servers):
        admin.show(ALL)


def test_the_command_shows_every_topic(broker: Stack) -> None:
    """`topics show --json` has all of them, as they stand."""
    command = [sys.executable, "-m", "pipetrail", "topics", "show", "--json"]
    env = os.environ | {"PIPETRAIL_HOME": str(broker.home)}
    rows = json.loads(subprocess.run(command, env=env, capture_output=True, timeout=240, check=True).stdout)
    assert [(row["name"], row["state"]) for row in rows] == [(topic.name, "current") for topic in ALL]
