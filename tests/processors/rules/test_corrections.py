"""What comes late corrects what was found by several events, and the finding says after what."""

from typing import Any

import pytest
from pipetrail_processors.detect.labelled import messages
from pipetrail_processors.detect.ruleset import RuleSet
from support.world import World

RULES = RuleSet.load()
_PROTECTION = {"type": "policy.changed", "vcs.ref": None, "pipetrail.control": "branch protection"}
_VERDICT = {"type": "artifact.attested", "artifact.hash": "d1", "cicd.pipeline.task.name": "scan"}
_GAP = {"type": "source.gap", "vcs.ref": None, "event.reason": "event 17 of the stream a4 did not arrive"}


def _override(minute: int) -> dict[str, Any]:
    return {"type": "policy.bypassed", "pipetrail.control": "licence scan", "user.name": "Ann", "minute": minute}


# What is told in time, the late event, how many of the rule's findings are open and withdrawn then, how the correction begins.
_STORIES: dict[str, tuple[list[dict[str, Any]], dict[str, Any], tuple[int, int], str]] = {
    "many-overrides": (
        [_override(minute) for minute in (0, 100, 200, 300, 500)],
        _override(400),
        (1, 0),
        "altered after policy.bypassed of 2026-01-05T15:40",
    ),
    "protection-toggled": (
        [
            {**_PROTECTION, "event.action": "deleted", "minute": 10},
            {"type": "push.received", "vcs.ref.head.name": "main", "minute": 20},
            {**_PROTECTION, "event.action": "created", "minute": 30},
        ],
        {**_PROTECTION, "event.action": "deleted", "minute": 5},
        (1, 1),
        "withdrawn after policy.changed of 2026-01-05T09:05",
    ),
    "verdict-flipped": (
        [{**_VERDICT, "pipetrail.result": "success", "minute": 0}, {**_VERDICT, "pipetrail.result": "failure", "minute": 20}],
        {**_VERDICT, "pipetrail.result": "failure", "minute": 10},
        (1, 1),
        "withdrawn after artifact.attested of 2026-01-05T09:10",
    ),
    "deliveries-lost": (
        [{**_GAP, "event.action": "sequence_gap", "minute": 0}],
        {**_GAP, "event.action": "sequence_filled", "minute": 60},
        (0, 1),
        "withdrawn after source.gap of 2026-01-05T10:00",
    ),
}


@pytest.mark.parametrize("rule", _STORIES)
def test_a_late_event_corrects_it(rule: str) -> None:
    """A burst, a sequence, a verdict that flipped, a gap; a silence is in test_silence."""
    told, late, (still, gone), correction = _STORIES[rule]
    world = World(rules=RULES)
    in_time = list(messages(told))
    world.take(in_time)
    (before,) = (one for one in world.findings() if one["rule"]["id"] == rule)
    assert "correction" not in before["pipetrail"]["finding"]
    world.take(list(messages([*told, late]))[len(in_time) :])
    states = {
        status: [one["pipetrail"]["finding"] for one in world.findings(status) if one["rule"]["id"] == rule]
        for status in ("open", "withdrawn")
    }
    assert (still, gone) == (len(states["open"]), len(states["withdrawn"]))
    corrected = next(one["correction"] for found in states.values() for one in found if "correction" in one)
    assert corrected.startswith(correction)
