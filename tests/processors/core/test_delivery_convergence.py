"""Histories of whole deliveries: a commit graph, changes that are merged, deployments forth and back. Any order ends alike."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st
from pipetrail_processors.detect.labelled import START, messages
from pipetrail_processors.detect.ruleset import RuleSet
from pipetrail_schemas.topics import TRAILS
from pipetrail_schemas.trail import Trail
from support.laws import examples
from support.world import World

RULES = RuleSet.of([])
LATER = START + timedelta(days=1)
_MESSAGES = (
    "Faster",
    "Slower",
    "Fix\n\n(cherry picked from commit " + "1" * 40 + ")",
    "Undo\n\nThis reverts commit " + "2" * 40,
)


@st.composite
def _commits(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Up to seven commits, each with any earlier ones as parents; some are the same work under another id."""
    found = []
    for number in range(1, draw(st.integers(2, 7)) + 1):
        earlier = [f"c{other}" for other in range(1, number)]
        parents = draw(st.lists(st.sampled_from(earlier), max_size=2, unique=True)) if earlier else []
        author = {"name": draw(st.sampled_from(["Ann", "Bob"])), "time": "2026-01-05T08:00:00.000Z"}
        said = {"message": draw(st.sampled_from(_MESSAGES)), "parents": parents, "author": author}
        found.append({"type": "commit.recorded", "vcs.ref.head.revision": f"c{number}", "pipetrail.commit": said})
    return found


@st.composite
def _deployment(draw: st.DrawFn, commits: int) -> dict[str, Any]:
    """A deployment of a commit that it names, or knows by the digest or the tag, of which there is one a commit."""
    number = draw(st.integers(1, commits))
    event: dict[str, Any] = {
        "type": draw(st.sampled_from(["deployment.finished"] * 4 + ["deployment.started"])),
        "deployment.environment.name": draw(st.sampled_from(["prod", "staging"])),
        "vcs.ref.head.revision": f"c{number}",
    }
    if event["type"] == "deployment.finished":
        event["pipetrail.result"] = draw(st.sampled_from(["success", "success", "success", "failure"]))
    if draw(st.integers(0, 4)) == 0:
        event["service.name"] = "web"
    known = draw(st.sampled_from(["commit", "commit", "digest", "tag"]))
    if known != "commit":
        event["vcs.ref"] = None
    if known == "digest":
        event["artifact.hash"] = f"d{number}"
    if known == "tag":
        event["vcs.ref"] = {"head": {"name": f"v{number}", "type": "tag", "revision": None}}
    return event


@st.composite
def _about(draw: st.DrawFn, commits: int) -> dict[str, Any]:
    """What else is told of a commit or of a change; every change is merged once at most."""
    number = draw(st.integers(1, commits))
    at = {"vcs.ref.head.revision": f"c{number}"}
    change = draw(st.integers(1, 3))
    merged = {"vcs.change.id": str(change), "pipetrail.change.merge_revision": f"c{min(change, commits)}", "key": f"m{change}"}
    return draw(
        st.sampled_from(
            [
                {**at, "type": "build.finished", "pipetrail.result": "success"},
                {**at, "type": "testsuiterun.finished", "pipetrail.result": "failure"},
                {**at, "type": "artifact.packaged", "artifact.hash": f"d{number}"},
                {"type": "tag.created", "vcs.ref.head": {"name": f"v{number}", "type": "tag", "revision": f"c{number}"}},
                {**at, "type": "change.created", "vcs.change.id": str(change), "pipetrail.change.test_merge_revision": "c9"},
                {**at, "type": "change.reviewed", "vcs.change.id": str(change), "pipetrail.decision": "approved"},
                {**merged, "type": "change.merged", "vcs.ref.head.revision": f"c{commits}", "minute": 500 + change},
            ]
        )
    )


