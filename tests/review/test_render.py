"""Tests of what a trail, a list and a finding look like on a terminal, to the letter."""

from collections.abc import Iterable
from datetime import UTC, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipetrail_review.detail import detail
from pipetrail_review.kinds import DEAD_LETTERS, EVENTS, FINDINGS, TRAILS, Kind
from pipetrail_review.render import timeline
from pipetrail_review.tables import readable, short_ids, table
from pipetrail_schemas.trail import Trail
from rich.console import RenderableType
from support.deliveries import ANN, BOB, NOW, digest, document, entry, finding, finding_ref, record, skipped_tests, trail
from support.printed import printed


def test_a_trail_reads_as_a_timeline() -> None:
    """Each event is a line; a start whose end is known is told by the end; the override stands beside what it holds for."""
    made, _ = skipped_tests()
    assert printed(timeline(made, now=NOW, zone=UTC)) == (
        'Trail 191a53e  "fix: retry on 503"                      1 override\n'
        "  09:02:11  commit    191a53e   Ann Lee  PAY-17\n"
        "  09:06:40  build     wheel     passed  4.2s\n"
        '  09:07:02  test      unit      skipped by Ann Lee, "hotfix"               high  required stage skipped\n'
        "  09:07:06  artifact  shop.whl  packaged  sha256:8d9001d32c6a\n"
        "  09:07:30  deploy    prod      succeeded by Ann Lee  sha256:8d9001d32c6a\n"
    )


def test_a_narrow_terminal_gets_its_findings_below_what_they_hold_for() -> None:
    """Where the columns do not fit beside each other, no line is wider than the terminal and no word is cut."""
    made, _ = skipped_tests()
    text = printed(timeline(made, now=NOW, zone=UTC), width=60)
    expected = [
        'Trail 191a53e  "fix: retry on 503"',
        "  1 override",
        "  09:02:11  commit    191a53e  Ann Lee  PAY-17",
        "  09:06:40  build     wheel  passed  4.2s",
        '  09:07:02  test      unit  skipped by Ann Lee, "hotfix"',
        "                      high  required stage skipped",
        "  09:07:06  artifact  shop.whl  packaged",
        "                      sha256:8d9001d32c6a",
        "  09:07:30  deploy    prod  succeeded by Ann Lee",
        "                      sha256:8d9001d32c6a",
    ]
    assert text.splitlines() == expected


def test_in_full_a_trail_says_where_it_is_from_and_what_was_found() -> None:
    """`show` adds repository, branch and zone, every start, and each finding's title and id."""
    made, found = skipped_tests()
    text = printed(timeline(made, now=NOW, zone=UTC, full=True))
    assert "  https://forge.example/pay/shop  main  times in UTC\n" in text
    assert "  09:06:35  build     wheel     started\n" in text
    assert f"\n\n  high  Ann Lee skipped the tests of what went to prod  {found.pipetrail.finding.id[:8]}\n" in text


def test_the_date_stands_where_it_changes() -> None:
    """A trail that is not of today says its days."""
    made = trail("days", [entry("days", "commit.recorded", 0), entry("days", "build.finished", 86_400, result="failure")])
    text = printed(timeline(made, now=NOW + timedelta(days=3), zone=UTC))
    assert [line for line in text.splitlines() if line.startswith("  2026")] == ["  2026-11-23", "  2026-11-24"]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"kind": "taskrun.skipped", "skip": "on_purpose", "actor": ANN}, "skipped by Ann Lee"),
        ({"kind": "taskrun.skipped", "skip": "never_ran"}, "never ran"),
        ({"kind": "taskrun.finished", "skip": "neutral", "result": "skip"}, "ran, did not judge"),
        ({"kind": "taskrun.skipped", "skip": "not_required"}, "not required"),
        ({"kind": "taskrun.finished", "result": "success"}, "passed"),
        ({"kind": "build.finished", "result": "failure"}, "failed"),
        ({"kind": "testsuiterun.finished", "result": "timeout"}, "timed out"),
        ({"kind": "build.finished", "result": "cancellation"}, "cancelled"),
        ({"kind": "deployment.rolledback", "environment": "prod", "actor": BOB}, "rolled back by Bob Ray"),
        ({"kind": "approval.decided", "decision": "approved", "actor": BOB, "environment": "prod"}, "approved by Bob Ray"),
        (
            {"kind": "approval.decided", "decision": "rejected", "actor": BOB, "reason": "too late"},
            'rejected by Bob Ray, "too late"',
        ),
        ({"kind": "policy.bypassed", "name": "two reviews", "actor": {"id": "17"}, "reason": "x"}, 'bypassed by 17, "x"'),
        ({"kind": "push.received", "actor": {"email": "a@b.example"}}, "pushed by a@b.example"),
    ],
)
def test_every_outcome_has_words_of_its_own(fields: dict[str, object], words: str) -> None:
    """What was skipped never reads like what passed, and who did it is named where it was a decision."""
    kind = str(fields.pop("kind"))
    text = printed(timeline(trail("one", [entry("one", kind, 0, **fields)]), now=NOW, zone=UTC))
    assert text.splitlines()[1].endswith(f"  {words}")


