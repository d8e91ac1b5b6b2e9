"""What the sink's tests need of the stack: topics, indices, and a corner for each test."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pipetrail_sinks.opensearch import indices, templates
from pipetrail_sinks.opensearch.client import Client
from support.index_bench import Bench
from support.kafka import ensure_topics

if TYPE_CHECKING:
    from pipetrail_deploy.stack import Stack


@pytest.fixture(scope="session")
def provisioned(stack: "Stack") -> "Stack":
    """The stack with topics and indices."""
    ensure_topics(stack.connection.require_kafka())
    client = Client(stack.connection.require_opensearch().as_user("admin"))
    indices.apply(client, templates.component(shards=1, replicas="0-1", refresh_s=1))
    client.close()
    return stack


@pytest.fixture
def bench(provisioned: "Stack", tmp_path: Path) -> Iterator[Bench]:
    """A corner of the stack for one test."""
    made = Bench(provisioned, tmp_path)
    yield made
    made.admin.close()


@pytest.fixture
def block_writes(bench: Bench) -> Iterator[Callable[[str, bool], None]]:
    """Put a write block on an index, or lift it; lifted in any case at the end."""
    touched: set[str] = set()

    def block(index: str, on: bool) -> None:  # noqa: FBT001 - reads well: block(index, True)
        touched.add(index)
        assert bench.admin.request("PUT", f"/{index}/_settings", {"index.blocks.write": on or None}).ok

    yield block
    for index in touched:
        block(index, False)  # noqa: FBT003
