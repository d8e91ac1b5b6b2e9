"""One bulk request and what became of each of its documents. Tries nothing twice, except halves of a refused request.

opensearch-py's helpers are not used: they never retry a busy item of a parallel bulk, they raise on the first refused document,
and they cannot tell a duplicate from another fact with the same id.
"""

from collections.abc import Sequence
from typing import Any

from pipetrail_sinks.errors import TargetRefusedError
from pipetrail_sinks.opensearch import duplicates
from pipetrail_sinks.opensearch.client import Answer, Client
from pipetrail_sinks.opensearch.documents import Document
from pipetrail_sinks.opensearch.outcomes import Outcome, Step, Verdict, of_item, of_request

# `timeout`: how long the server waits for a shard; less than our own, so that its answer comes before we give up on it.
# `filter_path`: a response without what we do not read is a tenth of the size.
_PARAMETERS = {"timeout": "20s", "filter_path": "items.*.status,items.*.error"}


def write(client: Client, documents: Sequence[Document]) -> list[Outcome]:
    """Write documents with one request, or more where OpenSearch refuses it whole.

    Returns:
        One outcome a document, in order: done, retry or refuse.

    Raises:
        TargetRefusedError: OpenSearch refuses this program (credentials, rights), or does not speak its language.
    """
    if not documents:
        return []
    answer = client.request("POST", "/_bulk", b"".join(one.lines() for one in documents), params=_PARAMETERS, ndjson=True)
    step = of_request(answer.status, answer.error_type)
    if step is Step.STOP:
        raise _stop(client, f"status {answer.status}", answer.reason)
    if step is Step.HALVE:
        return _halves(client, documents, answer)
    outcomes = _read(answer, documents) if step is Step.READ_ITEMS else None
    if outcomes is None:
        reason = answer.reason or "the answer to a bulk request is incomplete"
        return [Outcome(Verdict.RETRY, answer.error_type or "no_answer", reason)] * len(documents)
    return _compared(client, documents, outcomes)


def _halves(client: Client, documents: Sequence[Document], answer: Answer) -> list[Outcome]:
    if len(documents) == 1:
        return [Outcome(Verdict.REFUSE, answer.error_type or f"status_{answer.status}", answer.reason)]
    middle = len(documents) // 2
    return write(client, documents[:middle]) + write(client, documents[middle:])


def _read(answer: Answer, documents: Sequence[Document]) -> list[Outcome] | None:
    """The outcomes of the items; None when the answer is not one item a document, and so proves nothing."""
    items = answer.body.get("items") if isinstance(answer.body, dict) else None
    if not isinstance(items, list) or len(items) != len(documents):
        return None
    results: list[Any] = [next(iter(item.values()), None) if isinstance(item, dict) else None for item in items]
    if not all(isinstance(one, dict) and isinstance(one.get("status"), int) for one in results):
        return None
    return [
        of_item(result["status"], result.get("error"), creates=document.creates)
        for result, document in zip(results, documents, strict=True)
    ]


def _compared(client: Client, documents: Sequence[Document], outcomes: list[Outcome]) -> list[Outcome]:
    for outcome in outcomes:
        if outcome.verdict is Verdict.STOP:
            raise _stop(client, outcome.error_type, outcome.reason)
    taken = [i for i, outcome in enumerate(outcomes) if outcome.verdict is Verdict.COMPARE]
    if taken:
        for i, outcome in zip(taken, duplicates.compare(client, [documents[i] for i in taken]), strict=True):
            outcomes[i] = outcome
    return outcomes


def _stop(client: Client, what: str, reason: str) -> TargetRefusedError:
    return TargetRefusedError(
        f"OpenSearch at {client.url} refuses user {client.user or '(none)'} to write ({what}): {reason or 'no reason given'}"
    )
