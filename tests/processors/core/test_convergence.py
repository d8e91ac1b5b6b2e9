"""Any order and any repetition of the same events ends in the same trails, findings and records."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st
from pipetrail_processors.detect.labelled import START, messages
from pipetrail_processors.detect.ruleset import RuleSet
from pipetrail_schemas.finding import Finding
from pipetrail_schemas.topics import FINDINGS, RECORDS, TRAILS
from pipetrail_schemas.trail import Trail
from support.laws import examples
from support.world import World

RULES = RuleSet.load()
LATER = START + timedelta(days=1)

_PLACES = st.sampled_from([{"deployment.environment.name": name} for name in ("prod", "staging")])
_COMMITS = st.sampled_from(["c1", "c2", "c3", None])
_RUNS = st.sampled_from(["1", "2", None])
_DIGESTS = st.sampled_from(["d1", "d2", None])
_RESULTS = st.sampled_from(["success", "failure", "cancellation", "skip"])
_PEOPLE = st.sampled_from(["Ann", "Bob"])


@st.composite
def _event(draw: st.DrawFn) -> dict[str, Any]:
    """One event of a delivery, with any of the evidence that there is."""
    kind = draw(st.sampled_from(sorted(_SPECIFIC)))
    event = {"type": kind, "user.name": draw(_PEOPLE), "minute": draw(st.integers(0, 5)), **draw(_SPECIFIC[kind])}
    commit, run, digest = draw(_COMMITS), draw(_RUNS), draw(_DIGESTS)
    if kind == "commit.recorded":
        commit = commit or "c1"
    event["vcs.ref"] = {"head": {"revision": commit}} if commit else None
    if run:
        event["cicd.pipeline.run.id"] = run
    if digest and "artifact.hash" not in event and kind.startswith("deployment"):
        event["artifact.hash"] = digest
    if "deployment.environment.name" in event and draw(st.booleans()):
        event["deployment.id"] = draw(st.sampled_from(["1", "2"]))
    if not commit and not kind.startswith(_OF_A_REPOSITORY) and draw(st.integers(0, 3)) == 0:
        event["vcs.repository"] = None
        event["partitionkey"] = event.get("artifact.hash") or draw(st.sampled_from(["prod", "somewhere"]))
    elif draw(st.integers(0, 5)) == 0:
        event["vcs.repository.url.full"] = event["partitionkey"] = "https://git.example/acme/other"
    return event


_OF_A_REPOSITORY = ("commit.", "change.")
_SPECIFIC: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "commit.recorded": st.sampled_from([{"pipetrail.commit.message": text} for text in ("PAY-1 Fix it", "Fix it")]),
    "build.finished": st.builds(lambda result: {"pipetrail.result": result}, _RESULTS),
    "testsuiterun.finished": st.builds(
        lambda result, name: {"pipetrail.result": result, "cicd.pipeline.task.name": name},
        _RESULTS,
        st.sampled_from(["a", "b"]),
    ),
    "taskrun.skipped": st.just({"cicd.pipeline.task.name": "a", "pipetrail.stage": "test", "pipetrail.skip": "on_purpose"}),
    "artifact.packaged": st.builds(lambda digest: {"artifact.hash": digest}, st.sampled_from(["d1", "d2"])),
    "approval.decided": st.sampled_from(
        [{"pipetrail.decision": decision} for decision in ("approved", "rejected", "dismissed")]
    ),
    "change.merged": st.builds(
        lambda commit: {"vcs.change.id": "7", "pipetrail.change.merge_revision": commit}, st.sampled_from(["c1", "c2"])
    ),
    "change.reviewed": st.just({"vcs.change.id": "7", "pipetrail.decision": "approved"}),
    "deployment.started": _PLACES,
    "deployment.finished": st.builds(lambda place, result: {**place, "pipetrail.result": result}, _PLACES, _RESULTS),
}


@st.composite
def _events(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Events, of some of which there are two versions: the same key, told at another time, that may contradict each other."""
    events = draw(st.lists(_event(), min_size=1, max_size=12))
    for event in draw(st.lists(st.sampled_from(events), max_size=2)):
        event["key"] = events.index(event)
        other = {**event, "recorded": draw(st.integers(0, 9)), "event.reason": "told again"}
        if "pipetrail.result" in event:
            other["pipetrail.result"] = draw(_RESULTS)
        events.append(draw(_said_otherwise(other)))
    return events