def test_a_build_that_started_twice_and_ended_once_still_shows_a_start() -> None:
    """An end takes one start along, not all: what never ended stays visible."""
    entries = [
        entry("s", "build.started", 1),
        entry("s", "build.started", 2),
        entry("s", "build.finished", 9, result="success"),
    ]
    text = printed(timeline(trail("s", entries), now=NOW, zone=UTC))
    assert [line.split()[-1] for line in text.splitlines()[1:]] == ["started", "passed"]


def test_what_was_found_at_a_start_stands_at_the_end_that_tells_it() -> None:
    """A deployment is judged by its start; where the start is not shown, its finding is not lost."""
    start = entry("found", "deployment.started", 0, name="shop", environment="prod", stage="deploy")
    end = entry("found", "deployment.finished", 5, name="shop", environment="prod", stage="deploy", result="success")
    found = finding_ref(start, "deployed-although-failed")
    text = printed(timeline(trail("found", [start, end], findings=[found]), now=NOW, zone=UTC))
    assert [line for line in text.splitlines() if "deployed although failed" in line and "succeeded" in line]


def test_findings_that_read_alike_are_counted() -> None:
    """Three stages that are missing at one deployment are one line with their number, not three that look the same."""
    at = entry("n", "deployment.finished", 0, environment="prod", result="success")
    refs = [finding_ref(at, id=str(number), title=f"no {number}") for number in range(3)]
    text = printed(timeline(trail("n", [at], findings=refs), now=NOW, zone=UTC))
    assert text.splitlines()[1].endswith("succeeded  high  required stage skipped (3)")


def test_a_trail_that_was_emptied_by_a_merge_still_prints() -> None:
    """An alias's trail whose events have moved on has a heading and no lines."""
    content = document(skipped_tests()[0])
    content["pipetrail"]["trail"] |= {"entries": [], "stages": [], "findings": [], "overrides": 0}
    text = printed(timeline(Trail.model_validate(content), now=NOW, zone=UTC, full=True))
    assert text.splitlines() == [
        'Trail 191a53e  "fix: retry on 503"',
        "  https://forge.example/pay/shop  main  times in UTC",
    ]


# A repository's URL holds no control characters below U+0080, by schema; above it can.
HOSTILE_URL = "https://forge.example/x\u202e\x9b1A"
HOSTILE = "x\x1b[2J\x1b]0;owned\x07\u202e\x9b1A\r\nForged  high"


def hostile() -> Trail:
    """A trail whose every text tries to take over the terminal."""
    person = {"name": HOSTILE, "email": HOSTILE, "id": HOSTILE}
    one = entry("h", "deployment.finished", 0, name=HOSTILE, reason=HOSTILE, environment=HOSTILE, actor=person, digest=HOSTILE)
    refs = [finding_ref(one, rule=HOSTILE, title=HOSTILE)]
    return trail("h", [one], message=HOSTILE, ticket=HOSTILE, repository=HOSTILE_URL, findings=refs)


