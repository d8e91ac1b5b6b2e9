"""One look at all texts together finds what a look at each would: the quick way out lets nothing through."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipetrail_producers.collector.masking import MAX_DEPTH, QuickRedactor, TooDeepError, masked, payload_of
from pipetrail_producers.redact import KEY_VARIABLE, Redactor

ENV = {KEY_VARIABLE: "a key for these tests", "SECRET_0": "a secret of a source"}
PLAIN, QUICK = Redactor(ENV), QuickRedactor(ENV)
# Pieces of which texts with and without secrets are made, so that many of them are nearly one.
PIECES = st.sampled_from(
    [
        *("ghp_" + "a1B2" * 9, "glpat-" + "x1" * 12, "AKIA" + "A1" * 8, "eyJhbGciOi.eyJzdWIiOi.c2ln", "xoxb-" + "12" * 8),
        *("a secret of a source", "password", "PASSWORD", "Token", "toKEN", "api_key", "=", ":", ": ", "=hunter2", ": x9/"),
        *(" ", "\n", '"', "'", "//", "://", "a:b@", "@", "Bearer ", "basic dXNlcjpwYXNz", "MIIE", "\u017fecret=1234567"),
        *("-----BEGIN RSA PRIVATE " + "KEY-----", "-----END PRIVATE " + "KEY-----", "\u0130", "\u00e9", "[redacted:", "]"),
    ]
)
TEXTS = st.lists(PIECES | st.text(max_size=3), max_size=6).map("".join)
VALUES = st.recursive(
    TEXTS | st.none() | st.integers(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3)
)


@given(TEXTS)
def test_what_is_redacted_is_found(text: str) -> None:
    """Whenever redacting alters a text, the quick look has found that there is something to alter."""
    assert PLAIN.text(text) == text or PLAIN.finds(text)


@given(TEXTS.filter(lambda text: "[redacted:" not in text))
def test_redacting_twice_alters_nothing_more(text: str) -> None:
    """A marker is no secret: what was redacted stays as it is."""
    once = PLAIN.text(text)
    assert PLAIN.text(once) == once


@given(st.lists(TEXTS, max_size=4))
def test_what_is_found_alone_is_found_together(texts: list[str]) -> None:
    """A secret in one of several texts is found in all of them put together."""
    assert all(PLAIN.text(text) == text for text in texts) or PLAIN.finds("\n".join(texts))


@given(st.dictionaries(TEXTS, VALUES, max_size=4))
def test_the_quick_redactor_says_what_the_other_says(data: dict[str, Any]) -> None:
    """The same data comes out of both."""
    assert QUICK.data(data) == PLAIN.data(data)


@given(VALUES)
def test_no_text_that_would_be_redacted_is_left(value: Any) -> None:
    """Redacting does not alter any text of a masked body any more, and a body without a secret is the very same."""
    body = json.dumps(value).encode()
    clean = masked(body, QUICK)
    assert all(PLAIN.text(text) == text for text in _texts(payload_of(clean)))
    if all(PLAIN.text(text) == text for text in _texts(value)) and not _names(value):
        assert clean is body


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for member in members for text in _texts(member)]


def _names(value: Any) -> list[str]:
    members = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    return [*(value if isinstance(value, dict) else ()), *(name for member in members for name in _names(member))]


@given(st.binary(max_size=60))
def test_any_bytes_are_kept_or_masked(body: bytes) -> None:
    """Whatever a body is: masking ends, and alters nothing where there is no secret by any shape."""
    assert masked(body, QUICK) == body or PLAIN.finds(body.decode("latin-1")) or b"{" in body


def test_depth_is_bounded() -> None:
    """JSON that is nested too deep is refused before anything recurses into it."""
    assert payload_of(b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1)) is not None
    with pytest.raises(TooDeepError):
        payload_of(b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1))
