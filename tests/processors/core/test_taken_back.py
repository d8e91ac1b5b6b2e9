"""What is taken back, or told by other trails: examples that random histories find seldom."""

from itertools import permutations
from typing import Any

from pipetrail_processors.detect.labelled import START, messages
from pipetrail_processors.detect.ruleset import RuleSet
from pipetrail_schemas.topics import FINDINGS, TRAILS
from support.world import World

RULES = RuleSet.load()
_PLACE = {"deployment.environment.name": "prod", "pipetrail.result": "success"}
_BY_DIGEST = {"type": "deployment.finished", **_PLACE, "vcs.ref": None, "artifact.hash": "d1"}
_MERGED: dict[str, Any] = {"type": "change.merged", "vcs.change.id": "7", "user.name": "Ann", "minute": 9}
_SKIPPED = {
    "type": "taskrun.skipped",
    "cicd.pipeline.task.name": "a",
    "pipetrail.stage": "test",
    "pipetrail.skip": "on_purpose",
}
_RUN = {"cicd.pipeline.run.id": "1"}


def test_a_deployment_that_was_compared_with_one_that_is_taken_back_keeps_no_trace_of_it() -> None:
    """The digest of two commits proves neither: trails and revisions are those of whoever knew both from the beginning."""
    told = list(
        messages(
            [
                {"type": "artifact.packaged", "artifact.hash": "d1"},
                {"type": "artifact.packaged", "artifact.hash": "d1", "vcs.ref.head.revision": "c2"},
                _BY_DIGEST,
                {"type": "deployment.finished", **_PLACE},
            ]
        )
    )
    ends = []
    for order in permutations(told):
        world = _world(order)
        ends.append(world.latest(TRAILS))
        world.assert_revisions_tell()
    assert all(end == ends[0] for end in ends)


def test_a_commit_that_was_deployed_itself_before_another_one_brought_it_keeps_no_trace_of_that() -> None:
    """Its own deployment comes late: until then the next one seemed to have brought it."""
    graph = [
        {"type": "commit.recorded", "vcs.ref.head.revision": f"c{number}", "pipetrail.commit": {"parents": parents}}
        for number, parents in ((1, []), (2, []), (3, ["c1"]))
    ]
    commits = ("c2", "c1", "c3")
    deployments = [{"type": "deployment.finished", **_PLACE, "vcs.ref.head.revision": commit} for commit in commits]
    told = list(messages([*graph, *deployments]))
    ends = [_world([*told[:3], *order]).latest(TRAILS) for order in permutations(told[3:])]
    assert all(end == ends[0] for end in ends)


def test_of_two_versions_of_a_deployment_the_one_recorded_first_stands_everywhere() -> None:
    """It failed, and was told as a success first: nothing was compared with it in the end, in any order."""
    deployment = {"type": "deployment.finished", **_PLACE}
    failed = {**deployment, "pipetrail.result": "failure", "minute": 2, "key": "twice", "recorded": 5}
    told = list(
        messages([{**deployment, "minute": 1}, failed, {**failed, **_PLACE, "recorded": 9}, {**deployment, "minute": 3}])
    )
    ends = []
    for order in permutations(told):
        world = _world(order)
        ends.append(world.latest(TRAILS))
        world.assert_revisions_tell()
        [trail] = world.trails()
        assert len(trail["pipetrail"]["trail"]["carried"]) == 2
    assert all(end == ends[0] for end in ends)


def test_versions_of_an_event_without_a_repository_count_in_its_repository() -> None:
    """It waited for its artifact, in two versions or one: the trail that it joins has one revision in any order."""
    started: dict[str, Any] = {"type": "deployment.started", "artifact.hash": "d2", "key": "twice"}
    started |= {
        "deployment.environment.name": "prod",
        "vcs.repository": None,
        "vcs.ref": None,
        "partitionkey": "d2",
        "minute": 0,
    }
    again = {**started, "recorded": 6, "event.reason": "told again"}
    told = list(messages([started, again, {"type": "artifact.packaged", "artifact.hash": "d2"}]))
    ends = [_world(order).latest(TRAILS) for order in permutations(told)]
    assert all(end == ends[0] for end in ends)


def test_a_check_that_joins_the_head_late_is_seen_by_the_change() -> None:
    """It names its run alone, and which commit that was of is told after the merge: the finding is there in any order."""
    told = list(
        messages(
            [_MERGED, {**_SKIPPED, **_RUN, "vcs.ref": None}, {"type": "build.finished", **_RUN, "pipetrail.result": "success"}]
        )
    )
    for order in permutations(told):
        assert [finding["rule"]["id"] for finding in _world(order).findings()] == ["required-check-skipped"]


def test_two_changes_with_one_head_both_see_its_checks() -> None:
    """A commit that was merged by two changes lacks its check in both."""
    told = list(messages([_MERGED, {**_MERGED, "vcs.change.id": "8"}, _SKIPPED]))
    for order in permutations(told):
        assert [finding["rule"]["id"] for finding in _world(order).findings()] == ["required-check-skipped"] * 2


def test_an_author_that_is_told_after_the_merge_is_seen_by_the_change() -> None:
    """Who approved it turns out to have written it: what was an approval is a self-approval, in any order."""
    about = {"vcs.change.id": "7", "vcs.ref.base.name": "main"}
    told = list(
        messages(
            [
                {"type": "change.created", **about, "user.name": "Bob"},
                {"type": "change.reviewed", **about, "user.name": "Ann", "pipetrail.decision": "approved"},
                {**_MERGED, **about, "user.name": "Bob"},
                {"type": "commit.recorded", "user.name": "Ann", "pipetrail.commit": {"message": "Fix it"}},
            ]
        )
    )
    for order in permutations(told):
        rules = {finding["rule"]["id"] for finding in _world(order).findings()}
        assert "merged-without-review" in rules


def test_a_check_that_is_told_again_tells_the_finding_of_its_change_again() -> None:
    """The worker may have died after writing its state and before sending: what was sent then comes again."""
    world = World(rules=RULES)
    told = list(messages([_MERGED, _SKIPPED]))
    world.take(told)
    first = world.latest(FINDINGS)
    world.published[FINDINGS].clear()
    world.take(told[1:])
    assert len(first) == 1
    assert first == world.latest(FINDINGS)


def test_a_deployment_that_is_told_again_tells_those_again_that_were_compared_with_it() -> None:
    """An earlier deployment came late: the trail of the later one that it altered is published again with it."""
    world = World(rules=RULES)
    graph = [
        {"type": "commit.recorded", "vcs.ref.head.revision": f"c{number}", "pipetrail.commit": {"parents": parents}}
        for number, parents in ((1, []), (2, ["c1"]), (3, ["c2"]))
    ]
    early, late = ({"type": "deployment.finished", **_PLACE, "vcs.ref.head.revision": commit} for commit in ("c1", "c3"))
    told = list(messages([*graph, {**late, "minute": 9}, {**early, "minute": 5}]))
    world.take(told)
    first = world.latest(TRAILS)
    world.published[TRAILS].clear()
    world.take(told[-1:])
    assert first == world.latest(TRAILS)


def _world(values: Any) -> World:
    world = World(rules=RULES)
    world.take(values)
    world.wait_until(START.replace(day=START.day + 1))
    return world
