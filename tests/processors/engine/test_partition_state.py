"""The view of a partition's state: writes of a record that failed are gone, all others are seen at once."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipetrail_processors.engine.packing import pack, unpack
from pipetrail_processors.engine.partition_state import MAX_VALUE_BYTES, PartitionState
from pipetrail_processors.errors import StateError, TooLargeError

_KEYS = st.sampled_from([b"a", b"b", b"c"])
_WRITES = st.lists(st.tuples(_KEYS, st.none() | st.binary(max_size=3)), max_size=4)


@given(st.dictionaries(_KEYS, st.binary(max_size=3)), st.lists(st.tuples(_WRITES, st.booleans()), max_size=6))
def test_it_reads_as_a_dictionary_that_can_take_back(
    stored: dict[bytes, bytes], records: list[tuple[list[tuple[bytes, bytes | None]], bool]]
) -> None:
    """After any run of records that went well or failed, each key reads as if the failed ones had never been."""
    state = PartitionState({key: pack(value) for key, value in stored.items()}.get)
    expected = dict(stored)
    for writes, went_well in records:
        fresh = dict(expected)
        for key, value in writes:
            if value is None:
                state.delete(key)
                fresh.pop(key, None)
            else:
                state.set(key, value)
                fresh[key] = value
            assert state.get(key) == fresh.get(key)
        if went_well:
            state.keep()
            expected = fresh
        else:
            state.drop()
    assert {key: state.get(key) for key in (b"a", b"b", b"c")} == {key: expected.get(key) for key in (b"a", b"b", b"c")}
    before = {key: pack(value) for key, value in stored.items()}
    kept = {key: value for key, value in {**before, **state.packed()}.items() if value is not None}
    again = PartitionState(kept.get)
    assert {key: again.get(key) for key in (b"a", b"b", b"c")} == {key: expected.get(key) for key in (b"a", b"b", b"c")}


@given(st.binary(max_size=2000) | st.binary(min_size=1, max_size=40).map(lambda some: some * 50))
def test_what_is_packed_comes_back(value: bytes) -> None:
    """Any value is kept in a form that gives it back, and that is never longer by more than a byte."""
    assert unpack(pack(value)) == value
    assert len(pack(value)) <= len(value) + 1


def test_a_damaged_value_is_no_other_value() -> None:
    """A packed value that lost its end is an error of the state."""
    with pytest.raises(StateError, match="damaged"):
        unpack(pack(b"some text again and again " * 100)[:-3])


def test_a_value_that_no_message_holds_is_refused() -> None:
    """What the changelog could not take is refused before it is written."""
    state = PartitionState(lambda _key: None)
    state.set(b"k", bytes(MAX_VALUE_BYTES + 1))  # compressed, it fits
    with pytest.raises(TooLargeError, match="at most"):
        state.set(b"k", os.urandom(MAX_VALUE_BYTES + 1))
