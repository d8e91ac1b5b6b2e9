"""Tests of making text from events safe to show."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipetrail_review.text import count, json_text, lines_of, plain, short_digest, short_revision, shortened
from support.deliveries import commit_id, digest


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("fix: retry\x1b[2K\x1b[1A all good", "fix: retry\\x1b[2K\\x1b[1A all good"),
        ("abc\u202edcba", "abc\\u202edcba"),
        ("\u2066left\u2069", "\\u2066left\\u2069"),
        ("\x9b31mred", "\\x9b31mred"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("tag\U000e0041", "tag\\U000e0041"),
        ("bell\x07back\x08", "bell\\x07back\\x08"),
        ("two\nlines\r\nand\ttab", "two lines and tab"),
        ("naïve café 日本語 👩\u200d🚀 नम\u200cस्ते", "naïve café 日本語 👩\u200d🚀 नम\u200cस्ते"),
    ],
)
def test_what_a_terminal_would_obey_is_shown_instead(given: str, shown: str) -> None:
    """Control, bidirectional and invisible characters are written as codes; scripts and emoji stay as they are."""
    assert shown == plain(given)


@given(st.text())
def test_plain_text_holds_nothing_that_hides(text: str) -> None:
    """Whatever goes in, one line without control or format characters comes out, and once more changes nothing."""
    shown = plain(text)
    hidden = {character for character in shown if unicodedata.category(character) in {"Cc", "Cf", "Zl", "Zp", "Cs"}}
    assert set() == hidden - {"\u200c", "\u200d"}
    assert shown == plain(shown)


@given(st.recursive(st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_json_stays_the_same_json(document: object) -> None:
    """Escaping hidden characters changes no value, and leaves neither escape sequences nor line breaks in the text."""
    text = json_text(document)
    assert document == json.loads(text)
    assert not {"\x1b", "\x9b", "\n", "\u202e", "\u2066"} & set(text)


def test_lines_of_keeps_lines_apart() -> None:
    """A longer text keeps its lines, each made safe."""
    assert lines_of("first\n\x1b[31msecond") == ["first", "\\x1b[31msecond"]


def test_names_are_shortened_as_people_know_them() -> None:
    """Commits show seven digits, digests their algorithm and twelve, other text an ellipsis."""
    assert commit_id("a")[:7] == short_revision(commit_id("a"))
    assert short_revision("not-a-commit") == "not-a-commit"
    assert digest("a")[:19] == short_digest(digest("a"))
    assert shortened("abcdefgh", 5) == "abcd…"
    assert shortened("abc", 3) == "abc"


def test_counts_read_as_language() -> None:
    """One is singular, all others plural, thousands are set apart."""
    assert [
        count(1, "override"),
        count(0, "override"),
        count(1204, "trail"),
        count(2, "entry", "entries"),
    ] == ["1 override", "0 overrides", "1,204 trails", "2 entries"]
