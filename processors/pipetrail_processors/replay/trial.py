"""A trial of rules over history: the whole pure core with memory as its state, and what the rules say in the end. Pure."""

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson
from pipetrail_schemas.errors import InvalidEventError
from pipetrail_schemas.times import format_time, parse_time
from pipetrail_schemas.topics import FINDINGS, LINKS, RESOLVED

from pipetrail_processors.output import Output
from pipetrail_processors.pipeline import Pipeline
from pipetrail_processors.policy import Policy
from pipetrail_processors.ruleset import RuleSet
from pipetrail_processors.state import MemoryState

Document = dict[str, Any]

_WAIT = timedelta(minutes=10)
_WEEK_S = 7 * 86_400
_STRUCTURED = (("content-type", b"application/cloudevents+json"),)


@dataclass(slots=True)
class Trial:
    """What was replayed, and the findings that stand in the end, by id. `refused`: lines that are no events."""

    events: int = 0
    refused: int = 0
    first: str = ""
    last: str = ""
    findings: dict[str, Document] = field(default_factory=dict)

    def of(self, rule: str) -> list[Document]:
        """The findings of a rule that would be shown, in order of time."""
        found = [one for one in self.findings.values() if one["rule"]["id"] == rule and _status(one) in {"open", "excluded"}]
        return sorted(found, key=lambda one: (one["@timestamp"], one["event"]["id"]))

    def taken_back(self, rule: str) -> int:
        """How many findings of a rule were withdrawn, once more was known."""
        return sum(one["rule"]["id"] == rule and _status(one) == "withdrawn" for one in self.findings.values())

    @property
    def weeks(self) -> float:
        """How long the history is; at least a day, so that a rate of a few hours does not look like a flood."""
        if not self.events:
            return 0.0
        seconds = (parse_time(self.last) - parse_time(self.first)).total_seconds()
        return max(seconds, 86_400) / _WEEK_S


def replay(values: Iterable[bytes], rules: RuleSet, policy: Policy, *, since: datetime | None = None) -> Trial:
    """Run the events through the core.

    Args:
        values: events as JSON, in any order.
        rules: by which to judge.
        policy: by which to judge.
        since: findings about what happened before are left out; the events themselves are not, others build on them.
    """
    pipeline = Pipeline(policy=policy, rules=rules, alias_wait=_WAIT)
    state = MemoryState()
    trial = Trial()
    for value in values:
        try:
            outputs = pipeline.on_event(value, _STRUCTURED, state)
        except InvalidEventError:
            trial.refused += 1
            continue
        _count(trial, value)
        _follow(pipeline, state, outputs, trial)
    if trial.events:
        _follow(pipeline, state, pipeline.expire(state, parse_time(trial.last) + timedelta(days=365)), trial)
    if since is not None:
        start = format_time(since)
        trial.findings = {key: one for key, one in trial.findings.items() if one["@timestamp"] >= start}
    return trial


def people(findings: Sequence[Document], most: int) -> list[tuple[str, int]]:
    """Who did what was found, the most frequent first."""
    names = Counter(str((one.get("user") or {}).get("name") or "somebody unknown") for one in findings)
    return names.most_common(most)


def places(findings: Sequence[Document], most: int) -> list[tuple[str, int]]:
    """The repositories in which it was found, the most frequent first."""
    urls = Counter(
        str((((one.get("vcs") or {}).get("repository") or {}).get("url") or {}).get("full") or "no repository")
        for one in findings
    )
    return urls.most_common(most)


@dataclass(frozen=True, slots=True)
class Difference:
    """What two versions of a rule say of the same history: found by the new one only, by the old one only, and by both."""

    added: list[Document]
    gone: list[Document]
    both: list[Document]


def difference(old: Trial, new: Trial, rule: str) -> Difference:
    """Compare two trials of one history. A finding keeps its id where rule and evidence are the same."""
    before, after = ({one["event"]["id"]: one for one in trial.of(rule)} for trial in (old, new))
    return Difference(
        added=[one for key, one in after.items() if key not in before],
        gone=[one for key, one in before.items() if key not in after],
        both=[one for key, one in after.items() if key in before],
    )


def _count(trial: Trial, value: bytes) -> None:
    time = format_time(parse_time(orjson.loads(value)["time"]))
    trial.events += 1
    trial.first = min(trial.first or time, time)
    trial.last = max(trial.last, time)


def _follow(pipeline: Pipeline, state: MemoryState, outputs: Iterable[Output], trial: Trial) -> None:
    """What comes of an event comes back as the engine would bring it: links, and events that found their repository."""
    queue = deque(outputs)
    while queue:
        output = queue.popleft()
        if output.topic is FINDINGS:
            trial.findings[output.key.decode()] = orjson.loads(output.value or b"{}")
        elif output.topic is LINKS:
            queue.extend(pipeline.on_link(output.key, output.value, state))
        elif output.topic is RESOLVED:
            queue.extend(pipeline.on_event(output.value, output.headers, state, output.key))


def _status(finding: Document) -> str:
    return str(finding["pipetrail"]["finding"]["status"])
