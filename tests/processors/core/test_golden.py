"""Histories that a person can read: events in, trails and findings out. One file a history in golden/.

With `waited: true` the wait for links ends after `events`; `later` comes after that. What stands in golden/delivery is about
the joins that delivery needs, one file each, without findings.
"""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from pipetrail_processors.detect.labelled import START, messages
from pipetrail_processors.detect.ruleset import RuleSet
from pipetrail_processors.guard.policy import Policy
from support.world import World

FOLDER = Path(__file__).parent / "golden"
RULES = RuleSet.load()


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_history_gives_the_trails_and_findings_that_are_written_beside_it(path: Path) -> None:
    """What is written in the file is what a person is shown: timelines, stages, deployments, findings."""
    history, world = _lived(path, RULES)
    assert history["trails"] == sorted(map(_shown, world.trails()))
    assert history.get("findings", []) == sorted(map(_finding, world.findings()))
    assert history.get("withdrawn", []) == sorted(map(_finding, world.findings("withdrawn")))


@pytest.mark.parametrize("path", sorted(FOLDER.glob("delivery/*.yaml")), ids=lambda path: path.stem)
def test_delivery_is_joined_the_way_it_happens(path: Path) -> None:
    """Whatever a team's way of working: trails, how strong each link is, what is not counted, what was carried where."""
    history, world = _lived(path, RuleSet.of([]))
    assert history["trails"] == sorted(map(_shown, world.trails()))


def _lived(path: Path, rules: RuleSet) -> tuple[dict[str, Any], World]:
    history: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    policy = Policy.parse(yaml.safe_dump(history["policy"]), name=path.name) if "policy" in history else Policy()
    world = World(policy, rules)
    told = list(messages([*history["events"], *history.get("later", [])]))
    world.take(told[: len(history["events"])])
    if history.get("waited"):
        world.wait_until(START + timedelta(days=1))
    world.take(told[len(history["events"]) :])
    return history, world


def _shown(document: dict[str, Any]) -> str:
    trail = document["pipetrail"]["trail"]
    lines = [_head(document)]
    commit = document["vcs"].get("ref", {}).get("head", {}).get("revision")
    lines += [_line(entry, trail["findings"], commit) for entry in trail["entries"]]
    if trail["stages"]:
        lines.append("stages " + ", ".join(_outcome(stage) for stage in trail["stages"]))
    lines += [_running(place) for place in trail["deployments"]]
    lines += [f"left {_joined(place, 'environment', 'service')}: now {_commit(place)}" for place in trail.get("left", [])]
    lines += [_carried(carried) for carried in trail.get("carried", [])]
    lines += [_relation(relation) for relation in trail.get("relations", [])]
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


def _line(entry: dict[str, Any], findings: list[dict[str, Any]], commit: str | None) -> str:
    words = [entry["time"][11:16], entry["type"]]
    words += [entry[name] for name in ("name", "environment", "result", "skip", "decision") if name in entry]
    if "digest" in entry:
        words.append("d" + entry["digest"][7])
    if "actor" in entry:
        words.append("by " + entry["actor"]["name"])
    if "reason" in entry:
        words.append(f"({entry['reason']})")
    if entry.get("revision", commit) != commit:
        words.append("of c" + entry["revision"][0])
    if "attempt" in entry:
        words.append(f"attempt {entry['attempt']}")
    if entry["link"] != "commit":
        words.append(f"[{entry['link']}]" if entry.get("strength", "strong") == "strong" else f"[{entry['link']}, fair]")
    flags = sorted(f"!{finding['rule']}" for finding in findings if finding["event_id"] == entry["event_id"])
    return " ".join([*words, *flags])


def _outcome(stage: dict[str, Any]) -> str:
    return f"{stage['stage']} {stage.get('skip') or stage.get('result', 'running')}"


def _running(place: dict[str, Any]) -> str:
    with_other = f", came with {_commit(place)}" if "commit" in place else ""
    return f"runs in {_joined(place, 'environment', 'service', 'result', 'actor')}{with_other}"


def _carried(carried: dict[str, Any]) -> str:
    place = f"deployed to {_joined(carried, 'environment', 'service')}"
    if carried["state"] != "known":
        return f"{place}: {carried['state']}"
    brought = " ".join("c" + revision[0] for revision in carried["revisions"]) or "nothing"
    taken = f", {carried['taken']} taken away" if carried["taken"] else ""
    return f"{place}: {carried['direction']} from c{carried['since'][0]}, brought {brought}{taken}"


def _relation(relation: dict[str, Any]) -> str:
    how = f" by {relation['how']}" if "how" in relation else ""
    stages = ", ".join(_outcome(stage) for stage in relation.get("not_counted", []))
    not_counted = f", not counted: {stages}" if stages else ""
    return f"{relation['kind']} {_commit(relation)}{how} ({relation['strength']}){not_counted}"


def _commit(value: dict[str, Any]) -> str:
    return "c" + str(value["commit"][0])


def _finding(document: dict[str, Any]) -> str:
    return f"{document['pipetrail']['finding']['severity']} {document['rule']['id']}: {document['message']}"


def _joined(values: dict[str, Any], *names: str) -> str:
    return " ".join(values[name] for name in names if name in values)
