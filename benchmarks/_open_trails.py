"""The state of very many open trails, as the processor would have made it, made quickly: for `scale.py`.

Trails of the same repository and kind that are as far as each other differ in their names only: number, commit, digest, run,
the events' ids, hashes and times. So one of each is made by the pure function, and the others from it by putting their names
for its own. `verify` compares one that was made so with the pure function's.
"""

import hashlib
import os
import re
import time
from collections.abc import Iterable, Iterator
from datetime import timedelta
from functools import cache
from itertools import islice
from typing import Any, NamedTuple

import orjson
from pipetrail_processors.correlate.round import Round
from pipetrail_processors.detect.ruleset import RuleSet
from pipetrail_processors.graph.commits import milliseconds
from pipetrail_processors.guard.policy import Policy
from pipetrail_processors.pipeline import Pipeline
from pipetrail_processors.state.retention import Entry, enqueue
from pipetrail_processors.state.state import MemoryState
from pipetrail_processors.state.tally import count_trails, is_trail
from pipetrail_schemas import ids
from pipetrail_schemas.times import format_time, parse_time
from pure_function import START, delivery, repository_of

# A delivery begins so many seconds after the one before it: a million within four days.
APART_S = 0.3
# Open trails have had one to so many events, evenly: the change is made, its builds and tests are under way.
STEPS = 6
# After so many numbers repository, kind and people are the same again.
_PERIOD = 350
# Numbers of the examples: their texts occur in nothing else.
_EXAMPLES = 9_000_000 - 9_000_000 % _PERIOD
_HEADERS = (("content-type", b"application/cloudevents+json"),)
_WAIT = timedelta(minutes=10)
# Names before those of the events.
_OWN = 6
# What is of a single trail: nodes, commits of the graph and what waits for them, and the bytes of events that wait.
_OF_A_TRAIL = (b"n", b"m", b"p", b"v", b"h")
_DAY_S = 86_400
_MANY = 20_000
_HASH = re.compile(rb'"h":"[0-9a-f]{16}"')


class _Step(NamedTuple):
    kind: str
    step: int


class _Example(NamedTuple):
    """Keys and values of a trail's state: texts, and between them the numbers of the names to be put there."""

    steps: list[_Step]
    pieces: list[tuple[list[Any], list[Any]]]
    nodes: list[list[Any]]


def main() -> None:
    """Compare some, and print how fast they are made."""
    for number in range(1_000, 1_000_000, 9_973):
        verify(number)
    began = time.perf_counter()
    keys = sum(len(found) for _, found, _ in states(range(_MANY)))
    seconds = time.perf_counter() - began
    print(f"{_MANY:,} open trails of {keys / _MANY:.1f} keys made at {_MANY / seconds:,.0f} a second; compared: 101")


def stage_of(number: int) -> int:
    """How many of its events an open delivery has had."""
    return 1 + number * 2_654_435_761 % 2**32 * STEPS // 2**32


def states(numbers: Iterable[int]) -> Iterator[tuple[int, list[tuple[bytes, bytes]], list[Entry]]]:
    """Of each open trail: the number, keys and values, and what is to be queued of it."""
    examples: dict[tuple[int, int], _Example] = {}
    for number in numbers:
        which = number % _PERIOD, stage_of(number)
        example = examples.get(which)
        if example is None:
            example = examples[which] = _example(_EXAMPLES + which[0], which[1])
        names = _names(number, example.steps)
        found = [(_put(key, names), _put(value, names)) for key, value in example.pieces]
        repository = repository_of(number)
        yield number, found, [Entry(repository, _put(node, names).decode()) for node in example.nodes]


def real_state(number: int, stage: int) -> tuple[dict[bytes, bytes], list[bytes]]:
    """The state of one open trail by the pure function, and its events."""
    state = MemoryState()
    values = list(islice(delivery(number, APART_S), stage))
    pipeline, together = _pipeline(), Round(state)
    for value in values:
        pipeline.take_event(together, value, _HEADERS)
    pipeline.end(together)
    return {key: value for key, value in state.values.items() if key.startswith(_OF_A_TRAIL)}, values


@cache
def _pipeline() -> Pipeline:
    return Pipeline(policy=Policy(), rules=RuleSet.load(), alias_wait=_WAIT)


def _example(number: int, stage: int) -> _Example:
    state, values = real_state(number, stage)
    events = [orjson.loads(value) for value in values]
    steps = [_Step(one["type"].split(".", 2)[2].rsplit(".", 1)[0], int(one["subject"].partition("/")[2])) for one in events]
    names = _names(number, steps)
    hashes = {
        fact["e"]["event_id"]: fact["h"]
        for key, value in state.items()
        if key.startswith(b"n")
        for fact in orjson.loads(value).get("f", {}).values()
    }
    names[_OWN + 2 * len(steps) :] = [hashes[one["id"]].encode() for one in events]
    where = {name: place for place, name in enumerate(names)}
    pattern = re.compile(b"(" + b"|".join(re.escape(name) for name in sorted(names, key=len, reverse=True)) + b")")

    def cut(text: bytes) -> list[Any]:
        return [where.get(piece, piece) for piece in pattern.split(text)]

    nodes = [key.split(b"\0", 2)[2] for key in state if key.startswith(b"n")]
    return _Example(steps, [(cut(key), cut(value)) for key, value in state.items()], [cut(node) for node in nodes])


def _names(number: int, steps: list[_Step]) -> list[bytes]:
    """What is its own of a trail: commit (twice) and its time, digest, number, day, the ids, times and hashes of its events."""
    repository = repository_of(number)
    text = b"%d" % number
    commit = hashlib.sha1(text, usedforsecurity=False)
    found = [
        commit.digest(),
        milliseconds(_time(number, 0)).to_bytes(6, "big"),
        commit.hexdigest().encode(),
        hashlib.sha256(text).hexdigest().encode(),
        text,
        b'"y":%d' % day_of_number(number, steps[-1].step),
    ]
    for kind, step in steps:
        found.append(ids.event_id(provider="bench", instance=repository, kind=kind, native_id=f"{number}-{step}").encode())
    found += [_time(number, step).encode() for _, step in steps]
    found += [os.urandom(8).hex().encode() for _ in steps]
    return found


def day_of_number(number: int, step: int) -> int:
    """The day of an event of the delivery."""
    return int(parse_time(_time(number, step)).timestamp()) // _DAY_S


def _time(number: int, step: int) -> str:
    return format_time(START + timedelta(seconds=number * APART_S + step * 20))


def _put(pieces: list[Any], names: list[bytes]) -> bytes:
    return b"".join([names[piece] if isinstance(piece, int) else piece for piece in pieces])


def queue(state: MemoryState, number: int, entries: list[Entry]) -> None:
    """Queue and count what is new of a trail, as `Work.save` does."""
    enqueue(state, day_of_number(number, 0), entries)
    count_trails(state, sum(is_trail(entry.key) for entry in entries))


def verify(number: int) -> None:
    """Compare a trail that was made by putting names with one that the pure function made; the hashes of events are chance."""
    ((_, made, _),) = states([number])
    real = real_state(number, stage_of(number))[0].items()
    if {(key, _HASH.sub(b"", value)) for key, value in made} != {(key, _HASH.sub(b"", value)) for key, value in real}:
        raise SystemExit(f"the state of trail {number} is not what the processor would make")


if __name__ == "__main__":
    main()
