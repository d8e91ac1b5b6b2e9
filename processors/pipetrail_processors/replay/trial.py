"""A trial of rules over history: what they say in the end, of whom and of what, and how two versions differ."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from pipetrail_schemas.times import format_time, parse_time
from pipetrail_schemas.topics import FINDINGS

from pipetrail_processors.replay.crew import Outcome
from pipetrail_processors.replay.message import Look, Message

Document = dict[str, Any]

_WEEK_S = 7 * 86_400


@dataclass(slots=True)
class Span:
    """What is replayed: how many messages, from when to when. Is told of each (`Crew.replay`)."""

    events: int = 0
    first: str = ""
    last: str = ""

    def __call__(self, message: Message, look: Look) -> None:
        """Count one in."""
        del message
        self.events += 1
        if look.time:
            self.first = min(self.first or look.time, look.time)
            self.last = max(self.last, look.time)


@dataclass(slots=True)
class Trial:
    """What was replayed, and the findings that stand in the end, by id. `refused`: lines that are no events.

    `first` and `last`: of the time that is asked about; all that happened before was read, too.
    """

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
        """How long the time is that is asked about; at least a day, so that a rate of a few hours looks like no flood."""
        if not self.last:
            return 0.0
        seconds = (parse_time(self.last) - parse_time(self.first)).total_seconds()
        return max(seconds, 86_400) / _WEEK_S


def tried(outcome: Outcome, span: Span, *, rule: str | None = None, rule_set: int = 0, since: datetime | None = None) -> Trial:
    """What a set of rules came to.

    Args:
        outcome: of the replay.
        span: what was replayed.
        rule: only this rule's findings.
        rule_set: which set of rules, from 0.
        since: findings about what happened before are left out; the events themselves are not, others build on them.
    """
    start = format_time(since) if since else ""
    found = ((key.decode(), orjson.loads(value)) for key, value in outcome.latest(FINDINGS, rule_set))
    findings = {key: one for key, one in found if one["@timestamp"] >= start and rule in {None, one["rule"]["id"]}}
    refused = sum(outcome.counts.refused.values())
    first = max(span.first, start) if span.first else ""
    return Trial(span.events - refused, refused, min(first, span.last), span.last, findings)


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


def _status(finding: Document) -> str:
    return str(finding["pipetrail"]["finding"]["status"])