def everything(made: Trail) -> Iterable[RenderableType]:
    """Every way in which the terminal shows a trail, its events and its findings."""
    at = made.pipetrail.trail.entries[0].model_dump(mode="json", exclude_none=True)
    found = finding(made, at, rule=HOSTILE, title=HOSTILE, runbook=[HOSTILE])
    letter = {
        "@timestamp": at["time"],
        "error": {"message": HOSTILE},
        "pipetrail": {"dead_letter": {"topic": HOSTILE, "stage": HOSTILE, "partition": HOSTILE, "offset": 1}},
    }
    yield timeline(made, now=NOW, zone=UTC, full=True)
    yield from detail(found, [record(made, at)], zone=UTC, now=NOW)
    for kind, content in (
        (EVENTS, record(made, at)),
        (TRAILS, document(made)),
        (FINDINGS, document(found)),
        (DEAD_LETTERS, letter),
    ):
        yield table(kind, [content], zone=UTC)


def test_no_text_of_an_event_reaches_the_terminal_as_a_command() -> None:
    """Escape sequences, carriage returns and bidirectional overrides from documents are shown, never sent."""
    text = printed(*everything(hostile()))
    assert not {"\x1b", "\x07", "\x9b", "\r", "\u202e"} & set(text)
    assert "\\x1b[2J" in text
    assert not [line for line in text.splitlines() if line.startswith("Forged")]


def test_colour_comes_only_where_it_is_wanted() -> None:
    """With colour there are escape sequences, ours; without, in a pipe or under NO_COLOR there are none."""
    made, _ = skipped_tests()
    assert "\x1b[31m" in printed(timeline(made, now=NOW, zone=UTC), color=True)
    assert "\x1b" not in printed(timeline(made, now=NOW, zone=UTC))


@given(st.integers(min_value=24, max_value=140))
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    """Whatever the width, from a watch to a wall, every line fits, and none ends in blanks."""
    made, _ = skipped_tests()
    lines = printed(timeline(made, now=NOW, zone=UTC, full=True), width=width).splitlines()
    assert max(map(len, lines)) <= width
    assert [line for line in lines if line != line.rstrip()] == []


def test_a_finding_in_full_tells_who_what_when_where_why_and_what_to_do() -> None:
    """Everything that a person needs to act stands on one screen, with the evidence as far as it is indexed."""
    made, found = skipped_tests()
    shown = made.pipetrail.trail.entries[3].model_dump(mode="json", exclude_none=True)
    text = printed(*detail(found, [record(made, shown)], zone=UTC, now=NOW))
    assert (
        f"Finding {found.pipetrail.finding.id[:8]}  high  required stage skipped  open\n"
        "  Ann Lee skipped the tests of what went to prod\n"
        "\n"
        "  who     Ann Lee <ann@forge.example>\n"
        "  when    2026-11-23 09:07:02 UTC\n"
        "  where   https://forge.example/pay/shop, commit 191a53e, environment prod\n"
        '  why     "hotfix"\n'
        "  ticket  PAY-17\n"
        "  rule    required-stage-skipped, version 1, category override\n"
        f"  id      {found.pipetrail.finding.id}\n"
        f"  trail   pipetrail show {made.pipetrail.trail.id}\n"
        "\n"
        "  Why it matters\n"
        "    Untested code reached people.\n"
        "\n"
        "  What to do\n"
        "    1.  Ask Ann Lee why.\n"
        "    2.  Run the tests of this commit.\n"
        "\n"
        "  Evidence\n"
        '    2026-11-23 09:07:02  test  unit  skipped by Ann Lee, "hotfix"\n'
    ) == text
    assert f"    not indexed  event  {shown['event_id']}\n" in printed(*detail(found, [], zone=UTC, now=NOW))


