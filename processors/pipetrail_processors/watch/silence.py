"""Who fell silent: a repository, or somebody who tells of one. By what is declared, else by their own rhythm. Pure.

Kept of each is when it was last heard (to the hour, by event time) and the newest days on which it was. Who was heard on enough
days has a rhythm: the longest pause between two of them. Silent is who has not been heard for twice as long, or for longer than
the policy says (`expect`). That is a function of the events and of the moment at which it is asked, which is passed in: time is
let pass by the wall clock while the partition is read up to its end, and by a replay up to where it ends. Whoever speaks again
was silent no more: the finding is withdrawn.

Only what is told within a day of happening counts as hearing somebody: an import of old history is no sign of life.

    s REPOSITORY  by source ("" for anybody): d days, t hour last heard, e an event of that hour,
                  q when it is looked at, f it was found silent, w the event that ended that
    S             hours at which somebody is to be looked at     S HOUR  the repositories
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import orjson
from pipetrail_schemas.times import format_time, parse_time

from pipetrail_processors.correlate.nodes import Work
from pipetrail_processors.guard.duration import shown
from pipetrail_processors.guard.expect import expected
from pipetrail_processors.guard.policy import Policy
from pipetrail_processors.state.state import State
from pipetrail_processors.trail.fact import Fact
from pipetrail_processors.watch.heard import TO_THE_HOUR, Book, Heard, note

SILENT = "source.silent"
_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)
_DATE = len("2026-11-23")
# Fewer days than two working weeks show no rhythm.
_FEWEST_DAYS = 10
# A pause of twice the longest one, and never less than three days: a public holiday is no alarm.
_TIMES, _SHORTEST = 2, timedelta(days=3)
# Who tells of a repository: some systems and a few pipelines. More are made up by somebody.
_MOST_SOURCES = 32
# What is no sign of life: what people say of findings, and what is said of the sources themselves.
_NO_SIGN = ("finding.", "source.")
_INDEX = b"S"

# An event, its source, and what was being taken in when it was told: `Work.cause` and `Work.day`.
Told = tuple[Fact, str, str, int | None]


class Change(NamedTuple):
    """Somebody fell silent, or is silent no more (`fact` is None). `again`: that had been told before."""

    repository: str
    source: str
    fact: Fact | None
    again: bool = False


def unheard(work: Work, told: Iterable[Told]) -> Iterator[Told]:
    """The events of a repository, each with its source and more, that `hear` may learn something from: hardly any of them."""
    key = _key(work.repository)
    book: dict[str, Heard] = work.held(key, Book, key).heard
    for one in told:
        entry = one[0]["e"]
        hour, event_id = entry["time"][:TO_THE_HOUR], entry["event_id"]
        if not (_is_known(book.get(one[1]), hour, event_id) and _is_known(book.get(""), hour, event_id)):
            yield one


def hear(work: Work, policy: Policy, source: str, fact: Fact) -> list[Change]:
    """Take note of an event of a repository. Returns who is silent no more by it, also when it is told again."""
    entry, repository = fact["e"], work.repository
    time, event_id, key = entry["time"], entry["event_id"], _key(repository)
    book: dict[str, Heard] = work.held(key, Book, key).heard
    if entry["type"].startswith(_NO_SIGN) or not _is_fresh(time, fact["r"]):
        return []
    ended = []
    for name in ("", source):
        heard = book.get(name)
        if heard is None:
            if len(book) > _MOST_SOURCES:
                continue
            heard = book[name] = {"d": [], "t": "", "e": ""}
        if heard.get("w") == event_id:
            ended.append(Change(repository, name, None, again=True))
        last, days = (heard["t"], heard["e"]), heard["d"]
        if note(heard, time, event_id):
            work.alter(key)
            # Also by another event of the hour in which it was last heard: that is a silence after this one, then.
            is_over = "f" in heard and (heard["t"], heard["e"]) != last
            if is_over:
                del heard["f"]
                heard["w"] = event_id
                ended.append(Change(repository, name, None))
            if is_over or heard["t"] != last[0] or heard["d"] is not days:  # else it is looked at when it was to be
                _queue(work.state, policy, repository, name, heard)
    return ended


def due(state: State, policy: Policy, now: datetime) -> Iterator[Change]:
    """Who has fallen silent by `now`. One read where nobody is to be looked at."""
    index = _hours(state)
    passed = [hour for hour in index if hour <= _hour_of(now)]
    if not passed:
        return
    repositories = sorted({name for hour in passed for name in orjson.loads(state.get(_bucket(hour)) or b"[]")})
    for hour in passed:
        state.delete(_bucket(hour))
    state.set(_INDEX, orjson.dumps([hour for hour in index if hour not in passed]))
    for repository in repositories:
        book = Book(state, _key(repository))
        for name, heard in sorted(book.heard.items()):
            limit = allowed(policy, repository, name, heard)
            heard.pop("q", None)
            if limit is None:
                continue
            silent = _deadline(heard, limit) <= now
            if silent and "f" not in heard:
                heard["f"] = True
                yield Change(repository, name, silence(policy, repository, name, heard, limit))
            if not silent:
                _queue(state, policy, repository, name, heard)
                if heard.pop("f", None):  # what was told late shows that its pauses are longer
                    yield Change(repository, name, None)
        book.save()


def allowed(policy: Policy, repository: str, source: str, heard: Heard) -> timedelta | None:
    """How long it may be silent; None where neither policy nor rhythm says."""
    declared = expected(policy.expect, repository, source)
    if declared is not None:
        return declared
    days: list[int] = heard["d"]
    if len(days) < _FEWEST_DAYS:
        return None
    return max(_SHORTEST, _TIMES * _DAY * max(later - earlier for earlier, later in pairwise(days)))


def silence(policy: Policy, repository: str, source: str, heard: Heard, limit: timedelta) -> Fact:
    """The fact that somebody has not been heard for too long: what rules about it judge."""
    said = "the policy expects it" if expected(policy.expect, repository, source) else "its longest pause lets expect it"
    return {
        "e": {
            "event_id": heard["e"],
            "type": SILENT,
            "time": format_time(_deadline(heard, limit)),
            "name": source or "anybody",
            "reason": f"last heard at {heard['t']}h UTC; {said} within {shown(limit)}",
        },
        "r": format_time(_deadline(heard, limit)),
        "h": "silence",
    }


def _queue(state: State, policy: Policy, repository: str, source: str, heard: Heard) -> None:
    """See to it that somebody is looked at when it may have fallen silent; it is looked at anew if it was heard meanwhile."""
    limit = allowed(policy, repository, source, heard)
    if limit is None:
        return
    hour = _hour_of(_deadline(heard, limit)) + 1
    if heard.get("q", hour + 1) <= hour:
        return
    heard["q"] = hour
    index = _hours(state)
    if hour not in index:
        state.set(_INDEX, orjson.dumps(sorted([*index, hour])))
    waiting = orjson.loads(state.get(_bucket(hour)) or b"[]")
    if repository not in waiting:
        state.set(_bucket(hour), orjson.dumps([*waiting, repository]))


def _is_known(heard: Heard | None, hour: str, event_id: str) -> bool:
    """Whether an event says nothing new of somebody: not that hour, no event that stands for it, no end of a silence."""
    return heard is not None and hour == heard["t"] and event_id >= heard["e"] and event_id != heard.get("w")


def _is_fresh(time: str, recorded: str) -> bool:
    if time[:_DATE] == recorded[:_DATE]:
        return True
    return abs(parse_time(recorded) - parse_time(time)) <= _DAY


def _deadline(heard: Heard, limit: timedelta) -> datetime:
    return parse_time(f"{heard['t']}:00:00Z") + _HOUR + limit


def _hour_of(moment: datetime) -> int:
    return int(moment.timestamp() // 3600)


def _hours(state: State) -> list[int]:
    hours: list[int] = orjson.loads(state.get(_INDEX) or b"[]")
    return hours


def _bucket(hour: int) -> bytes:
    return b"S\0%d" % hour


@lru_cache(maxsize=4096)
def _key(repository: str) -> bytes:
    return b"s\0" + repository.encode()