@st.composite
def _said_otherwise(draw: st.DrawFn, event: dict[str, Any]) -> dict[str, Any]:
    """The event, perhaps with other words about where it belongs. Not of a commit's record, which is known by its commit."""
    other = {**event}
    if other["type"] == "commit.recorded" or "vcs.repository" in other or "vcs.repository.url.full" in other:
        return other
    commit = draw(_COMMITS)
    other["vcs.ref"] = {"head": {"revision": commit}} if commit else None
    if run := draw(_RUNS):
        other["cicd.pipeline.run.id"] = run
    if "deployment.environment.name" in other:
        other |= draw(_PLACES)
        other["artifact.hash"] = draw(st.sampled_from(["d1", "d2"]))
    return other


@st.composite
def _history(draw: st.DrawFn) -> tuple[list[bytes], list[bytes]]:
    """A history in two orders; the second tells some of it more than once."""
    told = list(messages(draw(_events())))
    again = draw(st.lists(st.sampled_from(told), max_size=6))
    return told, draw(st.permutations(told + again))


@given(_history())
@settings(max_examples=examples(300), deadline=None)
def test_any_order_and_repetition_ends_in_the_same_trails(history: tuple[list[bytes], list[bytes]]) -> None:
    """Trails are equal to the byte, findings but for how often they changed, and records but for the trail."""
    one, other = (_end_of(values) for values in history)
    assert one == other


@given(_events(), st.data())
@settings(max_examples=examples(150), deadline=None)
def test_a_trail_that_was_published_is_never_followed_by_a_lower_revision(
    events: list[dict[str, Any]], data: st.DataObject
) -> None:
    """Whatever comes, also after a wait has ended too early: what changes in a trail shows in a higher revision."""
    world = World(rules=RULES)
    told = list(messages(events))
    patience = data.draw(st.integers(0, len(told)))
    world.take(told[:patience])
    world.wait_until(LATER)
    world.take(told[patience:])
    world.wait_until(LATER)
    world.assert_revisions_tell()


@given(st.lists(_event(), min_size=1, max_size=12))
@settings(max_examples=examples(150), deadline=None)
def test_whatever_is_published_is_a_valid_document(events: list[dict[str, Any]]) -> None:
    """Trails and findings keep to their models, with no field that the models do not know."""
    world = World(rules=RULES)
    world.take(messages(events))
    world.wait_until(LATER)
    for value in world.latest(TRAILS).values():
        Trail.model_validate_json(value, extra="forbid")
    for value in world.latest(FINDINGS).values():
        Finding.model_validate_json(value, extra="forbid")


@given(st.lists(_event(), min_size=1, max_size=12))
@settings(max_examples=examples(150), deadline=None)
def test_every_deployment_ends_in_exactly_one_trail(events: list[dict[str, Any]]) -> None:
    """Joined or not: when all waits are over, people see each deployment once."""
    world = World(rules=RULES)
    told = list(messages(events))
    world.take(told)
    world.wait_until(LATER)
    shown = Counter(entry["event_id"] for trail in world.trails() for entry in trail["pipetrail"]["trail"]["entries"])
    for event in map(orjson.loads, told):
        if ".deployment." in event["type"]:
            assert shown[event["id"]] == 1


@given(st.lists(_event(), min_size=1, max_size=10), st.integers(0, 9))
@settings(max_examples=examples(150), deadline=None)
def test_what_was_lost_on_the_way_out_comes_again_with_the_repetition(events: list[dict[str, Any]], lost: int) -> None:
    """A worker that dies after writing its state and before sending loses nothing: events and outputs come again."""
    told = list(messages(events))
    lost = min(lost, len(told))
    whole, broken = World(rules=RULES), World(rules=RULES)
    whole.take(told)
    broken.take(told[:lost])
    sent = {topic: list(outputs) for topic, outputs in broken.published.items()}
    broken.take(told[lost:])
    broken.published = sent  # what was sent since then is gone, but the state has it
    broken.take(told[lost:])
    for topic in (TRAILS, FINDINGS, RECORDS):
        assert broken.latest(topic) == whole.latest(topic)


def _end_of(values: Sequence[bytes]) -> tuple[dict[bytes, bytes], list[dict[str, Any]], set[bytes]]:
    world = World(rules=RULES)
    world.take(values)
    world.wait_until(LATER)
    findings = world.findings()
    for finding in findings:
        del finding["pipetrail"]["finding"]["revision"]
        finding["pipetrail"]["finding"].pop("correction", None)  # says what came last
    records = {output.value or b"" for output in world.published[RECORDS]}
    return world.latest(TRAILS), findings, records
