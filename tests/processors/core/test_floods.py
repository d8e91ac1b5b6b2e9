"""Trails of more events than are kept: bounded, told so, and the same in any order."""

import random
from typing import Any

import orjson
import pytest
from pipetrail_processors.correlate import cap
from pipetrail_processors.detect.labelled import messages
from pipetrail_processors.detect.ruleset import RuleSet
from pipetrail_processors.guard.policy import Policy
from pipetrail_processors.pipeline import Pipeline
from pipetrail_processors.state.state import MemoryState
from pipetrail_schemas.topics import TRAILS
from pipetrail_schemas.trail import Trail
from support.world import HEADERS, WAIT

_MANY = 90


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a few be too many, so that the tests are quick."""
    monkeypatch.setattr(cap, "MAX_VERDICTS", 40)
    monkeypatch.setattr(cap, "MAX_OTHERS", 20)


def _events() -> list[bytes]:
    ran: list[dict[str, Any]] = [
        {"type": f"testsuiterun.{verb}", "cicd.pipeline.task.name": f"t{number}", "cicd.pipeline.run.id": str(number), **told}
        for number in range(_MANY)
        for verb, told in (("started", {}), ("finished", {"pipetrail.result": "success"}))
    ]
    failed = {"type": "testsuiterun.finished", "cicd.pipeline.task.name": "bad", "pipetrail.result": "failure"}
    built = {"type": "build.finished", "pipetrail.result": "success"}
    return list(messages([built, *ran[:_MANY], failed, *ran[_MANY:]]))


def _by_evidence() -> list[bytes]:
    """A flood that names no commit, and a run that does."""
    ran: list[dict[str, Any]] = [
        {"type": f"testsuiterun.{verb}", "cicd.pipeline.task.name": f"t{number}", **told}
        for number in range(_MANY)
        for verb, told in (("started", {}), ("finished", {"pipetrail.result": "success"}))
    ]
    failed = {"type": "testsuiterun.finished", "cicd.pipeline.task.name": "bad", "pipetrail.result": "failure"}
    of_run = [{**one, "vcs.ref": None, "cicd.pipeline.run.id": "1"} for one in (*ran[:_MANY], failed, *ran[_MANY:])]
    return list(messages([{"type": "pipelinerun.started", "cicd.pipeline.run.id": "1"}, *of_run]))


def _state_and_trail(values: list[bytes]) -> tuple[dict[bytes, bytes], dict[str, Any]]:
    pipeline = Pipeline(policy=Policy(), rules=RuleSet.of([]), alias_wait=WAIT)
    state = MemoryState()
    trails = []
    for value in values:
        published = [one.value or b"" for one in pipeline.on_event(value, HEADERS, state) if one.topic is TRAILS]
        trails += [orjson.loads(one) for one in published]
    Trail.model_validate(trails[-1], extra="forbid")
    for one in {trail["pipetrail"]["trail"]["id"] for trail in trails}:
        revisions = [told["revision"] for trail in trails if (told := trail["pipetrail"]["trail"])["id"] == one]
        assert revisions == sorted(revisions)
    return {key: value for key, value in state.values.items() if key.startswith(b"n")}, trails[-1]


def test_a_flood_is_bounded_and_counted() -> None:
    """Of each class of facts only so many are kept; how many there were besides is told, and who failed stays."""
    state, document = _state_and_trail(_events())
    kept = [one for value in state.values() for one in orjson.loads(value).get("f", {}).values()]
    assert len(kept) == 20 + 40 + 1 + 1
    left = {name: number for value in state.values() for name, number in cap.left_out(orjson.loads(value)).items()}
    assert left == {"test": pytest.approx(2 * _MANY - 20 - 40, rel=0.3)}
    stages = {stage["stage"]: stage["result"] for stage in document["pipetrail"]["trail"]["stages"]}
    assert stages == {"build": "success", "test": "failure"}


def test_a_flood_in_any_order_and_repeated_ends_alike() -> None:
    """Nodes and documents are equal to the byte, and no revision falls on the way."""
    values = _events()
    expected = _state_and_trail(values)[1]
    for seed in range(5):
        drawn = random.Random(seed)  # noqa: S311 - the same orders each time are what is wanted
        told = values + drawn.sample(values, 60)
        drawn.shuffle(told)
        assert _state_and_trail(told)[1] == expected


def test_a_flood_that_joins_by_evidence_is_bounded_and_counted() -> None:
    """Whether the run's commit was told before it or after it: what is left out is counted where the others are."""
    values = _by_evidence()
    for told in (values, [*values[1:], values[0]]):
        state, document = _state_and_trail(told)
        nodes = [orjson.loads(value) for value in state.values()]
        assert sum(len(node.get("f", ())) for node in nodes) == 20 + 40 + 1 + 1
        assert max(len(node.get("m", ())) for node in nodes) == 20 + 40 + 1
        (left,) = [found for node in nodes if (found := cap.left_out(node))]
        assert left == {"test": pytest.approx(2 * _MANY - 20 - 40, rel=0.3)}
        assert document["vcs"]["ref"]["head"]["revision"] == "1" * 40
        assert [stage["result"] for stage in document["pipetrail"]["trail"]["stages"]] == ["failure"]


def test_a_flood_by_evidence_in_any_order_and_repeated_ends_alike() -> None:
    """Documents are equal to the byte, and no revision falls on the way, whenever the run's commit is told."""
    values = _by_evidence()
    expected = _state_and_trail(values)[1]
    for seed in range(5):
        drawn = random.Random(seed)  # noqa: S311 - as above
        told = values + drawn.sample(values, 60)
        drawn.shuffle(told)
        assert _state_and_trail(told)[1] == expected


def test_a_flood_whose_evidence_is_contradicted_goes_with_its_count() -> None:
    """The run turns out to be of two commits: nothing of it stays with either, and what was left out waits with the others."""
    other = {"type": "pipelinerun.started", "vcs.ref.head.revision": "c2", "cicd.pipeline.run.id": "1", "key": "other"}
    state, _ = _state_and_trail([*_by_evidence(), *messages([other])])
    nodes = {key.rpartition(b"\0")[2].decode(): orjson.loads(value) for key, value in state.items()}
    (run,) = [node for name, node in nodes.items() if name.startswith("run:")]
    assert cap.left_out(run)
    assert len(run["f"]) == 20 + 40 + 1
    assert not any(cap.left_out(nodes[commit * 40]) for commit in "12")
    assert [len(nodes[commit * 40]["f"]) for commit in "12"] == [1, 1]


def test_many_are_counted_within_some_percent() -> None:
    """The sketch of ids is exact for few, and near enough for very many."""
    some = random.Random(1)  # noqa: S311 - as above

    def fact() -> dict[str, Any]:
        return {"e": {"event_id": f"{some.getrandbits(128):032x}", "time": "2026-11-01T00:00:00.000Z"}}

    told = cap.LeftOut("", "", [])
    for _ in range(100):
        told = cap.with_more(list(told), [fact() for _ in range(200)])
    assert 20_000 * 0.7 < told.number < 20_000 * 1.3
