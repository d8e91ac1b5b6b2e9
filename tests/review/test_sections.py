"""Tests of what `show` tells below the timeline: stages, places, deployments, approvals, bonds and links, to the letter."""

import io
from datetime import UTC
from typing import Any, get_args

import pytest
from pipetrail_review.render import timeline
from pipetrail_review.sections import _BONDS, sections
from pipetrail_review.terminal import console
from pipetrail_schemas.trail import Relation, Trail
from support.deliveries import ANN, BOB, NOW, START, commit_id, digest, document, entry, trail

OLD, HEAD, NEXT = commit_id("old"), commit_id("head"), commit_id("next")
# What stands in a document, and where it is cut on the terminal.
OLD_SHOWN, HEAD_SHOWN, NEXT_SHOWN = OLD[:7], HEAD[:7], NEXT[:7]


def state_of(stage: str, at: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Where a stage stands since an entry."""
    return {"stage": stage, "time": at["time"], "event_id": at["event_id"], **fields}


def telling(**fields: Any) -> Trail:
    """A trail of a squashed change that went to prod, with `fields` of `pipetrail.trail` besides."""
    review = entry("t", "change.reviewed", 0, decision="approved", actor=BOB, revision=HEAD, link="change", strength="strong")
    commit = entry("t", "commit.recorded", 60, actor=ANN)
    unit = entry("t", "taskrun.skipped", 90, stage="test", name="unit", skip="never_ran")
    approval = entry("t", "approval.decided", 120, decision="approved", actor=BOB, environment="prod")
    deploy = entry("t", "deployment.finished", 180, environment="prod", result="success", actor=ANN, digest=digest("shop"))
    deploy |= {"link": "digest", "strength": "strong", "evidence": commit["event_id"]}
    entries = [review, commit, unit, approval, deploy]
    stages = [
        state_of("review", review, result="success", duration_ms=60_000),
        state_of("test", unit, skip="never_ran"),
        state_of("approval", approval, result="success"),
        state_of("deploy", deploy, result="success"),
    ]
    content = document(trail("t", entries, stages=stages))
    content["pipetrail"]["trail"] |= fields
    return Trail.model_validate(content)


def printed(made: Trail, width: int = 80) -> dict[str, list[str]]:
    """The lines of each section, by its title."""
    stream = io.StringIO()
    console(stream, width=width).print(timeline(made, now=NOW, zone=UTC, full=True))
    found: dict[str, list[str]] = {}
    title = ""
    for line in stream.getvalue().splitlines():
        if line.startswith("  ") and line[2:3].isupper():
            title = line.strip()
            found[title] = []
        elif title and line:
            found[title].append(line)
    return found


def test_stages_tell_how_they_stand_how_long_they_took_and_what_is_not_known() -> None:
    """A stage without a record is not left out, and reads like none that passed or was skipped."""
    assert printed(telling())["Stages"] == [
        "    review    ✓ passed     in 1m",
        "    build     no record",
        "    test      ⊘ never ran",
        "    artifact  no record",
        "    approval  ✓ approved",
        "    deploy    ✓ succeeded",
    ]


@pytest.mark.parametrize(
    ("skip", "words"),
    [
        ("on_purpose", "⊘ skipped"),
        ("never_ran", "⊘ never ran"),
        ("neutral", "· ran, did not judge"),
        ("not_required", "⊘ not required"),
    ],
)
def test_the_four_meanings_of_a_skip_stay_apart(skip: str, words: str) -> None:
    """Each has its words in the list of stages."""
    at = entry("t", "taskrun.skipped", 90)
    shown = printed(telling(stages=[state_of("test", at, skip=skip)]))["Stages"]
    assert shown[2] == f"    test      {words}"


def test_an_approval_says_what_it_covered() -> None:
    """A review covers the commit that was looked at, an approval the environment that it was for."""
    assert printed(telling())["Approvals"] == [
        f"    09:02:11  Bob Ray  approved  commit {HEAD_SHOWN} (not this commit)",
        "    09:04:11  Bob Ray  approved  environment prod",
    ]


def test_where_it_runs_says_since_when_with_what_and_how_long_it_took() -> None:
    """Also an environment that it came to with a later commit, and one where it runs no longer."""
    at = entry("t", "deployment.finished", 180)
    place = {"time": at["time"], "event_id": at["event_id"]}
    there = {**place, "environment": "prod", "service": "shop", "result": "success", "actor": "Ann Lee", "lead_ms": 125_000}
    with_next = {**place, "environment": "stage", "result": "success", "commit": NEXT, "trail": "x"}
    under_way = {**place, "environment": "test"}
    gone = {**place, "environment": "demo", "commit": OLD, "trail": "x"}
    assert printed(telling(deployments=[there, with_next, under_way], left=[gone]))["Where it runs"] == [
        "    prod shop  ✓ succeeded  09:05:11  by Ann Lee  2m 5s after the commit",
        f"    stage      ✓ succeeded  09:05:11  with {NEXT_SHOWN}",
        "    test       … not finished  09:05:11",
        f"    demo       no longer  09:05:11  {OLD_SHOWN} runs there instead",
    ]


def test_a_deployment_says_which_commits_it_brought() -> None:
    """And that it went back or aside; what is not known is said to be unknown."""
    at = entry("t", "deployment.finished", 180)
    one = {"time": at["time"], "event_id": at["event_id"], "environment": "prod"}
    known = {**one, "state": "known", "since": OLD}
    carried = [
        {**one, "state": "first"},
        {**one, "state": "unknown", "since": OLD},
        {**known, "direction": "forward", "commits": 9, "revisions": [commit_id(str(number)) for number in range(9)]},
        {**known, "direction": "back", "taken": 2},
        {**known, "direction": "aside", "commits": 1, "revisions": [NEXT], "taken": 1},
        {**known, "direction": "same"},
    ]
    shown = " ".join(commit_id(str(number))[:7] for number in range(6))
    lines = printed(telling(carried=carried), width=200)["Deployments"]
    assert [line.removeprefix("    prod  09:05:11  ") for line in lines] == [
        "the first that is known there: what it brought cannot be said",
        f"what it brought since {OLD_SHOWN} is not known: the commit graph has gaps",
        f"brought 9 commits since {OLD_SHOWN}: {shown} and 3 more",
        f"went back: took 2 commits away since {OLD_SHOWN}",
        f"went to another branch: brought 1 commit, took 1 commit away since {OLD_SHOWN}: {NEXT_SHOWN}",
        f"the same commit again since {OLD_SHOWN}",
    ]


def test_a_bond_says_how_strong_it_is_why_and_what_is_not_counted() -> None:
    """What was built of a change's head was not built of the squashed commit."""
    at = entry("t", "build.finished", 0)
    head: dict[str, Any] = {
        "kind": "head",
        "commit": HEAD,
        "trail": "x",
        "strength": "strong",
        "why": "the forge says so",
        "how": "squash",
    }
    head |= {"event_id": at["event_id"], "not_counted": [state_of("build", at, result="success")]}
    picked = {"kind": "cherry_pick_of", "commit": OLD, "trail": "x", "strength": "fair", "why": "its message says so"}
    assert printed(telling(relations=[head, picked | {"event_id": at["event_id"]}]))["Bound to"] == [
        f"    head of the change (squash)  {HEAD_SHOWN}  strong  the forge says so",
        "                                                  not counted here: build ✓",
        "                                                  passed",
        f"    cherry-pick of               {OLD_SHOWN}  fair    its message says so",
    ]


def test_links_say_on_what_evidence_the_events_belong_here() -> None:
    """How many by which evidence, how strong it is, why, and which event it rests on."""
    made = telling()
    rests_on = made.pipetrail.trail.entries[-1].evidence or ""
    assert printed(made, width=120)["Links"] == [
        "    1 event   change  strong  their change was merged as this commit",
        "    3 events          exact   they name the commit",
        f"    1 event   digest  strong  their artifact is of this commit only, by commit.recorded {rests_on[:8]}",
    ]


def test_where_nothing_is_known_nothing_is_shown() -> None:
    """A bare commit has no sections."""
    assert list(sections(trail("c", [entry("c", "commit.recorded", 0)]), now=NOW, zone=UTC)) == []


def test_no_text_of_a_document_gets_onto_the_terminal_as_it_is() -> None:
    """Environments, services, people and reasons were written by strangers."""
    hostile = "x\x1b[2J\u202e"
    place = {"environment": hostile, "service": hostile, "actor": hostile, "time": START, "event_id": "e"}
    bond = {"kind": "head", "commit": HEAD, "trail": "x", "strength": "fair", "why": hostile, "event_id": "e"}
    carried = {"environment": hostile, "service": hostile, "time": START, "event_id": "e", "state": "first"}
    made = telling(deployments=[place], relations=[bond], carried=[carried])
    content = document(made)
    content["pipetrail"]["trail"]["entries"][3] |= {"environment": hostile, "decision": hostile, "actor": {"name": hostile}}
    text = "".join("".join(lines) for lines in printed(Trail.model_validate(content), width=200).values())
    assert not {"\x1b", "\u202e"} & set(text)
    assert text.count("\\x1b[2J\\u202e") >= 6


def test_every_bond_has_words() -> None:
    """What a trail's document may be bound by can be shown."""
    assert set(_BONDS) == set(get_args(Relation.model_fields["kind"].annotation))
