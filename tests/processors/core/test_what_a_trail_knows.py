"""What a trail knows besides its order, as histories that a person can read: golden/knows.

Stages with outcome and the four meanings of skip, who did what, approvals with what they covered, lead time and time per stage,
where it runs now, how strong each link is and why.
"""

from pathlib import Path
from typing import Any

import pytest
import yaml
from pipetrail_processors.detect.labelled import messages
from pipetrail_processors.detect.ruleset import RuleSet
from support.world import World

FOLDER = Path(__file__).parent / "golden" / "knows"
_MINUTE_MS = 60_000


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_trail_knows_what_is_written_beside_its_history(path: Path) -> None:
    """Every line of the file is in the trail's document, and the trail says no more of it."""
    history: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    world = World(rules=RuleSet.of([]))
    world.take(messages(history["events"]))
    shown = [_shown(one["pipetrail"]["trail"], one["vcs"]["ref"]["head"]["revision"]) for one in world.trails()]
    assert history["trails"] == sorted(shown)


def _shown(trail: dict[str, Any], commit: str) -> str:
    types = {entry["event_id"]: entry["type"] for entry in trail["entries"]}
    lines = [_name(commit)]
    lines += [_entry(entry, types) for entry in trail["entries"]]
    lines += [_stage(stage) for stage in trail["stages"]]
    lines += [_place(place) for place in trail["deployments"]]
    lines += [_relation(relation) for relation in trail.get("relations", [])]
    lines += ["told in another trail"] if "merged_into" in trail else []
    return "\n".join(lines) + "\n"


def _entry(entry: dict[str, Any], types: dict[str, str]) -> str:
    words = [entry["time"][11:16], entry["type"], *(entry[name] for name in ("result", "skip", "decision") if name in entry)]
    words += [f"of {_name(entry['revision'])}"] if "revision" in entry else []
    words += [f"of d{entry['digest'][7]}"] if "digest" in entry else []
    words += [f"for {entry['environment']}"] if "environment" in entry else []
    words.append(f"by {entry['actor']['name']}")
    words += [f"because “{entry['reason']}”"] if "reason" in entry else []
    if "strength" in entry:
        because = f", since {types[entry['evidence']]} says so" if "evidence" in entry else ""
        words.append(f"[{entry['strength']}, by {entry['link']}{because}]")
    return " ".join(words)


def _stage(stage: dict[str, Any]) -> str:
    took = f", took {_minutes(stage['duration_ms'])}" if "duration_ms" in stage else ""
    return f"stage {stage['stage']}: {stage.get('skip') or stage.get('result', 'running')}{took}"


def _place(place: dict[str, Any]) -> str:
    lead = f", {_minutes(place['lead_ms'])} after the commit" if "lead_ms" in place else ""
    return f"runs in {place['environment']}: {place['result']}, d{place['digest'][7]} by {place['actor']}{lead}"


def _relation(relation: dict[str, Any]) -> str:
    return f"{relation['kind']} {_name(relation['commit'])} ({relation['strength']}): {relation['why']}"


def _minutes(milliseconds: int) -> str:
    return f"{milliseconds // _MINUTE_MS} min"


def _name(commit: str) -> str:
    return "c" + commit[0]
