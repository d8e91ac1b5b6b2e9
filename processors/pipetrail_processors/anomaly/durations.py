"""How long runs took: as their end says, else from their start, which may be told later. Pure.

Start and end belong together where pipeline, task and attempt are the same, and the commit: the latest start before the end.
"""

from collections.abc import Iterator

from pipetrail_processors.anomaly.measure import time_ms
from pipetrail_processors.correlate.nodes import Work
from pipetrail_processors.trail.fact import Fact

STARTED, FINISHED = ".started", ".finished"


def started(kind: str) -> str:
    """The type of the event that starts what an event of this type ends."""
    return kind.partition(".")[0] + STARTED


def durations(work: Work, fact: Fact) -> Iterator[tuple[Fact, float]]:
    """The runs whose length is known with the event, in milliseconds. A run that failed ends early, and says nothing.

    Args:
        work: the nodes of the repository, with the event joined.
        fact: of a start or an end.
    """
    if _succeeded(fact) and fact["e"].get("duration_ms"):
        yield fact, float(fact["e"]["duration_ms"])
    elif "o" in fact and "duration_ms" not in fact["e"]:
        facts = work.node(fact["o"]).get("f", {}).values()
        of_run, noun = fact.get("k"), fact["e"]["type"].partition(".")[0] + "."
        same = [other for other in facts if other.get("k") == of_run and other["e"]["type"].startswith(noun)]
        for end in same:
            begun = [other["e"]["time"] for other in same if _starts(other, end)] if _succeeded(end) else []
            if begun and "duration_ms" not in end["e"]:
                yield end, float(time_ms(end["e"]["time"]) - time_ms(max(begun)))


def _succeeded(fact: Fact) -> bool:
    return bool(fact["e"]["type"].endswith(FINISHED) and fact["e"].get("result") == "success")


def _starts(fact: Fact, end: Fact) -> bool:
    entry, ended = fact["e"], end["e"]
    if not entry["type"].endswith(STARTED) or entry.get("attempt") != ended.get("attempt"):
        return False
    return bool(entry["time"] < ended["time"])
