"""The pure core as the engine calls it: what it refuses, what it tells again, what it leaves in the state."""

from datetime import timedelta
from typing import Any

import orjson
import pytest
from pipetrail_processors.correlate.foreign import CLAIMS_HEADER, REPOSITORY_HEADER
from pipetrail_processors.detect.labelled import REPOSITORY, START, messages
from pipetrail_processors.graph.commits import Commit, CommitGraph, milliseconds
from pipetrail_processors.output import Output
from pipetrail_processors.state.state import MemoryState
from pipetrail_schemas.errors import InvalidEventError
from pipetrail_schemas.ids import trail_id
from pipetrail_schemas.topics import FINDINGS, LINKS, RECORDS, RESOLVED, TRAILS
from support.world import HEADERS, WAIT, World

COMMIT = "1" * 40
DIGEST = "sha256:" + "1" * 64
DEPLOYMENT = {"type": "deployment.started", "deployment.environment.name": "qa", "artifact.hash": "d1"}
FOREIGN: dict[str, Any] = {**DEPLOYMENT, "vcs": None, "partitionkey": "d1"}
ARTIFACT = {"type": "artifact.packaged", "artifact.hash": "d1"}


class CountingState(MemoryState):
    """Counts the reads."""

    reads = 0

    def get(self, key: bytes) -> bytes | None:
        """Count, and read."""
        self.reads += 1
        return super().get(key)


@pytest.mark.parametrize(
    "value",
    [None, b"", b"\xff", b"[]", b"{}", b'{"specversion":"1.0"}', b'"text"', b"1" * 5000, b'{"a":' * 500, b"null"],
    ids=lambda value: repr(value)[:20],
)
def test_what_is_no_event_is_refused_and_leaves_no_trace(value: bytes | None) -> None:
    """The engine makes a dead letter of it; the state is as it was."""
    world, state = World(), MemoryState()
    with pytest.raises(InvalidEventError):
        world.pipeline.on_event(value, HEADERS, state)
    assert state.values == {}


@pytest.mark.parametrize("value", [b"", b"[]", b"{}", b'{"repository":"r"}', b'{"repository":1,"commit":"c"}', b"\xff"])
def test_what_is_no_link_is_refused_and_leaves_no_trace(value: bytes) -> None:
    """Also on our own topic."""
    world, state = World(), MemoryState()
    with pytest.raises(InvalidEventError):
        world.pipeline.on_link(b"sha256:x", value, state)
    assert state.values == {}


def test_a_link_that_was_compacted_away_says_nothing() -> None:
    """A tombstone is not an error."""
    assert World().pipeline.on_link(DIGEST.encode(), None, MemoryState()) == []


def test_an_event_that_comes_again_tells_all_that_it_told_the_first_time() -> None:
    """Record, trail, link and findings: what was in the state need not have been published."""
    world, state = World(), MemoryState()
    values = list(messages([ARTIFACT, DEPLOYMENT]))
    for value in values:
        first = world.pipeline.on_event(value, HEADERS, state)
    before = dict(state.values)
    again = world.pipeline.on_event(values[1], HEADERS, state)
    assert {RECORDS, TRAILS, FINDINGS} == {output.topic for output in again}
    assert first == again
    assert before == state.values


def test_of_two_versions_of_an_event_the_one_recorded_first_stands() -> None:
    """Whoever tells the same fact later cannot rewrite it."""
    versions = [
        {"type": "build.finished", "pipetrail.result": result, "key": "1", "minute": 0, "recorded": recorded}
        for result, recorded in (("failure", 3), ("success", 5))
    ]
    for order in (versions, versions[::-1]):
        world = World()
        world.take(messages(order))
        (trail,) = world.trails()
        assert [entry["result"] for entry in trail["pipetrail"]["trail"]["entries"]] == ["failure"]


def test_an_artifact_tells_whose_it_is_in_the_partition_of_its_digest() -> None:
    """So that a deployment that knows only the digest finds its repository."""
    world = World()
    world.take(messages([ARTIFACT]))
    (link,) = world.published[LINKS]
    assert link.key == DIGEST.encode()
    content = orjson.loads(link.value or b"")
    assert (content["repository"], content["commit"]) == (REPOSITORY, COMMIT)


def test_a_deployment_vouches_for_no_artifact() -> None:
    """Otherwise every unknown artifact would be known by being deployed."""
    world = World()
    world.take(messages([DEPLOYMENT]))
    assert world.published[LINKS] == []


def test_an_event_of_an_unknown_repository_goes_on_as_it_came() -> None:
    """Value and headers are those of the event; where it goes stands beside them."""
    world = World()
    deployment, artifact = messages([FOREIGN, ARTIFACT])
    world.take([deployment, artifact])
    (sent,) = world.published[RESOLVED]
    headers = (*HEADERS, (REPOSITORY_HEADER, REPOSITORY.encode()), (CLAIMS_HEADER, b"1"))
    assert Output(RESOLVED, REPOSITORY.encode(), deployment, headers) == sent


