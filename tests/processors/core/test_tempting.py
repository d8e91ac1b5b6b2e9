"""Wrong links are worse than none: histories that tempt to make one, in any order."""

from collections import defaultdict
from datetime import timedelta
from itertools import islice, permutations
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest
import yaml
from pipetrail_processors.detect.labelled import START, messages
from pipetrail_processors.detect.ruleset import RuleSet
from pipetrail_schemas.topics import TRAILS
from support.world import World

HISTORIES: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("tempting.yaml").read_text(encoding="utf-8"))
_RULES = RuleSet.of([])
_ORDERS = 24


@pytest.mark.parametrize("history", HISTORIES, ids=lambda history: history["says"])
def test_every_event_is_shown_where_it_belongs_and_nowhere_else(history: dict[str, Any]) -> None:
    """Whatever comes first; what runs is what was deployed last with success, and what changes shows in a higher revision."""
    told = list(messages(history["events"]))
    names = [orjson.loads(value)["id"] for value in told]
    told += messages(history.get("versions", ()))
    ends = []
    for order in _orders(told):
        world = World(rules=_RULES)
        world.take(order)
        world.wait_until(START + timedelta(days=30))
        world.assert_revisions_tell()
        ends.append(world.latest(TRAILS))
        shown, runs = _shown(world.trails()), _runs(world.trails())
        assert [shown[name] for name in names] == [[commit] for commit in history["belongs"]]
        if "runs" in history:
            assert runs == history["runs"]
        if "unbound" in history:
            assert not any(trail["pipetrail"]["trail"].get("relations") for trail in world.trails())
    if "versions" in history:
        assert all(end == ends[0] for end in ends)


def _orders(told: list[bytes]) -> list[list[bytes]]:
    """As it happened, backwards, and some between."""
    orders = [list(order) for order in islice(permutations(told), 1000)]
    some = Random(7).sample(orders, min(_ORDERS, len(orders)))  # noqa: S311 - the same orders each time are what is wanted
    return [told, told[::-1], *some]


def _shown(trails: list[dict[str, Any]]) -> dict[str, list[str]]:
    found = defaultdict(list)
    for trail in trails:
        for entry in trail["pipetrail"]["trail"]["entries"]:
            found[entry["event_id"]].append(_name(trail))
    return found


def _runs(trails: list[dict[str, Any]]) -> dict[str, list[str]]:
    found = defaultdict(list)
    for trail in trails:
        for place in trail["pipetrail"]["trail"]["deployments"]:
            if place.get("result") == "success":
                found[" ".join(place[name] for name in ("environment", "service") if name in place)].append(_name(trail))
    return {place: sorted(names) for place, names in found.items()}


def _name(trail: dict[str, Any]) -> str:
    commit = trail["vcs"].get("ref", {}).get("head", {}).get("revision", "")
    return f"c{commit[0]}" if len(set(commit)) == 1 and len(commit) == 40 else "none"
