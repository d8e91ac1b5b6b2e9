"""What a translator makes of a delivery: facts, or the sentence that it says nothing about delivery, or an error.

A translator is pure and total: for any JSON it returns a `Translation` or raises `UntranslatableError`, and nothing else.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from pipetrail_schemas.errors import PipetrailError

from pipetrail_producers.webhook.delivery import Delivery
from pipetrail_producers.webhook.fact import Fact


class UntranslatableError(PipetrailError):
    """Raised for a kind that is not known, or a payload without what its kind always has; it becomes a dead letter.

    The message names the system, the kind and the field in dotted notation.
    """

    exit_code = 65  # EX_DATAERR of sysexits.h


class Translation(NamedTuple):
    """The facts of a delivery in the order of happening; where there is none, `silent` says why."""

    facts: tuple[Fact, ...] = ()
    silent: str = ""


class Kind(NamedTuple):
    """What is made of one kind of delivery: the table in docs/ is generated from these.

    Args:
        events: the short types that it can become; none for a kind that says nothing about delivery.
        takes: in half a sentence, what is taken from it, or why nothing is.
    """

    events: tuple[str, ...]
    takes: str


def no_settings(settings: Mapping[str, Any]) -> str:
    """What is wrong with the settings of a system that has none; empty where nothing is."""
    return f"{', '.join(map(repr, settings))}: this system has no settings" if settings else ""


class System(NamedTuple):
    """A system that sends webhooks.

    Args:
        name: as the settings call it.
        title: as people do.
        kinds: what each kind becomes.
        kind: names a delivery's kind for counters and dead letters; it never fails.
        translate: makes the facts.
        problem: what is wrong with a source's own settings, and what is allowed; empty where nothing is.
    """

    name: str
    title: str
    kinds: Mapping[str, Kind]
    kind: Callable[[Delivery], str]
    translate: Callable[[Delivery], Translation]
    problem: Callable[[Mapping[str, Any]], str] = no_settings
