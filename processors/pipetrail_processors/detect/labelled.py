"""Short histories, written by hand, spelled out as events; and a rule's labelled ones run through the whole pipeline.

In a short history `c1`, `c2` … stand for commit ids and `d1`, `d2` … for digests (`notation`); repository, commit `c1` and
times are filled in.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

import orjson
from pipetrail_schemas import ids
from pipetrail_schemas.check import event_type
from pipetrail_schemas.times import format_time
from pipetrail_schemas.topics import FINDINGS

from pipetrail_processors.detect import notation
from pipetrail_processors.detect.rule import Labelled, Rule
from pipetrail_processors.detect.ruleset import RuleSet
from pipetrail_processors.detect.told import Told
from pipetrail_processors.guard.policy import Policy
from pipetrail_processors.pipeline import Pipeline
from pipetrail_processors.state.state import MemoryState

START = notation.START
_WAIT = timedelta(minutes=10)
REPOSITORY = "https://git.example/acme/shop"
_REPETITION = frozenset({"repeat", "every", "cycle"})
_NOT_DATA = frozenset({"type", "minute", "recorded", "partitionkey", "key", "source"})


Translate = Callable[[Told], Iterable[bytes]]


class Outcome(NamedTuple):
    """What a rule found in the end: titles of the findings that are open, and of those that were taken back."""

    open: list[str]
    withdrawn: list[str]


def run(rule: Rule, labelled: Labelled) -> Outcome:
    """What the rule finds in the labelled events.

    Raises:
        InvalidEventError: a labelled event is none.
    """
    end = START + (labelled.ends or timedelta(days=1)) if labelled.waited or labelled.ends else None
    return _outcome(rule, labelled.policy, messages(labelled.events), end)


def run_told(rule: Rule, told: Told, translate: Translate) -> Outcome:
    """What the rule finds in what a system tells.

    Args:
        rule: that is asked.
        told: the deliveries.
        translate: makes messages of them.
    """
    return _outcome(rule, told.policy, translate(told), told.ends)


def _outcome(rule: Rule, policy: Policy, values: Iterable[bytes], end: datetime | None) -> Outcome:
    pipeline = Pipeline(policy=policy, rules=_rules_with(rule), alias_wait=_WAIT)
    state = MemoryState()
    outputs = [output for value in values for output in pipeline.on_event(value, (), state)]
    if end:
        outputs += pipeline.expire(state, end)
    latest = {output.key: orjson.loads(output.value or b"{}") for output in outputs if output.topic is FINDINGS}
    findings = [finding for _, finding in sorted(latest.items()) if finding["rule"]["id"] == rule.id]
    states = [finding["pipetrail"]["finding"] for finding in findings]
    titles = {status: [state["title"] for state in states if state["status"] == status] for status in ("open", "withdrawn")}
    return Outcome(titles["open"], titles["withdrawn"])


def failures(rule: Rule) -> list[str]:
    """What the rule's labelled events say and the rule does not do, a sentence each."""
    found = []
    for labelled in rule.tests:
        outcome = run(rule, labelled)
        found += _differs(rule, labelled.says, "fires", labelled.fires, outcome.open)
        if labelled.withdrawn is not None:
            found += _differs(rule, labelled.says, "takes back", labelled.withdrawn, outcome.withdrawn)
    return found


def told_failures(rule: Rule, histories: Iterable[Told], translate: Translate) -> list[str]:
    """What systems tell and the rule does not do, a sentence each; see `run_told`."""
    found = []
    for told in histories:
        outcome = run_told(rule, told, translate)
        found += _differs(rule, f"{told.says} ({told.by}, {told.how})", "fires", told.fires, outcome.open)
    return found


def _differs(rule: Rule, says: str, what: str, wanted: int, titles: list[str]) -> list[str]:
    if wanted == len(titles):
        return []
    said = "".join(f"\n    {title}" for title in titles)
    return [f"{rule.id}: {says}: {what} {len(titles)} times, not {wanted}{said}"]


def _rules_with(rule: Rule) -> RuleSet:
    """The rule and the others: some rules are about what others found, or stand for it."""
    known = {compiled.rule.id: compiled.rule for compiled in _built_in().rules}
    return _built_in() if known.get(rule.id) is rule else RuleSet.of(list({**known, rule.id: rule}.values()))


@cache
def _built_in() -> RuleSet:
    return RuleSet.load()


def messages(events: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    """The events in full, as messages.

    Args:
        events: each with `type` and fields of `data` by dotted paths. `minute`, `partitionkey`, `source` and `recorded` (a
            minute, too) may be given; otherwise events come a minute apart and are recorded when they happen. `repeat: N`
            stands for N such events, `every` so many minutes from the first on; `{n}` and `{before}` in texts are the number
            of one (1, 2 …) and of the one before it, and `cycle` has for a path the values that they take in turns.

    Raises:
        ValueError: there is no such event type.
    """
    for number, fields in enumerate(_repeated(events)):
        kind = event_type(fields["type"])
        minute = fields.get("minute", number)
        data: dict[str, Any] = {}
        _put(data, "vcs.repository.url.full", REPOSITORY)
        _put(data, "vcs.ref.head.revision", "c1")
        for path, value in fields.items():
            if path not in _NOT_DATA:
                _put(data, path, value)
        envelope = {
            "specversion": "1.0",
            "id": ids.event_id(
                provider="labelled", instance=REPOSITORY, kind=kind.name, native_id=str(fields.get("key", number))
            ),
            "source": fields.get("source", REPOSITORY),
            "type": kind.full_name,
            "time": format_time(START + timedelta(minutes=minute)),
            "recordedtime": format_time(START + timedelta(minutes=fields.get("recorded", minute))),
            "datacontenttype": "application/json",
            "partitionkey": fields.get("partitionkey", REPOSITORY),
            "data": data,
        }
        yield orjson.dumps(notation.spelled_out(envelope))


def _repeated(events: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for number, fields in enumerate(events):
        if "repeat" not in fields:
            yield fields
            continue
        for time in range(fields["repeat"]):
            one = {path: _numbered(value, time + 1) for path, value in fields.items() if path not in _REPETITION}
            one["minute"] = fields.get("minute", number) + time * fields.get("every", 1)
            one["key"] = f"{fields.get('key', number)} {time}"
            yield one | {path: values[time % len(values)] for path, values in fields.get("cycle", {}).items()}


def _numbered(value: Any, number: int) -> Any:
    if isinstance(value, dict):
        return {name: _numbered(item, number) for name, item in value.items()}
    if isinstance(value, list):
        return [_numbered(item, number) for item in value]
    return value.format(n=number, before=number - 1) if isinstance(value, str) else value


def _put(data: dict[str, Any], path: str, value: Any) -> None:
    *parents, last = path.split(".")
    for name in parents:
        data = data.setdefault(name, {})
    if isinstance(value, Mapping) and isinstance(data.get(last), dict):
        data[last].update(value)
    elif value is None:
        data.pop(last, None)
    else:
        data[last] = value
