"""Where a replay keeps its state: a dictionary, whether it is in memory or on disk."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from pipetrail_processors.replay.store import Store

KEYS = st.binary(min_size=1, max_size=2)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.dictionaries(KEYS, st.none() | st.binary(max_size=300)), max_size=20), st.sampled_from([1, 2000, 10**9]))
def test_a_store_is_a_dictionary_in_order(changes: list[dict[bytes, bytes | None]], limit: int) -> None:
    """Whatever is written, removed and written again, and whenever it goes to disk."""
    expected: dict[bytes, bytes | None] = {}
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "store", limit=limit)
        for change in changes:
            store.update(change)
            expected.update(change)
            assert {key: store.get(key) for key in expected} == expected
        assert list(store.items()) == sorted((key, value) for key, value in expected.items() if value is not None)
        store.close()
