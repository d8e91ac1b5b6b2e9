"""How long runs took: as their end says, else from their start, which may be told later. Pure.

Start and end belong together where pipeline, task and attempt are the same, and the commit: the latest start before the end.
"""

from collections.abc import Iterable, Mapping, Sequence

from pipetrail_processors.anomaly.measure import time_ms
from pipetrail_processors.correlate.nodes import Work
from pipetrail_processors.trail.fact import Fact

STARTED, FINISHED = ".started", ".finished"


def started(kind: str) -> str:
    """The type of the event that starts what an event of this type ends."""
    return kind.partition(".")[0] + STARTED


def durations(work: Work, fact: Fact) -> Sequence[tuple[Fact, float]]:
    """The runs whose length is known with the event, in milliseconds. A run that failed ends early, and says nothing.

    Args:
        work: the nodes of the repository, with the event joined.
        fact: of a start or an end.
    """
    entry = fact["e"]
    ends: bool = entry["type"].endswith(FINISHED)
    if ends and entry.get("result") != "success":
        return ()
    if ends and (told := entry.get("duration_ms")):
        return ((fact, float(told)),)
    if "o" not in fact or "duration_ms" in entry:
        return ()
    facts = work.node(fact["o"]).get("f", {})
    if not ends:
        of_run = _of_run(fact, FINISHED, facts)
        return _lengths(of_run, _of_run(fact, STARTED, facts)) if of_run else ()
    # Of an end, the version that stands. One that was left out of the trail says nothing.
    about = facts.get(entry["event_id"])
    return _lengths((about,), _of_run(about, STARTED, facts)) if about else ()


def _of_run(fact: Fact, verb: str, facts: Mapping[str, Fact]) -> list[Fact]:
    """Of the facts those of the same run: its starts, or its ends."""
    kind, run = fact["e"]["type"].partition(".")[0] + verb, fact.get("k")
    return [one for one in facts.values() if one["e"]["type"] == kind and one.get("k") == run]


def _lengths(ends: Iterable[Fact], starts: Sequence[Fact]) -> list[tuple[Fact, float]]:
    """Of each end that does not say how long it took: the time since the latest start before it."""
    found = []
    for end in ends if starts else ():
        ended = end["e"]
        if ended.get("result") != "success" or "duration_ms" in ended:
            continue
        attempt, time = ended.get("attempt"), ended["time"]
        begun = [one["e"]["time"] for one in starts if one["e"].get("attempt") == attempt and one["e"]["time"] < time]
        if begun:
            found.append((end, float(time_ms(time) - time_ms(max(begun)))))
    return found
