"""Tests of query bodies and of what a person's query names."""

import pytest
from pipetrail_review.findings import Filter, in_status, query_of
from pipetrail_review.kinds import EVENTS, FINDINGS
from pipetrail_review.lookup import HASHES, HEAD, TRAIL_ID, beginnings
from pipetrail_review.query import EVERYTHING, Window, all_of, fields_named, in_repository, kinds_meant, unknown_fields, within
from support.deliveries import NOW, START


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("rule.id:*", ["rule.id"]),
        ("user.name:ann AND (event.outcome:failure OR user.name:bob)", ["user.name", "event.outcome"]),
        ('artifact.hash:"sha256:00"', ["artifact.hash"]),
        (r"sha256\:00", []),
        ("_exists_:rule.id", []),
        ("@timestamp:[2026-01-01 TO *]", ["@timestamp"]),
        ('message:"a:b \\" c:d" -x:y', ["message", "x"]),
        ("hotfix", []),
    ],
)
def test_the_fields_of_a_query_are_those_before_colons_outside_quotes(text: str, fields: list[str]) -> None:
    """Quoted text, escaped colons and `_exists_` name no field."""
    assert fields == fields_named(text)


@pytest.mark.parametrize("text", ["rule.id:*", "pipetrail.finding.severity:high", "event.severity:>50", "a AND rule.name:x"])
def test_a_query_for_findings_looks_among_findings_too(text: str) -> None:
    """What only findings have is looked for among them without being told."""
    assert kinds_meant(text) == (EVENTS, FINDINGS)


@pytest.mark.parametrize("text", ["hotfix", "user.name:ann", '"rule.id:x"', "ruler.id:1", "my.rule.id:1"])
def test_any_other_query_looks_among_events(text: str) -> None:
    """Nothing but a field of findings brings findings in."""
    assert kinds_meant(text) == (EVENTS,)


def test_an_unknown_field_comes_with_the_likeliest_known_one() -> None:
    """A misspelt field is named with a proposal, one like nothing else without, a known one and its parents not at all."""
    known = ["user.name", "event.outcome", "vcs.ref.head.revision"]
    assert unknown_fields("user.nam:a zzz:1 event.outcome:x vcs.ref.*:y", [*known, "vcs.ref.*"]) == [
        ("user.nam", "user.name"),
        ("zzz", None),
    ]


def test_a_window_is_half_open() -> None:
    """`since` belongs to the window, `until` does not; no bound adds no filter."""
    assert within(Window(START, NOW)) == [
        {"range": {"@timestamp": {"gte": "2026-11-23T09:02:11.000Z", "lt": "2026-11-23T12:00:00.000Z"}}}
    ]
    assert within(Window()) == []


def test_no_filter_is_everything() -> None:
    """Nothing asked for leaves nothing out."""
    assert EVERYTHING == query_of(Filter()) == all_of()


def test_a_filter_becomes_exact_terms() -> None:
    """What a person chooses is compared as it stands, never parsed as a query."""
    wanted = Filter(("high", "critical"), ("override",), ('a" OR *',), in_status("open"), None, Window(since=START))
    assert query_of(wanted) == {
        "bool": {
            "filter": [
                {"range": {"@timestamp": {"gte": "2026-11-23T09:02:11.000Z"}}},
                {"terms": {"pipetrail.finding.severity": ["high", "critical"]}},
                {"terms": {"pipetrail.finding.category": ["override"]}},
                {"terms": {"rule.id": ['a" OR *']}},
                {"term": {"pipetrail.finding.status": "open"}},
            ]
        }
    }


def test_a_repository_given_by_its_end_cannot_smuggle_in_a_wildcard() -> None:
    """Stars and question marks in a repository's name are taken literally."""
    wildcard = in_repository("pay/*")["bool"]["should"][-1]
    assert wildcard == {"wildcard": {"vcs.repository.url.full": {"value": r"*/pay/\*"}}}


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("8f2c1ab", [(HEAD, "8f2c1ab"), (HASHES, "sha256:8f2c1ab"), (TRAIL_ID, "8f2c1ab")]),
        ("sha256:8f2c", [(HASHES, "sha256:8f2c")]),
        ("8f2", []),
        ("sha256:8f2", []),
        ("main", []),
        ("", []),
    ],
)
def test_only_four_digits_or_more_are_a_beginning(name: str, meant: list[tuple[str, str]]) -> None:
    """A name of fewer digits, or of other letters, is the beginning of nothing."""
    assert meant == beginnings(name)
