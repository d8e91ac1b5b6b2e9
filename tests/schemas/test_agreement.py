"""Pydantic, the check without it and the exported schema judge alike: also on what nobody thought of."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipetrail_schemas import check, codec, plain
from pipetrail_schemas.errors import InvalidEventError
from support.golden import SAMPLES, validator

# All of JSON that can be UTF-8; the numbers that 64 bits hold.
TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
NEAR_MISSES = st.sampled_from(
    ["", "success", "SUCCESS", "approved", "2026-11-23T09:02:11Z", "https://a/b", "0" * 40, "x" * 4097]
)


def _places(node: Any, way: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [way] * bool(way) + [place for key, item in items for place in _places(item, (*way, key))]


@st.composite
def mutants(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A sample's name and the sample with one place altered, removed or added to."""
    name = draw(st.sampled_from(sorted(SAMPLES)))
    mutant = copy.deepcopy(SAMPLES[name])
    *way, last = draw(st.sampled_from(_places(mutant)))
    inner: Any = mutant
    for key in way:
        inner = inner[key]
    action = draw(st.sampled_from(["alter", "remove", "add"]))
    if action == "remove":
        del inner[last]
    elif action == "add" and isinstance(inner, dict):
        inner[draw(TEXT)] = draw(JSON)
    else:
        inner[last] = draw(JSON | NEAR_MISSES)
    return name, mutant


def _refused(content: Any, *, strict: bool) -> set[str] | None:
    try:
        if strict:
            codec.validate(content)
        else:
            codec.decode(json.dumps(content).encode())
    except InvalidEventError as exc:
        return {field for field, _ in exc.problems}
    return None


@given(mutants())
def test_check_and_model_agree_for_writers(mutant: tuple[str, dict[str, Any]]) -> None:
    """An altered event is refused by both, with the same fields, or by neither."""
    _, content = mutant
    found = {field for field, _ in check.event_problems(content)}
    assert (_refused(content, strict=True) or set()) == found


@given(mutants())
def test_check_model_and_schema_agree_for_readers(mutant: tuple[str, dict[str, Any]]) -> None:
    """By the readers' rules too; the exported schema refuses nothing that they accept."""
    name, content = mutant
    found = {field for field, _ in check.event_problems(content, unknown_allowed=True)}
    assert (_refused(content, strict=False) or set()) == found
    if not found and content["type"] == SAMPLES[name]["type"]:
        validator(name).validate(content)


@given(mutants())
def test_what_readers_take_is_read_in_one_pass_as_it_came(mutant: tuple[str, dict[str, Any]]) -> None:
    """The reader that builds no models takes the same events, from bytes and put together, and alters nothing of them."""
    _, content = mutant
    found = plain.from_json(json.dumps(content).encode())
    assert found == plain.from_content(content) == (content if _refused(content, strict=False) is None else None)


@pytest.mark.parametrize("number", ["18446744073709551616", "-9223372036854775809", "1e400", "NaN", "-Infinity"])
@pytest.mark.parametrize("place", ["raw", "unknown"])
def test_numbers_that_do_not_survive_are_refused_by_both_readers(number: str, place: str) -> None:
    """Wherever they stand: other JSON libraries and OpenSearch would alter them."""
    content = copy.deepcopy(SAMPLES["build.finished"])
    content["data"].setdefault("pipetrail", {})[place] = {"deep": [{"number": 12345678}]}
    value = json.dumps(content).encode()
    assert plain.from_json(value) == content
    value = value.replace(b"12345678", number.encode())
    assert plain.from_json(value) is None
    with pytest.raises(InvalidEventError):
        codec.decode(value)


def test_of_a_field_that_stands_there_twice_both_readers_take_the_last() -> None:
    """JSON leaves it open; the two must not differ."""
    content = SAMPLES["build.finished"]
    value = json.dumps(content).encode().replace(b'"source":', b'"source": "https://other.example/x", "source":', 1)
    assert plain.from_json(value) == codec.content_of(value) == content


@given(mutants())
def test_an_accepted_event_is_written_and_read_unchanged(mutant: tuple[str, dict[str, Any]]) -> None:
    """decode(encode(event)) is the event, whatever stands in it, and encode is stable."""
    _, content = mutant
    if _refused(content, strict=True) is None:
        event = codec.validate(content)
        encoded = codec.encode(event)
        assert codec.decode(encoded) == event
        assert codec.encode(codec.decode(encoded)) == encoded


@given(JSON)
def test_no_json_value_makes_anything_but_a_refusal(content: Any) -> None:
    """Whatever JSON arrives: an InvalidEventError with at least one named field, never another exception."""
    assert _refused(content, strict=False)
    assert list(check.event_problems(content))


@given(st.binary(max_size=200), st.dictionaries(st.sampled_from(["content-type", "ce_id", "ce_type", "CE_TIME"]), st.binary()))
def test_no_bytes_make_anything_but_a_refusal(value: bytes, headers: dict[str, bytes]) -> None:
    """Whatever bytes and headers arrive: an InvalidEventError, never another exception."""
    with pytest.raises(InvalidEventError, match=": "):
        codec.decode(value, headers.items())
