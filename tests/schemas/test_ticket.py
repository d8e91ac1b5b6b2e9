"""Which words of a text are tickets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipetrail_schemas.ticket import NOT_A_PROJECT, find_ticket, ticket_pattern


@pytest.mark.parametrize(
    ("message", "ticket"),
    [
        ("PAY-17 retry on 503", "PAY-17"),
        ("fix: retry on 503 (PAY-17)", "PAY-17"),
        ("[PAY-17] retry", "PAY-17"),
        ("feat(api)!: PAY-17: retry", "PAY-17"),
        ("Retry\n\nRefs: PAY-17", "PAY-17"),
        ("Retry\n\nFixes PAY-17, PAY-18", "PAY-17"),
        ("A2B-1 x", "A2B-1"),
        ("Two agents could sell the last space at once. PAY-17", "PAY-17"),
        ("See https://tracker.example/browse/PAY-17 for why", "PAY-17"),
        ("Fixes #17", "#17"),
        ("Fixed #12345 -- Made it faster", "#12345"),
        ("Retry\n\nCloses: #17", "#17"),
        ("Retry\n\nThis resolves #17 for good", "#17"),
        ("#17: retry", "#17"),
        ("gh-1234: retry", "#1234"),
        ("CVE-2024-1 and PAY-17", "PAY-17"),
    ],
)
def test_what_names_a_reason_is_found(message: str, ticket: str) -> None:
    """Keys in the first line, keys and numbers after a word of reference are tickets."""
    assert find_ticket([message]) == ticket


@pytest.mark.parametrize(
    "message",
    [
        "",
        "note-1 is no ticket",
        "Mention CVE-2024-1 and UTF-8, SHA-256, ISO-8859, RFC-9162",
        "Retry on 503 (#17)",
        "Merge pull request #17 from acme/pay",
        "PAY-0 and PAY-007",
        "X-1 and MY_PAY-17 and pay.PAY-17 and PAY-17x and PAY-17.1",
        "Fixes: 8f2c1ab (retry)",
        "step #1 of 3",
        "prefix #0",
    ],
)
def test_what_only_looks_like_a_ticket_is_none(message: str) -> None:
    """Standards, change numbers, lower-case words and parts of other names are no tickets."""
    assert find_ticket([message]) is None


def test_known_keys_alone_count_where_they_are_given() -> None:
    """With a list of project keys no other key is a ticket, and one that looks like a standard is."""
    assert find_ticket(["OTHER-1 then PAY-17"], {"PAY"}) == "PAY-17"
    assert find_ticket(["ISO-17: certify"], {"ISO"}) == "ISO-17"
    assert find_ticket(["OTHER-1"], {"PAY"}) is None
    assert find_ticket(["feature/pay-17"], {"PAY"}) == "PAY-17"


def test_the_most_telling_text_comes_first() -> None:
    """Texts are asked in their order; those that are not there are passed over."""
    assert find_ticket([None, "", "Retry", "PAY-1", "PAY-2"]) == "PAY-1"


@given(st.text())
def test_any_text_has_a_ticket_or_none(message: str) -> None:
    """No message makes the search fail, and what is found stands in the message."""
    found = find_ticket([message])
    assert found is None or found.removeprefix("#") in message
    assert found is None or found.partition("-")[0] not in NOT_A_PROJECT


def test_patterns_are_found_before_keys_and_no_key_is_guessed_beside_them() -> None:
    """Who says how tickets are written leaves nothing to guess; keys that are given count, too."""
    patterns = [ticket_pattern("AB#<number>"), ticket_pattern("INC<number>")]
    assert find_ticket(["PAY-17: retry, AB#18"], (), patterns) == "AB#18"
    assert find_ticket(["PAY-17: retry"], (), patterns) is None
    assert find_ticket(["PAY-17: retry"], {"PAY"}, patterns) == "PAY-17"
    assert find_ticket(["see INC0012345."], (), patterns) == "INC0012345"
    assert find_ticket(["Fixes #7"], (), patterns) == "#7"


@pytest.mark.parametrize("message", ["CAB#17", "AB#17x", "AB#17.2", "AB#", "AB #17", "ab#17"])
def test_a_pattern_is_no_part_of_a_word(message: str) -> None:
    """What is longer on either side is something else."""
    assert find_ticket([message], {"PAY"}, [ticket_pattern("AB#<number>")]) is None


@pytest.mark.parametrize(
    "text", ["", "AB#", "<number>", "<number>-x", "AB#<number><number>", r"AB#\d<number>", "(a+)+<number>", "A <number>"]
)
def test_what_is_no_pattern_is_refused(text: str) -> None:
    """No number, nothing before it, or what looks like a regular expression."""
    with pytest.raises(ValueError, match="<number>"):
        ticket_pattern(text)


@given(st.text(alphabet="AB#0123456789-. "), st.sampled_from(["AB#<number>", "#<number>", "A-<number>", "0<number>0"]))
def test_what_a_pattern_finds_is_in_the_text(message: str, pattern: str) -> None:
    """And it begins as the pattern does."""
    found = find_ticket([message], {"ZZ"}, [ticket_pattern(pattern)])
    assert found is None or (found in message and found.startswith((pattern.partition("<")[0], "#")))
