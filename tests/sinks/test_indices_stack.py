"""`pipetrail indices` on a real OpenSearch."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import orjson
import pytest
from click.testing import CliRunner
from pipetrail_sinks import commands
from pipetrail_sinks.errors import MappingConflictError, TargetRefusedError
from pipetrail_sinks.opensearch import indices, mappings, templates
from pipetrail_sinks.opensearch.client import Client
from support import samples

if TYPE_CHECKING:
    from support.index_bench import Bench

pytestmark = pytest.mark.stack

COMPONENT = templates.component(shards=1, replicas="0-1", refresh_s=1)
SPARE = "pipetrail-events-v1-1066"


@pytest.fixture
def admin(bench: "Bench") -> Iterator[Client]:
    """The administrator's client; a spare index that a test made is removed."""
    yield bench.admin
    bench.admin.request("DELETE", f"/{SPARE}")
    indices.apply(bench.admin, COMPONENT)


def test_applying_twice_changes_nothing(admin: Client) -> None:
    """After `apply` everything is as wanted, and a second `apply` says so."""
    indices.apply(admin, COMPONENT)
    assert {asset.state for asset in indices.compare(admin, COMPONENT)} == {"unchanged"}
    assert {asset.state for asset in indices.apply(admin, COMPONENT)} == {"unchanged"}


def test_what_changed_is_said(admin: Client) -> None:
    """`show` tells what differs and what is missing; `apply` changes just that, and says so."""
    assert admin.request("DELETE", "/_index_template/pipetrail-findings-v1").ok
    other = templates.component(shards=2, replicas="1", refresh_s=3)
    expected = [("component template", "pipetrail-settings", "differs"), ("index template", "pipetrail-findings-v1", "missing")]
    found = [(one.kind, one.name, one.state) for one in indices.compare(admin, other) if one.state != "unchanged"]
    assert found == expected
    done = [(one.name, one.state) for one in indices.apply(admin, other) if one.state != "unchanged"]
    assert done == [("pipetrail-settings", "changed"), ("pipetrail-findings-v1", "created")]


def test_new_fields_are_added_to_indices_that_are_there(admin: Client) -> None:
    """An index of an older version gets the fields that it lacks."""
    assert admin.request("PUT", f"/{SPARE}", {"settings": {"number_of_shards": 1}}).ok
    older = {"mappings": {"properties": {"event": {"properties": {"id": mappings.KEYWORD}}}, "dynamic": False}}
    admin.request("DELETE", f"/{SPARE}")
    admin.request("DELETE", "/_index_template/pipetrail-events-v1")
    assert admin.request("PUT", f"/{SPARE}", older).ok
    (asset,) = [one for one in indices.apply(admin, COMPONENT) if one.name == SPARE]
    assert asset.state == "changed"
    assert "@timestamp" in asset.detail
    existing = admin.request("GET", f"/{SPARE}/_mapping").body[SPARE]["mappings"]
    assert templates.missing(existing, mappings.of_events()) == []


def test_a_contradicting_index_stops_everything(admin: Client) -> None:
    """When an index maps a field otherwise, `apply` names index and field, and changes nothing at all."""
    admin.request("DELETE", "/_index_template/pipetrail-events-v1")
    assert admin.request("PUT", f"/{SPARE}", {"mappings": {"properties": {"@timestamp": {"type": "keyword"}}}}).ok
    with pytest.raises(MappingConflictError, match=f"{SPARE}.*@timestamp is keyword, and ours is date"):
        indices.apply(admin, COMPONENT)
    assert admin.request("GET", "/_index_template/pipetrail-events-v1").status == 404


def test_the_indexer_may_not_apply(bench: "Bench") -> None:
    """Without the right to manage templates there is a sentence, not a stack trace."""
    indexer = Client(bench.stack.connection.require_opensearch().as_user("indexer"))
    with pytest.raises(TargetRefusedError, match="status 403"):
        indices.apply(indexer, COMPONENT)
    indexer.close()


def test_nothing_that_a_schema_allows_is_too_much(admin: Client) -> None:
    """Very long names, labels and payloads, and very deep ones, are taken: no allowed value costs the event."""
    deep: object = "x"
    for _ in range(100):
        deep = {"x": deep}
    content = samples.record(1, run="long")
    content["pipetrail"] |= {
        "labels": {"k" * 1000: "\U0001f600" * 4096},
        "raw": {"description": "é" * 40_000, "deep": deep},
        "commit": {"message": "w" * 100_000, "trailers": {"t" * 40_000: ["u" * 40_000]}},
        "command": {"argv": ["a" * 40_000], "output_tail": "o" * 100_000},
        "stage": "s" * 40_000,
    }
    content["event"]["reason"] = "r" * 40_000
    place = "pipetrail-events-v1-2026.11"
    answer = admin.request("PUT", f"/{place}/_doc/long", content, params={"refresh": "true"})
    admin.request("DELETE", f"/{place}/_doc/long")
    assert (answer.ok, answer.reason) == (True, "")


def test_the_command_line(bench: "Bench", monkeypatch: pytest.MonkeyPatch) -> None:
    """`indices show` and `apply` print a line an asset, or JSON."""
    monkeypatch.setenv("PIPETRAIL_HOME", str(bench.stack.home))
    applied = CliRunner().invoke(commands.indices, ["apply"])
    assert applied.exit_code == 0
    assert "pipetrail-trails-v1" in applied.output
    shown = CliRunner().invoke(commands.indices, ["show", "--json"])
    states = {one["state"] for one in orjson.loads(shown.output)}
    assert states == {"unchanged"}
