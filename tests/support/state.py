"""The state of a processor, from its disks, from its changelog and from a pure replay, in a form that can be compared."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

import orjson
import rocksdict
from aiokafka.partitioner import murmur2  # type: ignore[import-untyped] # it ships no types
from pipetrail_processors.engine.packing import unpack
from pipetrail_schemas.connection import KafkaConnection
from pipetrail_schemas.topics import DEFAULT_PARTITIONS, Topic
from support.kafka import read_all

# Keys that the engine writes beside the core's own.
ENGINE_PREFIX = b"__"

# Waits, days of retention, and how many there are of what.
_QUEUES_AND_COUNTS = (b"q", b"u", b"E", b"#")

Values = Mapping[bytes, bytes]


def partition_of(key: bytes) -> int:
    """The partition that Kafka's usual partitioner gives a key."""
    number: int = murmur2(key)
    return (number & 0x7FFFFFFF) % DEFAULT_PARTITIONS


def on_disk(database: Path) -> dict[bytes, bytes]:
    """What a partition's RocksDB holds, of a worker that does not run."""
    found = rocksdict.Rdict(
        str(database), options=rocksdict.Options(raw_mode=True), access_type=rocksdict.AccessType.read_only()
    )
    try:
        items = cast("Iterable[tuple[bytes, bytes]]", found.items())
        return {key: unpack(value) for key, value in items if not key.startswith(ENGINE_PREFIX)}
    finally:
        found.close()


def in_changelog(kafka: KafkaConnection, group: str) -> dict[int, dict[bytes, bytes]]:
    """What a group's changelog says, by partition: the latest value of each key."""
    states: dict[int, dict[bytes, bytes]] = {number: {} for number in range(DEFAULT_PARTITIONS)}
    topic = Topic(f"{group}-state-changelog", "", "", "", None)
    for message in read_all(kafka, topic):
        assert message.key is not None
        if message.value is None:
            states[message.partition].pop(message.key, None)
        else:
            states[message.partition][message.key] = unpack(message.value)
    return states


def settled(state: Values) -> dict[bytes, Any]:
    """What the state knows, without what depends on the order in which partitions' messages happened to be read.

    That is: what waits, or waited, for a link that may have come before it or after it; and findings that were withdrawn again,
    and how often one was corrected and by what.
    """
    found = {key: _without_order(value) for key, value in state.items() if not key.startswith(_QUEUES_AND_COUNTS)}
    still_open = {finding for node in found.values() if isinstance(node, dict) for finding in node.get("g", ())}
    return {key: node for key, node in found.items() if _finding_of(key) in {None, *still_open}}


def differences(ours: Mapping[Any, Any], theirs: Mapping[Any, Any]) -> dict[Any, Any]:
    """The keys that differ, with both values."""
    keys = [key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key)]
    return {key: (ours.get(key), theirs.get(key)) for key in keys}


def _without_order(value: bytes) -> Any:
    try:
        node = orjson.loads(value)
    except orjson.JSONDecodeError:  # the commit graph is in bytes
        return value
    if isinstance(node, dict):
        node.pop("w", None)  # a wait is queued
        if not (findings := open_findings(node.pop("g", {}))):
            return node
        node["g"] = findings
    return node


def _finding_of(key: bytes) -> str | None:
    """The finding that an entry says the place of, if it does."""
    _, _, name = key.rpartition(b"\0")
    return name.removeprefix(b"finding:").decode() if name.startswith(b"finding:") else None


def open_findings(findings: Mapping[Any, Any]) -> dict[Any, Any]:
    """The findings that are not withdrawn, without their history."""
    kept = {}
    for key, value in findings.items():
        finding = dict(value["pipetrail"]["finding"])
        if finding["status"] == "withdrawn":
            continue
        finding.pop("revision")
        finding.pop("correction", None)
        kept[key] = {**value, "pipetrail": {**value["pipetrail"], "finding": finding}}
    return kept
