"""In-house systems: what their webhooks mean stands in the settings, in CEL. Pure.

A source's `mapping` is a list of rules, tried in order; the first whose `when` holds says what the delivery is:

    mapping:
      - kind: build-finished                        # its name, for counters and errors
        when: payload.event == "build" && has(payload.ended)
        type: build.finished                        # of the event
        id: payload.build.number                    # the system's own key of the fact
        time: payload.ended                         # RFC 3339, or seconds or milliseconds since 1970
        fields:                                     # paths of the event's data, and what they are
          vcs.repository.url.full: payload.repository
          pipetrail.result: 'payload.ok ? "success" : "failure"'
      - kind: heartbeat
        when: payload.event == "ping"
        silent: it says nothing about delivery

Expressions see `payload` (the body), `headers` (names in lower case) and, where a rule has `each: payload.builds`, `item`, one
member of that list: each is a fact. A field whose expression asks for what is not there is left out; `id` is needed, and
a rule without `time` takes the time of receipt. Everything is compiled and checked when the collector starts.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import cel
import orjson
from pipetrail_schemas import check
from pipetrail_schemas.ids import canonical_repository
from pipetrail_schemas.times import format_time
from pipetrail_schemas.types import EVENT_TYPES

from pipetrail_producers.build_event import put
from pipetrail_producers.webhook.delivery import Delivery
from pipetrail_producers.webhook.fact import Fact, pruned
from pipetrail_producers.webhook.payload import moment, text
from pipetrail_producers.webhook.translation import Kind, System, Translation, UntranslatableError

_REPOSITORY = "vcs.repository.url.full"
_MEMBERS = frozenset({"kind", "when", "type", "id", "time", "attempt", "state", "subject", "each", "fields", "silent"})
_EXPRESSIONS = ("when", "id", "time", "attempt", "each")
# What cel raises for a field or member that is not there.
_ABSENT = (KeyError, IndexError)
_UNMAPPED = "unmapped"


class MappingError(ValueError):
    """Raised when a mapping is wrong: `place` is where in it, the message what is allowed."""

    def __init__(self, place: tuple[str | int, ...], problem: str) -> None:
        super().__init__(problem)
        self.place = place


@dataclass(frozen=True, slots=True)
class _Rule:
    kind: str
    type: str
    silent: str
    state: str
    subject: str
    expressions: Mapping[str, "_Expression"]
    fields: Mapping[str, "_Expression"]


def compile_mapping(mapping: Any) -> tuple[_Rule, ...]:
    """The rules of a mapping.

    Raises:
        MappingError: names the place in the mapping, and what is allowed there.
    """
    if not isinstance(mapping, list) or not mapping:
        raise MappingError((), "must be a list of rules, each with `when` and either `type` and `id`, or `silent`")
    return tuple(_rule(index, rule) for index, rule in enumerate(mapping))


def translate(delivery: Delivery) -> Translation:
    """The facts of a delivery by its source's mapping.

    Raises:
        UntranslatableError: no rule holds, or the one that holds asks for what is not there, or makes no valid event.
    """
    rule = _first(delivery)
    if rule is None:
        raise UntranslatableError("generic: no rule of the mapping holds for this delivery")
    if rule.silent:
        return Translation(silent=rule.silent)
    return Translation(tuple(_fact(rule, delivery, names) for names in _each(rule, delivery)))


def kind(delivery: Delivery) -> str:
    """The name of the rule that holds; never fails."""
    try:
        rule = _first(delivery)
    except UntranslatableError:
        return _UNMAPPED
    return _UNMAPPED if rule is None else rule.kind


SYSTEM = System(
    name="generic",
    title="In-house systems",
    kinds={"(each rule of the mapping)": Kind(tuple(EVENT_TYPES), "what the rule's CEL expressions say")},
    kind=kind,
    translate=translate,
)


class _Expression:
    """One compiled CEL expression over payload, headers and item."""

    def __init__(self, source: str) -> None:
        try:
            self._program = cel.compile(source)
        except Exception as exc:
            raise ValueError(f"is no CEL expression: {_first_line(exc)}") from exc
        unknown = [name for name in self._program.variables() if name not in {"payload", "headers", "item"}]
        if unknown:
            raise ValueError(f"{unknown[0]!r} is not known here; expressions are about payload, headers and item")

    def value(self, names: Mapping[str, Any]) -> Any:
        """Its value; None where it asks for what is not there.

        Raises:
            ValueError: it fails on these values.
        """
        try:
            return self._program.execute(dict(names))
        except _ABSENT:
            return None
        except Exception as exc:
            raise ValueError(_first_line(exc)) from exc


def _rule(index: int, rule: Any) -> _Rule:
    if not isinstance(rule, dict):
        raise MappingError((index,), "must be an object")
    unknown = [name for name in rule if name not in _MEMBERS]
    if unknown:
        raise MappingError((index, unknown[0]), f"is not known here; allowed: {', '.join(sorted(_MEMBERS))}")
    needed = ("kind", "when") if "silent" in rule else ("kind", "when", "type", "id")
    for name in (*needed, *(name for name in rule if name not in {"fields", "attempt"})):
        if not isinstance(rule.get(name), str) or not rule[name]:
            raise MappingError((index, name), "is needed, a text")
    if "type" in rule and rule["type"] not in EVENT_TYPES:
        raise MappingError((index, "type"), check.unknown_type(rule["type"]))
    return _Rule(
        kind=rule["kind"],
        type=rule.get("type", ""),
        silent=rule.get("silent", ""),
        state=rule.get("state", rule.get("type", "").partition(".")[2]),
        subject=rule.get("subject", ""),
        expressions={name: _expression((index, name), rule[name]) for name in _EXPRESSIONS if name in rule},
        fields=_fields(index, rule.get("fields", {})),
    )


def _fields(index: int, fields: Any) -> dict[str, _Expression]:
    if not isinstance(fields, dict):
        raise MappingError((index, "fields"), "must be an object: paths of the event's data, and an expression for each")
    compiled = {}
    for path, source in fields.items():
        place = (index, "fields", path)
        described = check.field(f"data.{path}")
        if described is None or "properties" in described:
            raise MappingError(place, "is no field of an event; own values go to pipetrail.labels.NAME")
        compiled[path] = _expression(place, source)
    return compiled


def _expression(place: tuple[str | int, ...], source: Any) -> _Expression:
    try:
        return _Expression(str(source))
    except ValueError as exc:
        raise MappingError(place, str(exc)) from exc


@lru_cache(maxsize=256)
def _compiled(mapping: bytes) -> tuple[_Rule, ...]:
    return compile_mapping(orjson.loads(mapping))


def _first(delivery: Delivery) -> _Rule | None:
    try:
        rules = _compiled(orjson.dumps(delivery.settings.get("mapping")))
    except ValueError as exc:
        raise UntranslatableError(f"generic: the source's mapping is wrong: {exc}") from exc
    names = {"payload": delivery.payload, "headers": dict(delivery.headers)}
    return next((rule for rule in rules if _value(rule, "when", names) is True), None)


def _each(rule: _Rule, delivery: Delivery) -> Iterator[Mapping[str, Any]]:
    names = {"payload": delivery.payload, "headers": dict(delivery.headers)}
    if "each" not in rule.expressions:
        yield names
        return
    members = _value(rule, "each", names)
    if not isinstance(members, list):
        raise UntranslatableError(f"generic: {rule.kind}: each is {type(members).__name__}, not a list")
    for item in members:
        yield {**names, "item": item}


def _fact(rule: _Rule, delivery: Delivery, names: Mapping[str, Any]) -> Fact:
    native_id = text({"id": _value(rule, "id", names)}, "id")
    if native_id is None:
        raise UntranslatableError(f"generic: {rule.kind}: id gives neither text nor whole number")
    data = _data(rule, names)
    problems = list(check.problems(rule.type, data))
    if problems:
        told = "; ".join(f"{path}: {problem}" for path, problem in problems)
        raise UntranslatableError(f"generic: {rule.kind}: {told}")
    return Fact(
        type=rule.type,
        time=_time(rule, delivery, names),
        provider="generic",
        instance=delivery.instance or "urn:pipetrail:generic",
        kind=rule.kind,
        native_id=native_id[:4096],
        attempt=_attempt(rule, names),
        state=rule.state,
        subject=rule.subject or native_id[:4096],
        data=data,
    )


def _data(rule: _Rule, names: Mapping[str, Any]) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for path, expression in rule.fields.items():
        try:
            value = _plain(expression.value(names))
            if path == _REPOSITORY and isinstance(value, str):
                value = canonical_repository(value)
        except ValueError as exc:
            raise UntranslatableError(f"generic: {rule.kind}: {path}: {exc}") from exc
        put(data, path, value)
    return pruned(data)


def _time(rule: _Rule, delivery: Delivery, names: Mapping[str, Any]) -> datetime:
    if "time" not in rule.expressions:
        return delivery.received
    value = _value(rule, "time", names)
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value
    found = moment({"time": value}, "time")
    if found is None:
        raise UntranslatableError(f"generic: {rule.kind}: time gives no time: RFC 3339, or seconds or milliseconds since 1970")
    return found


def _attempt(rule: _Rule, names: Mapping[str, Any]) -> int:
    if "attempt" not in rule.expressions:
        return 1
    value = _plain(_value(rule, "attempt", names))
    return value if isinstance(value, int) and value >= 1 else 1


def _value(rule: _Rule, name: str, names: Mapping[str, Any]) -> Any:
    try:
        return rule.expressions[name].value(names)
    except ValueError as exc:
        if name == "when":
            return False  # a condition that cannot be judged does not hold: other deliveries have other fields
        raise UntranslatableError(f"generic: {rule.kind}: {name}: {exc}") from exc


def _plain(value: Any) -> Any:
    """A value of CEL as JSON has it: times are texts, and whole numbers are whole, however they were written."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, datetime) and value.tzinfo is not None:
        return format_time(value)
    return [_plain(one) for one in value] if isinstance(value, Sequence) and not isinstance(value, str | bytes) else value


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
