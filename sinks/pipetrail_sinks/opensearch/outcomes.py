"""What an answer of OpenSearch means for an item or a request. Pure: status and error type in, decision out.

Rules, in one table:

| answer | item | whole request |
|---|---|---|
| 200, 201 | done | look at the items |
| 409 | a `create`: compare with what is there; a versioned write: a newer state is there already, done | retry |
| 400 and other 4xx | refuse: the document is at fault … | halve the request, down to the item at fault |
| 400 about the cluster (shard limit, closed index), 404 | retry: … unless the cluster is: an operator's matter | stop |
| 413 | refuse | halve the request |
| 403 of a cluster block, 429, 5xx, no or half an answer | retry, for ever | retry, for ever |
| 401, any other 403 | stop: the program is refused, not the item | stop |

Why a 403 can be both: a write block answers 403 `cluster_block_exception`, the security plugin 403 `security_exception`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

# Error types that come with a 400 and speak of the cluster, not of the document: dead-lettering for them would empty a whole
# topic into the dead letters because a node is full.
CLUSTER_FAULTS = frozenset({"validation_exception", "index_closed_exception", "invalid_index_name_exception"})
_CLUSTER_BLOCK = "cluster_block_exception"
_SERVER_ERRORS = 500


class Verdict(Enum):
    """What to do with an item."""

    DONE = auto()
    COMPARE = auto()  # a document with this id exists: is it the same?
    RETRY = auto()
    REFUSE = auto()
    STOP = auto()


class Step(Enum):
    """What to do with a whole bulk request."""

    READ_ITEMS = auto()
    RETRY = auto()
    HALVE = auto()
    STOP = auto()


@dataclass(frozen=True, slots=True)
class Outcome:
    """A verdict on one item; `error_type` and `reason` in OpenSearch's words, empty when done."""

    verdict: Verdict
    error_type: str = ""
    reason: str = ""


DONE = Outcome(Verdict.DONE)


def of_item(status: int, error: Any, *, creates: bool) -> Outcome:
    """The verdict on an item of a bulk response.

    Args:
        status: the item's own HTTP status.
        error: its `error`, an object with `type` and `reason`, or absent.
        creates: it was a `create`, so that a 409 says nothing about what is there.
    """
    error_type, reason = describe(error)
    return Outcome(_verdict(status, error_type, creates=creates), error_type, reason)


def of_request(status: int | None, error_type: str) -> Step:
    """What to do after a bulk request; `status` None: no answer, or one that cannot be read."""
    if status is None or status >= _SERVER_ERRORS or status in {408, 409, 429} or error_type == _CLUSTER_BLOCK:
        return Step.RETRY
    if status in {200, 201}:
        return Step.READ_ITEMS
    if status in {400, 413}:
        return Step.HALVE
    return Step.STOP


def describe(error: Any) -> tuple[str, str]:
    """Type and reason of an OpenSearch `error`, with the cause, which is where the field at fault is named."""
    if not isinstance(error, Mapping):
        return "", str(error or "")
    reason = str(error.get("reason", ""))
    cause = error.get("caused_by")
    if isinstance(cause, Mapping) and cause.get("reason"):
        reason = f"{reason}: {cause['reason']}"
    return str(error.get("type", "")), reason


def _verdict(status: int, error_type: str, *, creates: bool) -> Verdict:
    if status in {200, 201}:
        return Verdict.DONE
    if status == 409:  # noqa: PLR2004 - HTTP statuses read best as numbers
        return Verdict.COMPARE if creates else Verdict.DONE
    if status >= _SERVER_ERRORS or status in {404, 408, 429} or error_type == _CLUSTER_BLOCK or error_type in CLUSTER_FAULTS:
        return Verdict.RETRY
    if status in {401, 403}:
        return Verdict.STOP
    return Verdict.REFUSE