@st.composite
def _history(draw: st.DrawFn) -> list[dict[str, Any]]:
    events = draw(_commits())
    commits = len(events)
    events += draw(st.lists(_deployment(commits), max_size=5))
    events += draw(st.lists(_about(commits), max_size=4))
    gaps = draw(st.sets(st.integers(0, commits - 1), max_size=1))
    return [event for number, event in enumerate(events) if number not in gaps]


@given(_history(), st.data())
@settings(max_examples=examples(2000), deadline=None)
def test_any_order_and_repetition_of_a_delivery_ends_in_the_same_trails(
    events: list[dict[str, Any]], data: st.DataObject
) -> None:
    """Two thousand generated histories, permuted and repeated, give trails that are equal to the byte, revisions included."""
    told = list(messages(events))
    again = data.draw(st.lists(st.sampled_from(told), max_size=5))
    one, other = _end_of(told), _end_of(data.draw(st.permutations(told + again)))
    assert one.latest(TRAILS) == other.latest(TRAILS)
    for world in (one, other):
        _assert_revisions_tell(world)
    for value in one.latest(TRAILS).values():
        Trail.model_validate_json(value, extra="forbid")


@given(_history(), st.data())
@settings(max_examples=examples(300), deadline=None)
def test_roll_backs_that_name_no_target_end_in_the_same_trails(events: list[dict[str, Any]], data: st.DataObject) -> None:
    """What runs after such a roll-back follows from what is known of the time before; only revisions may differ."""
    back = {"type": "deployment.rolledback", "deployment.environment.name": "prod"}
    for number in data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=2)):
        at = data.draw(st.integers(0, len(events)))
        events = [*events[:at], {**back, "vcs.ref.head.revision": f"c{number}"}, *events[at:]]
    told = list(messages(events))
    one, other = _end_of(told), _end_of(data.draw(st.permutations(told)))
    assert [_without_revision(trail) for trail in one.trails()] == [_without_revision(trail) for trail in other.trails()]
    for world in (one, other):
        _assert_revisions_do_not_fall(world)


@given(_history(), st.data())
@settings(max_examples=examples(300), deadline=None)
def test_evidence_that_is_contradicted_ends_in_the_same_trails(events: list[dict[str, Any]], data: st.DataObject) -> None:
    """One digest of several commits, or not of the one named: contents are equal, and revisions but of what others carried."""
    numbers = st.integers(1, 7)
    for number, commit in data.draw(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=3)):
        events = [*events, _made_of(f"d{number}", f"c{commit}")]
    for number, commit in data.draw(st.lists(st.tuples(numbers, numbers), max_size=3)):
        events = [*events, _promoted(f"d{number}", f"c{commit}")]
    told = list(messages(events))
    again = data.draw(st.lists(st.sampled_from(told), max_size=5))
    one, other = _end_of(told), _end_of(data.draw(st.permutations(told + again)))
    excepted = _ever_carried(one) | _ever_carried(other)
    assert _exact(one, excepted) == _exact(other, excepted)
    assert [_without_revision(trail) for trail in one.trails()] == [_without_revision(trail) for trail in other.trails()]
    for world in (one, other):
        _assert_revisions_do_not_fall(world)


def test_a_commit_that_was_wrongly_thought_to_be_carried_is_the_exception() -> None:
    """Its trail is as if nothing had been, but for its revision: an order in which it was never carried ends in a lower one."""
    graph: list[dict[str, Any]] = [
        {"type": "commit.recorded", "vcs.ref.head.revision": f"c{number}", "pipetrail.commit": {"parents": parents}}
        for number, parents in ((1, []), (2, ["c1"]), (3, ["c2"]), (4, ["c1"]))
    ]
    place = {"deployment.environment.name": "prod", "pipetrail.result": "success"}
    deployments: list[dict[str, Any]] = [
        {"type": "deployment.finished", **place, "vcs.ref.head.revision": "c1"},
        {"type": "deployment.finished", **place, "vcs.ref": None, "artifact.hash": "d3"},
    ]
    told = list(messages([*graph, *deployments, _made_of("d3", "c3"), _made_of("d3", "c4")]))
    one, other = _end_of(told), _end_of([*told[:4], *told[6:], *told[4:6]])
    carried = _ever_carried(one)
    assert [trail["vcs"]["ref"]["head"]["revision"] for trail in one.trails() if _key(trail) in carried] == ["2" * 40]
    assert _ever_carried(other) == set()
    assert _exact(one, carried) == _exact(other, carried)
    assert _revision_of(one, carried) > _revision_of(other, carried)
    assert [_without_revision(trail) for trail in one.trails()] == [_without_revision(trail) for trail in other.trails()]


