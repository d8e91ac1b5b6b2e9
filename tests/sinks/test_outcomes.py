"""What OpenSearch's answers mean."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipetrail_sinks.opensearch.outcomes import CLUSTER_FAULTS, Step, Verdict, describe, of_item, of_request

STATUSES = st.integers(min_value=200, max_value=599)
BLOCK = {"type": "cluster_block_exception", "reason": "index [x] blocked by: [FORBIDDEN/8/index write (api)]"}


@pytest.mark.parametrize(
    ("status", "error_type", "creates", "verdict"),
    [
        (201, "", True, Verdict.DONE),
        (200, "", False, Verdict.DONE),
        (409, "version_conflict_engine_exception", True, Verdict.COMPARE),
        (409, "version_conflict_engine_exception", False, Verdict.DONE),
        (400, "mapper_parsing_exception", True, Verdict.REFUSE),
        (413, "", True, Verdict.REFUSE),
        (429, "rejected_execution_exception", True, Verdict.RETRY),
        (403, "cluster_block_exception", True, Verdict.RETRY),
        (403, "security_exception", True, Verdict.STOP),
        (401, "", True, Verdict.STOP),
        (404, "index_not_found_exception", True, Verdict.RETRY),
        (503, "unavailable_shards_exception", False, Verdict.RETRY),
        (400, "validation_exception", True, Verdict.RETRY),
        (400, "index_closed_exception", True, Verdict.RETRY),
    ],
)
def test_items(status: int, error_type: str, creates: bool, verdict: Verdict) -> None:  # noqa: FBT001 - a table's column
    """Each status of an item has one meaning, and where a status has two, the error's type decides."""
    assert of_item(status, {"type": error_type, "reason": "x"}, creates=creates).verdict is verdict


@pytest.mark.parametrize(
    ("status", "error_type", "step"),
    [
        (200, "", Step.READ_ITEMS),
        (400, "illegal_argument_exception", Step.HALVE),
        (413, "", Step.HALVE),
        (401, "", Step.STOP),
        (403, "security_exception", Step.STOP),
        (403, "cluster_block_exception", Step.RETRY),
        (404, "", Step.STOP),
        (429, "circuit_breaking_exception", Step.RETRY),
        (502, "", Step.RETRY),
        (None, "", Step.RETRY),
    ],
)
def test_requests(status: int | None, error_type: str, step: Step) -> None:
    """Each status of a request has one meaning."""
    assert of_request(status, error_type) is step


@given(status=STATUSES, error_type=st.text(), creates=st.booleans())
def test_only_success_and_a_newer_version_are_done(status: int, error_type: str, creates: bool) -> None:  # noqa: FBT001
    """No answer but a success, or a conflict of a versioned write, counts a document as written."""
    done = of_item(status, {"type": error_type}, creates=creates).verdict is Verdict.DONE
    assert done == (status in {200, 201} or (status == 409 and not creates))


@given(status=st.integers(min_value=500, max_value=599), error_type=st.text(), creates=st.booleans())
def test_a_server_error_is_never_final(status: int, error_type: str, creates: bool) -> None:  # noqa: FBT001
    """Whatever a server error says, the document is tried again, alone and with its whole request."""
    assert of_item(status, {"type": error_type}, creates=creates).verdict is Verdict.RETRY
    assert of_request(status, error_type) is Step.RETRY


@given(status=STATUSES, creates=st.booleans())
def test_a_cluster_block_is_waited_for(status: int, creates: bool) -> None:  # noqa: FBT001
    """A block lasts until an operator lifts it: no document is refused and no program stopped for it."""
    if status not in {200, 201, 409}:
        assert of_item(status, BLOCK, creates=creates).verdict is Verdict.RETRY
    if status not in {200, 201}:
        assert of_request(status, BLOCK["type"]) is Step.RETRY


@pytest.mark.parametrize("error_type", sorted(CLUSTER_FAULTS))
def test_a_full_cluster_is_not_the_documents_fault(error_type: str) -> None:
    """A 400 that speaks of the cluster sends nothing to the dead letters."""
    assert of_item(400, {"type": error_type}, creates=True).verdict is Verdict.RETRY


@given(error=st.one_of(st.none(), st.text(), st.integers(), st.dictionaries(st.text(), st.none() | st.text())))
def test_any_error_can_be_described(error: object) -> None:
    """Whatever stands where an error should, its description is two texts."""
    kind, reason = describe(error)
    assert isinstance(kind, str)
    assert isinstance(reason, str)


def test_the_cause_is_told() -> None:
    """The reason names the cause beneath, which is where OpenSearch says what is wrong with which field."""
    error = {"type": "mapper_parsing_exception", "reason": "failed to parse field [a]", "caused_by": {"reason": "not a date"}}
    assert describe(error) == ("mapper_parsing_exception", "failed to parse field [a]: not a date")
