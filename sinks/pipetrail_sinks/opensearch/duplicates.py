"""A document with this id is there already: is it the same fact, told again, or another one under the same id?

- Equal `event.hash`: the same bytes, delivered twice. Nothing to do.
- Another hash, but nothing contradicts: the same fact told by another way (a webhook first, an importer later), which has its
  own recording time, delivery and payload. The first telling stays.
- A field that both have says something else: somebody rewrote history, or two origins share an id. The newcomer goes to the
  dead letters, and the alarm names the fields. What is indexed is not touched.

Times are compared with care. Many webhooks name no time for what they tell, and their time is that of receipt, which another
delivery does not share; others name the moment to the second, or of the record that was written about it.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import orjson
from pipetrail_schemas.check import lookup
from pipetrail_schemas.times import parse_time

from pipetrail_sinks.errors import TargetRefusedError
from pipetrail_sinks.opensearch.client import Answer, Client
from pipetrail_sinks.opensearch.documents import Document
from pipetrail_sinks.opensearch.outcomes import DONE, Outcome, Step, Verdict, of_request

INTEGRITY_ALARM = "integrity_alarm"
# How far apart two tellings of one moment may be.
SAME_MOMENT = timedelta(minutes=1)

_TIME, _RECORDED = "@timestamp", "event.created"
# What belongs to the telling, not to the fact; and what pipetrail derives, which grows as more becomes known.
OF_THE_TELLING = frozenset(
    {
        "event.created",
        "event.ingested",
        "event.hash",
        "pipetrail.authid",
        "pipetrail.authtype",
        "pipetrail.delivery",
        "pipetrail.human",
        "pipetrail.human_by",
        "pipetrail.person",
        "pipetrail.raw",
        "pipetrail.source",
        "pipetrail.team",
        "pipetrail.tier",
        "pipetrail.trail",
        "related",
        "user.roles",
    }
)


def compare(client: Client, documents: Sequence[Document]) -> list[Outcome]:
    """For each document whose id is taken: done (a duplicate), refuse (an alarm), or retry (it cannot be told now).

    Raises:
        TargetRefusedError: this program may not read the index.
    """
    stored = _fetch(client, documents, "event.hash")
    unequal = [i for i, one in enumerate(documents) if not _same_hash(one, stored[i])]
    whole = _fetch(client, [documents[i] for i in unequal], "*") if unequal else []
    outcomes = [DONE] * len(documents)
    for i, found in zip(unequal, whole, strict=True):
        outcomes[i] = _judge(documents[i], found)
    return outcomes


def contradictions(stored: Mapping[str, Any], told: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """The fields, in dotted notation, that both tellings have and that differ. A field of only one contradicts nothing."""
    for name in stored.keys() & told.keys():
        field = f"{path}{name}"
        ours, theirs = stored[name], told[name]
        if field in OF_THE_TELLING or (field == _TIME and _same_moment(stored, told)):
            continue
        if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
            yield from contradictions(ours, theirs, f"{field}.")
        elif ours != theirs:
            yield field


def _same_moment(stored: Mapping[str, Any], told: Mapping[str, Any]) -> bool:
    if any(one[_TIME] == lookup(one, _RECORDED) for one in (stored, told)):
        return True  # a time of receipt: the fact's own is not known
    try:
        return abs(parse_time(stored[_TIME]) - parse_time(told[_TIME])) <= SAME_MOMENT
    except (ValueError, TypeError):
        return False


def _same_hash(document: Document, stored: Mapping[str, Any] | None) -> bool:
    if stored is None:
        return False
    there = lookup(stored, "event.hash")
    return there is not None and there == lookup(orjson.loads(document.source), "event.hash")


def _judge(document: Document, stored: Mapping[str, Any] | None) -> Outcome:
    if stored is None:
        return Outcome(Verdict.RETRY, "not_found", f"{document.index}/{document.id} was there and is gone, or cannot be read")
    fields = sorted(contradictions(stored, orjson.loads(document.source)))
    if not fields:
        return DONE
    return Outcome(
        Verdict.REFUSE,
        INTEGRITY_ALARM,
        f"{document.index}/{document.id} is already there and says something else in {', '.join(fields)}; it was left as it is",
    )


def _fetch(client: Client, documents: Sequence[Document], fields: str) -> list[Mapping[str, Any] | None]:
    wanted = [{"_index": one.index, "_id": one.id, "_source": [fields]} for one in documents]
    answer = client.request("POST", "/_mget", {"docs": wanted})
    if of_request(answer.status, answer.error_type) is Step.STOP:
        raise TargetRefusedError(f"{client.url} refuses {client.user or 'us'} to read what is indexed: {answer.reason}")
    found = _found(answer)
    return found if len(found) == len(documents) else [None] * len(documents)


def _found(answer: Answer) -> list[Mapping[str, Any] | None]:
    docs = answer.body.get("docs") if isinstance(answer.body, Mapping) else None
    if not answer.ok or not isinstance(docs, list):
        return []
    return [one.get("_source") if isinstance(one, Mapping) and one.get("found") else None for one in docs]