@given(_history(), st.integers(0, 12))
@settings(max_examples=examples(200), deadline=None)
def test_what_was_lost_on_the_way_out_comes_again(events: list[dict[str, Any]], lost: int) -> None:
    """Also the trails of commits that a deployment carried, and those that a late commit explained."""
    told = list(messages(events))
    lost = min(lost, len(told))
    whole, broken = World(rules=RULES), World(rules=RULES)
    whole.take(told)
    broken.take(told[:lost])
    sent = {topic: list(outputs) for topic, outputs in broken.published.items()}
    broken.take(told[lost:])
    broken.published = sent
    broken.take(told[lost:])
    assert broken.latest(TRAILS) == whole.latest(TRAILS)


def _end_of(values: Sequence[bytes]) -> World:
    world = World(rules=RULES)
    world.take(values)
    world.wait_until(LATER)
    return world


def _made_of(digest: str, commit: str) -> dict[str, Any]:
    return {"type": "artifact.packaged", "artifact.hash": digest, "vcs.ref.head.revision": commit}


def _promoted(digest: str, commit: str) -> dict[str, Any]:
    """A deployment that names the commit that its job ran at, and bytes that may be of another."""
    place = {"deployment.environment.name": "prod", "pipetrail.result": "success"}
    return {"type": "deployment.finished", **place, "artifact.hash": digest, "vcs.ref.head.revision": commit}


def _key(trail: dict[str, Any]) -> bytes:
    key: str = trail["pipetrail"]["trail"]["id"]
    return key.encode()


def _ever_carried(world: World) -> set[bytes]:
    """The trails that at any time showed that the deployment of another commit had brought or taken away theirs."""
    told = [(output.key, orjson.loads(output.value or b"")["pipetrail"]["trail"]) for output in world.published[TRAILS]]
    return {key for key, trail in told if any("commit" in place for place in (*trail["deployments"], *trail.get("left", ())))}


def _exact(world: World, excepted: set[bytes]) -> dict[bytes, bytes]:
    return {key: value for key, value in world.latest(TRAILS).items() if key not in excepted}


def _revision_of(world: World, keys: set[bytes]) -> int:
    return sum(orjson.loads(world.latest(TRAILS)[key])["pipetrail"]["trail"]["revision"] for key in keys)


def _revisions(world: World) -> list[tuple[bytes, int, bytes]]:
    told = [(output.key, output.value or b"") for output in world.published[TRAILS]]
    return [(key, orjson.loads(value)["pipetrail"]["trail"]["revision"], value) for key, value in told]


def _assert_revisions_tell(world: World) -> None:
    seen: dict[bytes, tuple[int, bytes]] = {}
    for key, revision, value in _revisions(world):
        before, content = seen.get(key, (0, b""))
        assert revision > before or (revision == before and content == value)
        seen[key] = revision, value


def _assert_revisions_do_not_fall(world: World) -> None:
    seen: dict[bytes, int] = {}
    for key, revision, _ in _revisions(world):
        assert revision >= seen.get(key, 0)
        seen[key] = revision


def _without_revision(trail: dict[str, Any]) -> dict[str, Any]:
    del trail["pipetrail"]["trail"]["revision"]
    return trail