def test_a_finding_in_full_tells_the_labels_of_its_events() -> None:
    """What an edit of the policy altered, or why a gate had said no, stands there; each once, and harmless."""
    made, found = skipped_tests()
    shown = record(made, made.pipetrail.trail.entries[3].model_dump(mode="json", exclude_none=True))
    shown["pipetrail"]["labels"] = {"weakened": "true", "allow deploy": f"nobody → everybody {HOSTILE}"}
    text = printed(*detail(found, [shown, shown], zone=UTC, now=NOW))
    told = text.partition("  What its events say besides\n")[2].splitlines()
    assert [line.split("  ")[2] for line in told] == ["allow deploy", "weakened"]
    assert "nobody → everybody" in told[0]
    assert "\x1b" not in text


def test_lists_have_the_columns_that_matter() -> None:
    """One line a document, with headings; skipped stages are told apart by sign and word."""
    made, found = skipped_tests()
    events = [record(made, one.model_dump(mode="json", exclude_none=True)) for one in made.pipetrail.trail.entries]
    assert "2026-11-23 09:06:40  build.finished       pay/shop    191a53e  wheel     passed" in printed(
        table(EVENTS, events, zone=UTC)
    )
    assert "build ✓ passed  test ⊘ skipped  artifact ✓ recorded  deploy ✓ succeeded  1 override" in printed(
        table(TRAILS, [document(made)], zone=UTC)
    )
    assert printed(table(FINDINGS, [document(found)], zone=UTC)).splitlines()[1].startswith(found.pipetrail.finding.id[:8])


@pytest.mark.parametrize("kind", [EVENTS, TRAILS, FINDINGS, DEAD_LETTERS])
def test_junk_in_an_index_hides_nothing_else(kind: Kind) -> None:
    """What somebody wrote straight into an index is left out with its reason; what is sound is listed."""
    made, found = skipped_tests()
    sound = {
        EVENTS: record(made, made.pipetrail.trail.entries[0].model_dump(mode="json", exclude_none=True)),
        TRAILS: document(made),
        FINDINGS: document(found),
        DEAD_LETTERS: {"@timestamp": "2026-11-23T09:00:00Z", "error": {"message": "no JSON"}},
    }[kind]
    good, reasons = readable(kind, [{"note": "from somebody"}, sound, {"@timestamp": "soon"}])
    assert (good, len(reasons)) == ([sound], 2)
    assert len(printed(table(kind, good, zone=UTC)).splitlines()) == 2


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("@timestamp", "soon"),
        ("pipetrail.type", ["a", "list"]),
        ("pipetrail.stage", {"build": 1}),
        ("pipetrail.commit.message", 5),
        ("pipetrail.ticket.id", ["PAY-17"]),
        ("vcs.ref.head.revision", 7),
        ("vcs.repository.url.full", {"a": "b"}),
    ],
)
def test_an_event_with_a_field_of_another_shape_is_named_with_its_field(path: str, value: object) -> None:
    """Where a text is expected and something else stands, the reason says where, and nothing breaks."""
    made, _ = skipped_tests()
    spoilt = record(made, made.pipetrail.trail.entries[0].model_dump(mode="json", exclude_none=True))
    *parents, name = path.split(".")
    place: dict[str, Any] = spoilt
    for parent in parents:
        place = place.setdefault(parent, {})
    place[name] = value
    good, (reason,) = readable(EVENTS, [spoilt])
    assert good == []
    assert ("time" if path == "@timestamp" else path) in reason


def test_a_trail_without_a_commit_is_called_by_its_artifact() -> None:
    """What is known by its digest only is named by it."""
    made = trail("unknown", [entry("unknown", "deployment.finished", 0, environment="prod", result="success")], message=None)
    content = document(made)
    del content["vcs"]["ref"]
    content["artifact"] = {"hash": digest("unknown")}
    text = printed(timeline(Trail.model_validate(content), now=NOW, zone=UTC))
    assert text.startswith(f"Trail {digest('unknown')[:18]}…\n")


def test_short_ids_stay_apart() -> None:
    """Ids are as short as eight digits allow, and longer where two would look alike."""
    assert short_ids(["a" * 32]) == {"a" * 32: "a" * 8}
    alike = ["a" * 10 + "b" * 22, "a" * 10 + "c" * 22]
    assert list(short_ids(alike).values()) == ["a" * 10 + "b", "a" * 10 + "c"]
