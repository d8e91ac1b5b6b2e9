"""What the engine's tests need: a Kafka of their own, which they may stop and kill, and a corner of it for each test."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from pipetrail_deploy.places import Home, remove_data
from pipetrail_deploy.stack import Stack, running
from pipetrail_processors.engine.topics_admin import TopicsAdmin
from pipetrail_schemas.topics import ALL
from support.processor import ProcessorBench


@pytest.fixture(scope="session")
def broker() -> Iterator[Stack]:
    """A real Kafka without OpenSearch."""
    # As in the tests' main conftest: pytest's folders are closed to the account that runs the servers.
    folder = Path(tempfile.mkdtemp(prefix="pipetrail-engine-"))
    folder.chmod(0o755)
    try:
        with running(folder, opensearch=False) as started:
            TopicsAdmin(started.connection.require_kafka()).apply(ALL)
            yield started
    finally:
        remove_data(Home(folder))
        shutil.rmtree(folder)


@pytest.fixture
def bench(broker: Stack, tmp_path: Path) -> Iterator[ProcessorBench]:
    """A corner of that Kafka for one test."""
    made = ProcessorBench(broker, tmp_path)
    yield made
    made.close()
