"""Test reports are read by their cases, whatever else they say, and do no harm."""

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipetrail_producers import junit
from pipetrail_producers.build_event import put
from pipetrail_producers.errors import UnreadableInputError
from pipetrail_producers.skip_meaning import meaning
from pipetrail_schemas import check
from pipetrail_schemas.types import Result, Skip

REPORT = """<?xml version="1.0"?>
<testsuites tests="99"><testsuite name="shop"><testsuite name="inner">
  <testcase name="passes" time="0.25"/>
  <testcase name="fails" classname="shop.Cart" time="1,000.5"><failure message="x"/></testcase>
  <testcase name="errs"><error>
    boom</error><system-out>failure</system-out></testcase>
  <testcase name="is skipped"><skipped/></testcase>
  <testcase name="fails, and its teardown errs"><failure>first</failure><error>second</error></testcase>
</testsuite><error>not of a case</error></testsuite></testsuites>
"""
BOMB = """<!DOCTYPE a [<!ENTITY a "x"><!ENTITY b "&a;&a;&a;">]><testsuite><testcase name="&b;"/></testsuite>"""


def read(folder: Path, content: str) -> junit.Report:
    """The report of one file."""
    (folder / "report.xml").write_text(content)
    return junit.read([folder / "report.xml"])


def test_cases_are_counted(tmp_path: Path) -> None:
    """Each case counts once, by what it holds; totals and elements outside of cases count for nothing."""
    report = read(tmp_path, REPORT)
    assert report.counts == {"total": 5, "passed": 1, "failed": 2, "errored": 1, "skipped": 1}
    assert report.duration_ns == 1_000_750_000_000


def test_failures_are_listed_with_what_they_said(tmp_path: Path) -> None:
    """Name, class (else suite) and message of each, in the report's order; the first verdict of a case is the one told."""
    assert read(tmp_path, REPORT).failures == [
        {"name": "fails", "suite": "shop.Cart", "message": "x"},
        {"name": "errs", "suite": "inner", "message": "boom"},
        {"name": "fails, and its teardown errs", "suite": "inner", "message": "first"},
    ]


def test_many_or_long_failures_stay_within_a_message(tmp_path: Path) -> None:
    """The counts are whole, the list is bounded, and a text that was cut says so."""
    case = f"<testcase name='{'n' * 9999}'><failure>{'m' * 99_999}</failure></testcase>"
    report = read(tmp_path, f"<testsuite>{case * 200}</testsuite>")
    assert (report.counts["failed"], len(report.failures)) == (200, junit.MAX_FAILURES)
    assert all(text.endswith("[…]") and len(text) <= 1000 for text in report.failures[0].values())


@pytest.mark.parametrize(
    ("cases", "result", "skip"),
    [
        ("<testcase/><testcase><skipped/></testcase>", Result.SUCCESS, None),
        ("<testcase/><testcase><error/></testcase>", Result.FAILURE, None),
        ("", Result.SKIP, Skip.NEVER_RAN),
        ("<testcase><skipped/></testcase>", Result.SKIP, Skip.ON_PURPOSE),
        ("<testcase><skipped type='pytest.xfail'/></testcase>", Result.SKIP, Skip.NEUTRAL),
        ("<testcase status='notrun'/>", Result.SKIP, Skip.ON_PURPOSE),
    ],
)
def test_what_did_not_pass_is_not_green(tmp_path: Path, cases: str, result: Result, skip: Skip | None) -> None:
    """A run without a passing case is a skip, in the meaning that has to be explained most."""
    report = read(tmp_path, f"<testsuite>{cases}</testsuite>")
    assert (report.result, report.skip) == (result, skip)


