"""The topics as data."""

import re

from pipetrail_schemas import topics


def test_topic_names_are_unique_and_versioned() -> None:
    """pipetrail.<what>.v<major>, each once."""
    names = [topic.name for topic in topics.ALL]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"pipetrail\.[a-z-]+\.v1", name) for name in names)


def test_what_must_be_compared_shares_its_partition_count() -> None:
    """Events, resolved events and records of a repository lie in partitions of the same number, so joins stay local."""
    assert len({topic.partitions for topic in topics.ALL if topic is not topics.CHECKPOINTS}) == 1


def test_retention_is_written_as_kafka_has_it() -> None:
    """Deleted after a time, kept for ever, or compacted."""
    assert topics.EVENTS.config()["cleanup.policy"] == "delete"
    assert topics.EVENTS.config()["retention.ms"] == str(90 * 24 * 60 * 60 * 1000)
    assert topics.CHECKPOINTS.config()["retention.ms"] == "-1"
    assert topics.TRAILS.config()["cleanup.policy"] == "compact"
    assert "retention.ms" not in topics.TRAILS.config()


def test_a_dead_letter_always_fits() -> None:
    """The dead-letter topic takes every message that another topic takes, and headers that say why; an event fits with room."""
    others = [int(topic.config()["max.message.bytes"]) for topic in topics.ALL if topic is not topics.DEAD_LETTERS]
    assert int(topics.DEAD_LETTERS.config()["max.message.bytes"]) >= max(others) + 64 * 1024
    assert min(others) > topics.MAX_EVENT_BYTES
