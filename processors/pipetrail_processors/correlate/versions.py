"""Versions of one event that differ in where it belongs: one stands, all trails that another one named let it go. Pure.

What any of them said is kept beside the one that stands, in `n` of the fact: o commits, a evidence, s where it was deployed, as
[environment, service], t [earliest, latest] time. These only grow, so each trail that it could be in is published with a higher
revision when it goes, and any order ends alike (ADR 0033).
"""

from typing import Any, NamedTuple

from pipetrail_processors.graph.streams import may_count
from pipetrail_processors.trail.fact import Fact, standing

Place = tuple[str, str]


class Told(NamedTuple):
    """Where an event belongs, by all of its versions."""

    commits: list[str]
    aliases: list[str]
    places: list[Place]
    times: tuple[str, str]


def together(known: Fact | None, fact: Fact) -> Fact:
    """Of what is known of an event and what is told of it now, the version that stands, with what the others said."""
    if known is None:
        return fact
    one, other = told(known), told(fact)
    found = standing(known, fact)
    if "n" in known or one[:3] != other[:3]:
        found = {**found, "n": _union(one, other)}
    if claims := max(known.get("q", 0), fact.get("q", 0)):
        found = {**found, "q": claims}
    return found


def _union(one: Told, other: Told) -> dict[str, Any]:
    return {
        "o": sorted({*one.commits, *other.commits}),
        "a": sorted({*one.aliases, *other.aliases}),
        "s": sorted({*one.places, *other.places}),
        "t": [min(one.times[0], other.times[0]), max(one.times[1], other.times[1])],
    }


def told(fact: Fact) -> Told:
    """Where the event belongs, by the versions that are known."""
    time = fact["e"]["time"]
    if every := fact.get("n"):
        first, last = every["t"]
        return Told(every["o"], every["a"], [(where, what) for where, what in every["s"]], (first, last))
    commit = named(fact)
    return Told([commit] if commit else [], fact.get("a", []), [place_of(fact)] if may_count(fact) else [], (time, time))


def named(fact: Fact) -> str | None:
    """The commit that the version that stands names, whether or not that is the last word: see `fact`."""
    commit: str | None = fact.get("z") or fact.get("o")
    return commit


def place_of(fact: Fact) -> Place:
    """Where the version that stands was deployed."""
    return fact["e"]["environment"], fact.get("v", "")