@pytest.mark.parametrize(
    ("kind", "message", "status", "expected"),
    [
        ("pytest.skip", "flaky, see PAY-7", "", Skip.ON_PURPOSE),
        ("", "", "", Skip.ON_PURPOSE),
        ("", "disabled", "notrun", Skip.ON_PURPOSE),
        ("", "", "notrun", Skip.NEVER_RAN),
        ("", "Unable to find executable: /build/cart_test", "notrun", Skip.NEVER_RAN),
        ("org.testng.SkipException", "depends on method login which has failed", "", Skip.NEVER_RAN),
        ("", "beforeAll hook failed", "", Skip.NEVER_RAN),
        ("", "cancelled: fail-fast", "", Skip.NEVER_RAN),
        ("pytest.xfail", "known bug", "", Skip.NEUTRAL),
        ("org.opentest4j.TestAbortedException", "Assumption failed: no network", "", Skip.NEUTRAL),
        ("pytest.skip", "only on windows", "", Skip.NOT_REQUIRED),
        ("pytest.skip", "requires Linux", "", Skip.NOT_REQUIRED),
        ("", "not applicable to this edition", "", Skip.NOT_REQUIRED),
    ],
)
def test_the_four_meanings_of_a_skip(kind: str, message: str, status: str, expected: Skip) -> None:
    """What a skip means is read from what frameworks write; what says nothing was decided by somebody."""
    assert meaning(kind, message, status) is expected


def test_several_reports_are_added_up(tmp_path: Path) -> None:
    """The cases of all files are counted together, and a file that two patterns match once."""
    for name in ("a.xml", "b.xml"):
        (tmp_path / name).write_text(REPORT)
    found = junit.matching([f"{tmp_path}/*.xml", f"{tmp_path}/**/a.xml"])
    assert junit.read(found).counts["total"] == 10


@pytest.mark.parametrize("content", [BOMB, "<testsuite>", "", "no xml", "<?xml version='1.0' encoding='nothing'?><testsuite/>"])
def test_what_is_no_report_is_an_error_that_names_the_file(tmp_path: Path, content: str) -> None:
    """Entities, which attacks need, are refused, and so is what is no XML."""
    with pytest.raises(UnreadableInputError, match=r"report\.xml"):
        read(tmp_path, content)


_PARTS = [
    *("<testsuite name='s'>", "<testsuite name=' '>", "</testsuite>", "</testcase>", "<testcase name=' ' classname='\t'>"),
    *(
        "<testcase time='nan'>",
        "<testcase name='' time='1e999'/>",
        "<testcase time='99999999'/>",
        "<testcase status='notrun'/>",
    ),
]
_INSIDE = ["<failure/>", "<error message='m'/>", "<skipped>s</skipped>", "<failure>", "</failure>", "text", "<a/>", "&amp;"]


@given(st.lists(st.sampled_from(_PARTS + _INSIDE), max_size=12))
def test_whatever_a_report_holds_it_is_refused_or_makes_a_valid_event(
    tmp_path_factory: pytest.TempPathFactory, parts: list[str]
) -> None:
    """No report raises anything but the project's own error; the outcomes sum to the total, and the contract accepts them."""
    try:
        report = read(tmp_path_factory.getbasetemp(), f"<r>{''.join(parts)}</r>")
    except UnreadableInputError:
        return
    counts = dict(report.counts)
    assert counts.pop("total") == sum(counts.values())
    assert sum(report.skips.values()) == counts["skipped"]
    data: dict[str, Any] = {}
    for path, value in {**report.values(), "pipetrail.result": report.result, "event.duration": report.duration_ns}.items():
        put(data, path, value)
    assert list(check.problems("testsuiterun.finished", data)) == []


def test_reports_of_an_earlier_run_are_told_apart(tmp_path: Path) -> None:
    """Only what was written since the run began is of this run."""
    for name, written in (("old.xml", 1_000), ("new.xml", 2_000)):
        (tmp_path / name).write_text(REPORT)
        os.utime(tmp_path / name, (written, written))
    assert junit.fresh([f"{tmp_path}/**/*.xml"], 2_001) == ([tmp_path / "new.xml"], [tmp_path / "old.xml"])
