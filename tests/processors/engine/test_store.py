"""The state on disk: what a partition costs does not depend on how much of it is not touched."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pipetrail_processors.engine.store import StateStore
from support.wait import wait_for

PARTITION = 3
MANY, FEW = 6_000, 200


@pytest.fixture
def store(tmp_path: Path) -> Iterator[StateStore]:
    """An empty disk, without Faust's application around it."""
    app = cast("Any", SimpleNamespace(conf=SimpleNamespace(tabledir=tmp_path, table_key_index_size=1)))
    table = cast("Any", SimpleNamespace(name="state", is_global=False))
    made = StateStore("rocksdb://", app, table, table_name="state", key_type=bytes, value_type=bytes)
    yield made
    made._dbs.pop(PARTITION).close()


def test_a_large_partition_is_not_written_anew_for_small_changes(store: StateStore) -> None:
    """However often little is written, and becomes a file, those files are merged with each other, not with all there is."""
    expected = {b"key-%d" % number: b"%d" % number * 100 for number in range(MANY)}
    store.write(PARTITION, expected, 0)
    database = store._db_for_partition(PARTITION)
    database.flush()
    (large,) = [file["name"] for file in database.live_files()]
    for number in range(1, 11):
        changes = {b"key-%d" % (number + one * 11): b"new" for one in range(FEW)}
        expected |= changes
        store.write(PARTITION, changes, number)
        database.flush()
        wait_for(lambda: not is_merging(database), timeout_s=120, what="files to be merged")
    assert large in [file["name"] for file in database.live_files()]
    assert dict(store.kept(PARTITION)) == expected


def is_merging(database: Any) -> bool:
    """Whether RocksDB merges files."""
    return bool(database.property_int_value("rocksdb.num-running-compactions"))
