"""A collector without Kafka for each test that asks for one."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.collector import Collector, listening


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    """A collector with the usual sources."""
    with listening(tmp_path) as found:
        yield found
