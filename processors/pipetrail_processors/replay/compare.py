"""What a replay came to, held against what is live. Pure.

A trail is a function of its facts, so that an equal history gives equal bytes. A finding says also how often its verdict was
corrected on the way and by what, which depends on the order in which things were told: that is not compared.
"""

import heapq
from collections.abc import Iterator
from enum import StrEnum
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

import orjson

from pipetrail_processors.replay.frames import Pair

_ON_THE_WAY = frozenset({"pipetrail.finding.revision", "pipetrail.finding.correction"})


class Verdict(StrEnum):
    """How one document stands."""

    SAME = "same"
    DIFFERS = "differs"
    ONLY_HERE = "only here"
    ONLY_THERE = "only there"


class Compared(NamedTuple):
    """One trail or finding: its id, how it stands, and the fields that differ."""

    id: str
    verdict: Verdict
    fields: tuple[str, ...] = ()


def compare(here: Iterator[Pair], there: Iterator[Pair]) -> Iterator[Compared]:
    """Go through the documents of both, each in order of their ids.

    Args:
        here: what the replay came to.
        there: what is live.
    """
    told = heapq.merge(((key, 0, value) for key, value in here), ((key, 1, value) for key, value in there))
    for key, found in groupby(told, itemgetter(0)):
        values = {side: value for _, side, value in found}
        yield Compared(key.decode(), *_verdict(values.get(0), values.get(1)))


def _verdict(mine: bytes | None, live: bytes | None) -> tuple[Verdict, tuple[str, ...]]:
    if live is None:
        return Verdict.ONLY_HERE, ()
    if mine is None:
        return Verdict.ONLY_THERE, ()
    fields = () if mine == live else _differing(mine, live)
    return (Verdict.DIFFERS if fields else Verdict.SAME), fields


def _differing(mine: bytes, live: bytes) -> tuple[str, ...]:
    one, other = (dict(_leaves(orjson.loads(value), "")) for value in (mine, live))
    return tuple(sorted(name for name in (one.keys() | other.keys()) - _ON_THE_WAY if one.get(name) != other.get(name)))


def _leaves(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, dict):
        yield name, value
        return
    for key, inner in value.items():
        yield from _leaves(inner, f"{name}.{key}" if name else key)
