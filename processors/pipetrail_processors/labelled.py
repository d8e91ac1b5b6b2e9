"""Running a rule's labelled events through the whole pipeline: what `fires` says must come true."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from pipetrail_schemas import ids
from pipetrail_schemas.check import event_type
from pipetrail_schemas.times import format_time
from pipetrail_schemas.topics import FINDINGS

from pipetrail_processors.pipeline import Pipeline
from pipetrail_processors.policy import Policy
from pipetrail_processors.rule import Labelled, Rule
from pipetrail_processors.ruleset import RuleSet
from pipetrail_processors.state import MemoryState

_START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
_WAIT = timedelta(minutes=10)
_REPOSITORY = "https://git.example/acme/shop"
# `c1`, `c2` … and `d1`, `d2` … in the events stand for commit ids and digests.
_COMMIT_DIGITS, _DIGEST_DIGITS = 40, 64


def run(rule: Rule, labelled: Labelled) -> list[str]:
    """The titles of the findings of the rule that are open after the labelled events.

    Raises:
        InvalidEventError: a labelled event is none.
    """
    pipeline = Pipeline(policy=Policy(), rules=RuleSet.of([rule]), alias_wait=_WAIT)
    state = MemoryState()
    outputs = [output for value in events(labelled) for output in pipeline.on_event(value, (), state)]
    if labelled.waited:
        outputs += pipeline.expire(state, _START + timedelta(days=1))
    latest = {output.key: orjson.loads(output.value or b"{}") for output in outputs if output.topic is FINDINGS}
    states = [finding["pipetrail"]["finding"] for _, finding in sorted(latest.items())]
    return [state["title"] for state in states if state["status"] == "open"]


def events(labelled: Labelled) -> Iterator[bytes]:
    """The labelled events as messages."""
    for number, fields in enumerate(labelled.events):
        kind = event_type(fields["type"])
        data: dict[str, Any] = {}
        _put(data, "vcs.repository.url.full", _REPOSITORY)
        _put(data, "vcs.ref.head.revision", "c1")
        for path, value in fields.items():
            if path != "type":
                _put(data, path, value)
        time = format_time(_START + timedelta(minutes=number))
        yield orjson.dumps(
            {
                "specversion": "1.0",
                "id": ids.event_id(provider="labelled", instance=_REPOSITORY, kind=kind.name, native_id=str(number)),
                "source": _REPOSITORY,
                "type": kind.full_name,
                "time": time,
                "recordedtime": time,
                "datacontenttype": "application/json",
                "partitionkey": _REPOSITORY,
                "data": _spelled_out(data),
            }
        )


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


def _spelled_out(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _spelled_out(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_spelled_out(item) for item in value]
    if isinstance(value, str) and len(value) == 2 and value[0] in "cd" and value[1].isdigit():  # noqa: PLR2004 - c1, d1
        return value[1] * _COMMIT_DIGITS if value[0] == "c" else f"sha256:{value[1] * _DIGEST_DIGITS}"
    return value
