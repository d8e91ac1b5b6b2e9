"""What people are shown of a finding's life: its decisions, what is overdue, what exclusions hide."""

import json
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from click.testing import CliRunner
from pipetrail_review.detail import detail
from pipetrail_review.exclusions import Tally, exclusion_table
from pipetrail_review.kinds import FINDINGS
from pipetrail_review.query import ALWAYS
from pipetrail_review.report.document import page
from pipetrail_review.report.figures import figures
from pipetrail_review.rules_commands import rules
from pipetrail_review.standing import has_expired, is_overdue, status_words
from pipetrail_review.tables import table
from pipetrail_schemas.finding import Finding
from pipetrail_schemas.times import format_time
from pipetrail_sinks.opensearch.client import Client as Writer
from pipetrail_sinks.opensearch.documents import FINDINGS_INDEX
from support.deliveries import BOB, NOW, START, document, finding, skipped_tests
from support.library import Command, Library, add, write
from support.printed import printed

LATE, SOON = format_time(NOW - timedelta(hours=1)), format_time(NOW + timedelta(days=2))
DECISION = {"by": BOB, "time": format_time(START + timedelta(hours=1)), "reason": "it had to be", "event_id": "e-1"}
EXCLUDED = {"owner": "bob@forge.example", "reason": "the bot does that all day", "expires": SOON}


def override(**state: Any) -> Finding:
    """The override of the library, in another state."""
    trail, found = skipped_tests()
    at = trail.pipetrail.trail.entries[3].model_dump(mode="json", exclude_none=True)
    assert found.pipetrail.finding.evidence == [at["event_id"]]
    return finding(trail, at, **state)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({}, "open"),
        ({"review_due": SOON}, "open"),
        ({"review_due": LATE}, "open, overdue"),
        ({"review_due": LATE, "status": "acknowledged"}, "acknowledged, overdue"),
        ({"review_due": LATE, "status": "justified"}, "justified"),
        ({"status": "excluded", "exclusion": EXCLUDED}, "excluded"),
        ({"status": "excluded", "exclusion": {**EXCLUDED, "expires": LATE}}, "exclusion expired"),
    ],
)
def test_time_makes_a_finding_overdue_and_ends_an_exclusion(state: dict[str, Any], words: str) -> None:
    """The reader's clock decides; what was settled is not overdue."""
    told = override(**state).pipetrail.finding
    assert status_words(told, NOW) == words
    assert (is_overdue(told, NOW), has_expired(told, NOW)) == ("overdue" in words, "expired" in words)
    (row,) = printed(table(FINDINGS, [document(override(**state))], zone=UTC, now=NOW)).splitlines()[1:]
    assert words in row


def test_a_finding_in_full_tells_what_was_decided() -> None:
    """Who, when, why and for which ticket; also what does not count, and why."""
    ignored = {**DECISION, "event_id": "e-0", "status": "justified", "why": "who did it may not decide this"}
    found = override(
        status="justified",
        acknowledged={**DECISION, "time": format_time(START + timedelta(minutes=5)), "reason": "on it"},
        justified={**DECISION, "ticket": "PAY-9"},
        uncounted=[ignored],
        on_behalf_of=BOB,
    )
    lines = printed(*detail(found, [], zone=UTC, now=NOW)).splitlines()
    start = lines.index("  What was decided")
    told = [" ".join(line.split()) for line in lines[start + 1 : start + 4]]
    assert told == [
        '2026-11-23 09:07:11 acknowledged Bob Ray <bob@forge.example> "on it"',
        '2026-11-23 10:02:11 justified Bob Ray <bob@forge.example> "it had to be" PAY-9',
        f'2026-11-23 10:02:11 justified Bob Ray <bob@forge.example> "it had to be" does not count: {ignored["why"]}',
    ]
    assert any("for Bob Ray" in line for line in lines)


def test_a_finding_in_full_tells_until_when_it_is_due_and_what_hid_it() -> None:
    """Only while it is unsettled; an exclusion that ended says so."""
    lines = printed(*detail(override(review_due=LATE, exclusion=EXCLUDED), [], zone=UTC, now=NOW))
    assert "2026-11-23 11:00:00 UTC" in lines
    assert 'ended 2026-11-25 12:00:00, by bob@forge.example, "the bot does that all day"' in lines
    assert "review due" not in printed(*detail(override(review_due=LATE, status="resolved"), [], zone=UTC, now=NOW))


