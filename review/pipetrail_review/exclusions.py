"""What exclusions hide: each with its owner, reason and end, how many findings it hides, and how many came after its end."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from pipetrail_schemas.finding import Finding
from pipetrail_schemas.times import format_time

from pipetrail_review.client import Client
from pipetrail_review.documents import finding_of
from pipetrail_review.findings import Filter, query_of
from pipetrail_review.kinds import FINDINGS
from pipetrail_review.lines import rule_words
from pipetrail_review.moments import stamp
from pipetrail_review.query import all_of
from pipetrail_review.terminal import Columns, styled
from pipetrail_review.text import plain

_HEADINGS = ("RULE", "HIDES", "CAME BACK", "UNTIL", "OWNER", "REASON")


@dataclass(slots=True)
class Excluded:
    """One exclusion. `hidden` findings are excluded by it; `returned` ones came after it had ended."""

    rule: str
    owner: str
    reason: str
    expires: datetime
    hidden: int = 0
    returned: int = 0

    def as_json(self, now: datetime) -> dict[str, Any]:
        """As one object."""
        return {
            "rule": self.rule,
            "owner": self.owner,
            "reason": self.reason,
            "expires": format_time(self.expires),
            "expired": self.expires <= now,
            "hidden": self.hidden,
            "returned": self.returned,
        }


def excluded(client: Client, wanted: Filter) -> list[Excluded]:
    """The exclusions that hid any of the findings, the one that hides most first.

    Raises:
        ReviewError: OpenSearch has no answer.
    """
    named = {"exists": {"field": "pipetrail.finding.exclusion.owner"}}
    tally = Tally()
    for one in client.scan(FINDINGS, all_of(query_of(wanted), named)):
        tally.add(finding_of(one))
    return tally.rows()


class Tally:
    """Counts by exclusion, one finding after the other."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, str, datetime], Excluded] = {}

    def add(self, finding: Finding) -> None:
        """Count a finding, if an exclusion is about it."""
        state, exclusion = finding.pipetrail.finding, finding.pipetrail.finding.exclusion
        if exclusion is None or state.status == "withdrawn":
            return
        key = (finding.rule.id, exclusion.owner, exclusion.reason, exclusion.expires)
        one = self._found.setdefault(key, Excluded(*key))
        if state.status == "excluded":
            one.hidden += 1
        else:
            one.returned += 1

    def rows(self) -> list[Excluded]:
        """The exclusions, the one that hides most first."""
        return sorted(self._found.values(), key=lambda one: (-one.hidden, one.rule, one.owner, one.expires))


def exclusion_table(found: Iterable[Excluded], *, now: datetime, zone: tzinfo | None) -> Columns:
    """The exclusions as a list with headings."""
    rows = [
        (
            styled(rule_words(one.rule)),
            styled(str(one.hidden), "bold"),
            styled(str(one.returned)),
            styled(stamp(one.expires, zone), "bold red" if one.expires <= now else "dim"),
            styled(plain(one.owner)),
            styled(plain(one.reason)),
        )
        for one in found
    ]
    return Columns([tuple(styled(name, "bold dim") for name in _HEADINGS), *rows], kept=(1, 2, 3))