def test_an_event_under_a_wrong_key_is_sent_to_the_right_partition() -> None:
    """A repository never spans two partitions, whatever a producer thinks; the event is indexed, and in one trail."""
    world = World()
    world.take(messages([{"type": "build.started", "partitionkey": "somewhere"}]))
    (sent,) = world.published[RESOLVED]
    assert sent.key == REPOSITORY.encode()
    (trail,) = world.trails()
    assert trail["pipetrail"]["trail"]["id"] == trail_id(REPOSITORY, COMMIT)
    assert len({output.value for output in world.published[RECORDS]}) == 1


def test_repositories_are_one_however_they_are_spelled() -> None:
    """Ssh and https name the same repository."""
    url = {
        "vcs.repository.url.full": "ssh://git@git.example/acme/shop.git",
        "partitionkey": "ssh://git@git.example/acme/shop.git",
    }
    world = World()
    world.take(messages([{"type": "build.started"}, {"type": "build.started", **url}]))
    assert len(world.trails()) == 1


def test_headers_cannot_hide_an_event_that_names_its_repository() -> None:
    """Anybody may write headers: claims count only for what has no repository of its own."""
    world, state = World(), MemoryState()
    (value,) = messages([{"type": "build.started"}])
    headers = (*HEADERS, (REPOSITORY_HEADER, b"https://git.example/acme/other"), (CLAIMS_HEADER, b"9" * 9000))
    outputs = world.pipeline.on_event(value, headers, state)
    (trail,) = [orjson.loads(output.value or b"") for output in outputs if output.topic is TRAILS]
    assert trail["vcs"]["repository"]["url"]["full"] == REPOSITORY
    assert len(trail["pipetrail"]["trail"]["entries"]) == 1


def test_a_wait_ends_when_it_is_over_and_not_before() -> None:
    """Counted from when the event was recorded; late by a part of the wait at most."""
    world, state = World(), MemoryState()
    (value,) = messages([{**DEPLOYMENT, "vcs.ref": None}])
    world.pipeline.on_event(value, HEADERS, state)
    assert world.pipeline.expire(state, START + WAIT - timedelta(milliseconds=1)) == []
    outputs = world.pipeline.expire(state, START + WAIT * 1.05)
    assert [output.topic for output in outputs] == [TRAILS, FINDINGS]
    assert world.pipeline.expire(state, START + WAIT * 2) == []


def test_looking_for_what_has_ended_costs_four_reads_when_there_is_none() -> None:
    """For waits, exclusions, silences and what is old; the engine looks every second in each of its partitions."""
    world, state = World(), CountingState()
    assert world.pipeline.expire(state, START) == []
    assert state.reads == 4


def test_an_event_reads_no_more_of_a_large_repository_than_of_a_small_one() -> None:
    """One event costs the same with a thousand commits as with one."""
    world, state = World(), CountingState()
    commits: list[dict[str, Any]] = [
        {"type": "commit.recorded", "vcs.ref.head.revision": f"{number:040x}", "key": number, "minute": 0}
        for number in range(1000)
    ]
    reads = []
    for value in messages(commits):
        state.reads = 0
        world.pipeline.on_event(value, HEADERS, state)
        reads.append(state.reads)
    assert set(reads[1:]) <= {5, 6}  # the sixth is of the page of the queue, where one is open


def test_the_parents_of_a_commit_are_kept() -> None:
    """In binary, so that a graph of many commits stays small: 46 bytes for one with two parents."""
    world, state = World(), MemoryState()
    parents = {"pipetrail.commit": {"message": "Merge", "parents": ["c2", "c3"]}}
    (value,) = messages([{"type": "commit.recorded", **parents}])
    world.pipeline.on_event(value, HEADERS, state)
    key = b"p\0" + REPOSITORY.encode() + b"\0" + bytes.fromhex(COMMIT)
    assert len(state.values[key]) == 46
    found = CommitGraph(state, REPOSITORY).get(COMMIT)
    assert found == Commit(milliseconds("2026-01-05T09:00:00.000Z"), ("2" * 40, "3" * 40))


def test_a_withdrawn_finding_is_published_with_a_higher_revision() -> None:
    """The test ran before the deployment, but was told after it."""
    told: list[dict[str, Any]] = [
        {"type": "build.finished", "pipetrail.result": "success"},
        {"type": "deployment.started", "deployment.environment.name": "qa", "minute": 5},
        {"type": "testsuiterun.finished", "pipetrail.result": "success", "minute": 2},
    ]
    world = World()
    world.take(messages(told))
    states = [orjson.loads(output.value or b"")["pipetrail"]["finding"] for output in world.published[FINDINGS]]
    assert [(state["status"], state["revision"]) for state in states] == [("open", 1), ("withdrawn", 2)]
    assert world.findings() == []