def test_what_exclusions_hide_is_counted() -> None:
    """By exclusion: what it hides, and what came after its end; a withdrawn finding is neither."""
    tally = Tally()
    for status in ("excluded", "excluded", "open", "withdrawn"):
        tally.add(override(status=status, exclusion=EXCLUDED))
    tally.add(override())
    (one,) = tally.rows()
    assert (one.hidden, one.returned) == (2, 1)
    assert "bob@forge.example" in printed(exclusion_table([one], now=NOW, zone=UTC))


def test_the_report_tells_the_review_of_each_override() -> None:
    """Its reason, its ticket, who reviewed it, and what is overdue; and what exclusions hide."""
    found = [
        override(status="justified", justified={**DECISION, "ticket": "PAY-9"}),
        override(review_due=LATE),
        override(review_due=SOON, status="acknowledged", acknowledged=DECISION),
        override(status="excluded", exclusion=EXCLUDED),
    ]
    html = page(figures([], found, ALWAYS), 7, now=NOW, window=ALWAYS, repository=None, zone=UTC)
    text = " ".join(html.replace("<", " <").split())
    for words in ("justified by Bob Ray", "PAY-9", "1 overdue for review", "since 2026-11-23", "Bob Ray takes care of it"):
        assert words in text
    assert html.count('class="overdue"') == 1
    assert "the bot does that all day" in html


@pytest.mark.stack
def test_findings_are_listed_by_how_they_stand(library: Library, pipetrail: Command) -> None:
    """`--open`, `--overdue` and `--exclusions`, as of now; what is hidden is counted."""
    repository = f"https://forge.example/{uuid4().hex}/decided"
    long_ago, long_ahead = "2020-01-01T00:00:00.000Z", "2199-01-01T00:00:00.000Z"
    states: list[dict[str, Any]] = [
        {"review_due": long_ago},
        {"review_due": long_ago, "status": "acknowledged", "acknowledged": DECISION},
        {"review_due": long_ago, "status": "justified", "justified": DECISION},
        {"review_due": long_ahead},
        {"status": "excluded", "exclusion": {**EXCLUDED, "expires": long_ahead}},
        {"status": "excluded", "exclusion": {**EXCLUDED, "expires": long_ago}},
    ]
    lines: list[str] = []
    for state in states:
        content = document(override(**state))
        content["pipetrail"]["finding"]["id"] = content["event"]["id"] = str(uuid4())
        content["vcs"]["repository"]["url"]["full"] = repository
        add(lines, FINDINGS_INDEX, content["event"]["id"], content)
    write(Writer(library.connection.as_user("admin")), "".join(lines))
    here = ("--repository", repository, "--json")
    for option, number in (("--open", 2), ("--overdue", 2), ("--status=unsettled", 4), ("--status=any", 6)):
        assert len(pipetrail("findings", *here, option).stdout.splitlines()) == number, option
    told = pipetrail("findings", *here)
    assert "1 of them is hidden by exclusions" in told.stderr
    counted = [json.loads(line) for line in pipetrail("findings", *here, "--exclusions").stdout.splitlines()]
    assert sorted((one["expired"], one["hidden"]) for one in counted) == [(False, 1), (True, 1)]


def test_an_exclusions_file_is_checked(tmp_path: Path) -> None:
    """What it excludes until when; exit 1 where one has expired, and an error with file and line where it is wrong."""
    file = tmp_path / "exclusions.yaml"
    line = "  - {{rules: [{rule}], actors: [bot], owner: bea, reason: known, expires: {expires}}}\n"
    file.write_text("exclusions:\n" + line.format(rule="forced-push", expires="2199-01-01T00:00:00Z"), encoding="utf-8")
    told = CliRunner().invoke(rules, ["exclusions", str(file)])
    assert (told.exit_code, "2199-01-01 00:00:00  forced-push  bea" in told.output) == (0, True)
    with file.open("a", encoding="utf-8") as more:
        more.write(line.format(rule="self-approval", expires="2020-01-01T00:00:00Z"))
    told = CliRunner().invoke(rules, ["exclusions", str(file)])
    assert (told.exit_code, "1 exclusion has expired" in told.stderr) == (1, True)
    with file.open("a", encoding="utf-8") as more:
        more.write(line.format(rule="nothing", expires="2020-01-01T00:00:00Z"))
    told = CliRunner().invoke(rules, ["exclusions", str(file)])
    assert "exclusions.yaml:4: exclusions.2.rules.0: 'nothing' is no rule" in str(told.exception)
