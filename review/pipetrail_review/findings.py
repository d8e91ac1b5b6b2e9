"""Finding findings: by filter, by the beginning of an id, and the events that are a finding's evidence."""

from dataclasses import dataclass, replace
from typing import get_args

from pipetrail_schemas.check import lookup
from pipetrail_schemas.finding import Category, Finding, Severity, Status

from pipetrail_review.client import Client, Document, Hits
from pipetrail_review.errors import AmbiguousError, NotFoundError
from pipetrail_review.kinds import EVENTS, FINDINGS
from pipetrail_review.query import ALWAYS, Query, Window, all_of, in_repository, is_, none_of, one_of, starts, within
from pipetrail_review.text import plain, shortened

SEVERITIES: tuple[str, ...] = get_args(Severity)
CATEGORIES: tuple[str, ...] = get_args(Category)
STATUSES: tuple[str, ...] = get_args(Status)

_ID = "pipetrail.finding.id"
_STATUS = "pipetrail.finding.status"
_MOST_CANDIDATES = 20


@dataclass(frozen=True, slots=True)
class Filter:
    """Which findings: any of the values named in each of the fields; an empty one or None says nothing.

    `standing` says how they stand (`pipetrail_review.standing`, or `in_status`).
    """

    severities: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    standing: Query | None = None
    repository: str | None = None
    window: Window = ALWAYS


def query_of(wanted: Filter) -> Query:
    """The filter as a query."""
    parts = within(wanted.window)
    for field, values in (
        ("pipetrail.finding.severity", wanted.severities),
        ("pipetrail.finding.category", wanted.categories),
        ("rule.id", wanted.rules),
    ):
        if values:
            parts.append(one_of(field, values))
    if wanted.standing:
        parts.append(wanted.standing)
    if wanted.repository:
        parts.append(in_repository(wanted.repository))
    return all_of(*parts)


def in_status(status: str) -> Query:
    """Findings in a status."""
    return is_(_STATUS, status)


def find_findings(client: Client, wanted: Filter, *, limit: int) -> tuple[Hits, int, int]:
    """The findings that fit, newest first; how many more there are that stand otherwise; and how many of these are hidden.

    Raises:
        ReviewError: OpenSearch has no answer.
    """
    found = client.search(FINDINGS, query_of(wanted), limit=limit)
    if wanted.standing is None:
        return found, 0, 0
    otherwise = all_of(query_of(replace(wanted, standing=None)), none_of(wanted.standing))
    hidden = client.count(FINDINGS, all_of(otherwise, in_status("excluded")))
    return found, client.count(FINDINGS, otherwise), hidden


def find_finding(client: Client, finding_id: str) -> Document:
    """The finding whose id this is or begins with.

    Raises:
        AmbiguousError: several ids begin so.
        NotFoundError: none does.
        ReviewError: OpenSearch has no answer.
    """
    beginning = finding_id.strip().lower()
    found = client.search(FINDINGS, starts(_ID, beginning), limit=_MOST_CANDIDATES).documents if beginning else []
    if len(found) > 1:
        candidates = [f"{lookup(one, _ID)}  {shortened(plain(lookup(one, 'pipetrail.finding.title')), 80)}" for one in found]
        raise AmbiguousError(plain(finding_id), candidates)
    if not found:
        raise NotFoundError(f"no finding has an id that begins with {plain(finding_id)!r}; `pipetrail findings` lists them")
    return found[0]


def evidence_of(client: Client, finding: Finding) -> list[Document]:
    """The records of the finding's evidence, as far as they are indexed.

    Raises:
        ReviewError: OpenSearch has no answer.
    """
    ids = finding.pipetrail.finding.evidence
    return client.search(EVENTS, one_of("event.id", ids), limit=len(ids)).documents if ids else []
