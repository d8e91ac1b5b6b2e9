"""Histories that a person can read: events in, trails and findings out. One file a history in golden/.

With `waited: true` the wait for links ends after `events`; `later` comes after that.
"""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from pipetrail_processors.labelled import START, messages
from pipetrail_processors.policy import Policy
from pipetrail_processors.ruleset import RuleSet
from support.world import World

FOLDER = Path(__file__).parent / "golden"
RULES = RuleSet.load()


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_history_gives_the_trails_and_findings_that_are_written_beside_it(path: Path) -> None:
    """What is written in the file is what a person is shown: timelines, stages, deployments, findings."""
    history = yaml.safe_load(path.read_text(encoding="utf-8"))
    policy = Policy.parse(yaml.safe_dump(history["policy"]), name=path.name) if "policy" in history else Policy()
    world = World(policy, RULES)
    told = list(messages([*history["events"], *history.get("later", [])]))
    world.take(told[: len(history["events"])])
    if history.get("waited"):
        world.wait_until(START + timedelta(days=1))
    world.take(told[len(history["events"]) :])
    assert history["trails"] == sorted(map(_shown, world.trails()))
    assert history.get("findings", []) == sorted(map(_finding, world.findings()))
    assert history.get("withdrawn", []) == sorted(map(_finding, world.findings("withdrawn")))


def _shown(document: dict[str, Any]) -> str:
    trail = document["pipetrail"]["trail"]
    lines = [_head(document)]
    lines += [_line(entry, trail["findings"]) for entry in trail["entries"]]
    if trail["stages"]:
        lines.append("stages " + ", ".join(_outcome(stage) for stage in trail["stages"]))
    lines += [f"runs in {_joined(place, 'environment', 'service', 'result', 'actor')}" for place in trail["deployments"]]
    if "merged_into" in trail:
        lines.append("merged into another trail")
    return "\n".join(lines) + "\n"


def _head(document: dict[str, Any]) -> str:
    commit = document["vcs"].get("ref", {}).get("head", {}).get("revision", "")
    repository = document["vcs"].get("repository", {}).get("url", {}).get("full", "no repository").rpartition("/")[2]
    known = "c" + commit[0] if commit else "no commit"
    message = f" “{document['message']}”" if "message" in document else ""
    ticket = document["pipetrail"].get("ticket", {}).get("id", "no ticket")
    author = f" by {document['user']['name']}" if "user" in document else ""
    return f"{repository} {known}{message}{author}, {ticket}"


def _line(entry: dict[str, Any], findings: list[dict[str, Any]]) -> str:
    words = [entry["time"][11:16], entry["type"]]
    words += [entry[name] for name in ("name", "environment", "result", "skip", "decision") if name in entry]
    if "digest" in entry:
        words.append("d" + entry["digest"][7])
    if "actor" in entry:
        words.append("by " + entry["actor"]["name"])
    if "reason" in entry:
        words.append(f"({entry['reason']})")
    if entry["link"] != "commit":
        words.append(f"[{entry['link']}]")
    flags = sorted(f"!{finding['rule']}" for finding in findings if finding["event_id"] == entry["event_id"])
    return " ".join([*words, *flags])


def _outcome(stage: dict[str, Any]) -> str:
    return f"{stage['stage']} {stage.get('skip') or stage.get('result', 'running')}"


def _finding(document: dict[str, Any]) -> str:
    return f"{document['pipetrail']['finding']['severity']} {document['rule']['id']}: {document['message']}"


def _joined(values: dict[str, Any], *names: str) -> str:
    return " ".join(values[name] for name in names if name in values)
