"""A person's own query over one or several kinds of documents, and what to say when little or nothing was found."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipetrail_review.client import Client, Hits
from pipetrail_review.kinds import KINDS, Kind
from pipetrail_review.query import Window, all_of, fields_named, kinds_meant, within, words
from pipetrail_review.query import unknown_fields as unknown
from pipetrail_review.text import count, plain

ALL = "all"


@dataclass(frozen=True, slots=True)
class Found:
    """What was found among documents of one kind."""

    kind: Kind
    hits: Hits


def search(client: Client, text: str, *, place: str | None, window: Window, limit: int) -> list[Found]:
    """Search where `place` says: the name of a kind, `all`, or None to go by the query.

    Raises:
        BadQueryError: the query does not parse.
        ReviewError: OpenSearch has no answer.
    """
    query = all_of(words(text), *within(window))
    return [Found(kind, client.search(kind, query, limit=limit)) for kind in places(text, place)]


def places(text: str, place: str | None) -> tuple[Kind, ...]:
    """The kinds to look among."""
    if place is None:
        return kinds_meant(text)
    return tuple(KINDS.values()) if place == ALL else (KINDS[place],)


def unknown_fields(client: Client, text: str, found: Sequence[Found]) -> list[tuple[str, str | None]]:
    """Fields that the query names and no index has, each with a proposal. To be asked when nothing was found.

    Raises:
        ReviewError: OpenSearch has no answer.
    """
    if not fields_named(text):
        return []
    known = sorted({field for one in found for field in client.fields(one.kind)})
    return unknown(text, known) if known else []


def left_out(place: str, reasons: Sequence[str]) -> Iterator[str]:
    """What to say of documents that are left out, with the first of the reasons."""
    if reasons:
        yield f"{count(len(reasons), 'document')} among {place} left out: {reasons[0]}"


def remarks(found: Sequence[Found], unknown_names: Sequence[tuple[str, str | None]]) -> Iterator[str]:
    """What to say beside the result: that nothing fits, and perhaps why; or that there is more."""
    total = sum(one.hits.total for one in found)
    if not total:
        yield f"nothing fits among {' and '.join(one.kind.name for one in found)}"
    for name, proposal in unknown_names:
        yield f"there is no field {plain(name)}" + (f"; did you mean {proposal}?" if proposal else "")
    for one in found:
        shown = len(one.hits.documents)
        if shown < one.hits.total:
            name = one.kind.name.replace("-", " ")
            yield f"{shown:,} of {count(one.hits.total, name, name)}, the newest; --limit shows more"
