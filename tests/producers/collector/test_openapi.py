"""What /openapi.json says is true: requests that are generated from it, good and bad, are answered as it says."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)
from support.collector import AGENT_TOKEN, Collector

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
]
# Each is a request over the loopback: enough to try every place of the schema, few enough for every run of the tests.
EXAMPLES = 15


@pytest.mark.parametrize("authorization", [f"Bearer {AGENT_TOKEN}", "Bearer nobody's"])
@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode))
def test_generated_requests_are_answered_as_described(
    collector: Collector, mode: schemathesis.GenerationMode, authorization: str
) -> None:
    """Whatever is generated, by a sender who is known or not: no fault, a described status, the described content."""
    schema = schemathesis.openapi.from_dict(collector.client.get("/openapi.json").json())
    operations: list[Any] = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
    assert len(operations) == len(collector.sources.hooks) + len(("events", "healthz", "readyz", "metrics", "openapi"))
    for operation in operations:
        # Pages are asked for with nothing, and webhooks may hold any JSON: neither can be wrong by the schema.
        if operation.path == "/v1/events" or mode is schemathesis.GenerationMode.POSITIVE:
            _try(operation, collector, mode, authorization)
    assert collector.client.get("/healthz").status_code == 200


def _try(operation: Any, collector: Collector, mode: schemathesis.GenerationMode, authorization: str) -> None:
    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def one(case: Any) -> None:
        case.headers["Authorization"] = authorization
        response = case.call(base_url=collector.url)
        case.validate_response(response, checks=CHECKS)

    one()
