"""Test reports are counted by their cases, whatever else they say, and do no harm."""

import os
from pathlib import Path

import pytest
from pipetrail_producers import junit
from pipetrail_producers.errors import UnreadableInputError

REPORT = """<?xml version="1.0"?>
<testsuites tests="99"><testsuite name="shop"><testsuite name="inner">
  <testcase name="passes"/>
  <testcase name="fails"><failure message="x"/></testcase>
  <testcase name="errs"><error>boom</error><system-out>failure</system-out></testcase>
  <testcase name="is skipped"><skipped/></testcase>
  <testcase name="fails, and its teardown errs"><failure/><error/></testcase>
</testsuite><error>not of a case</error></testsuite></testsuites>
"""
BOMB = """<!DOCTYPE a [<!ENTITY a "x"><!ENTITY b "&a;&a;&a;">]><testsuite><testcase name="&b;"/></testsuite>"""


def test_cases_are_counted(tmp_path: Path) -> None:
    """Each case counts once, by what it holds; totals and elements outside of cases count for nothing."""
    (tmp_path / "report.xml").write_text(REPORT)
    counts = junit.count([tmp_path / "report.xml"])
    assert counts == {"total": 5, "passed": 1, "failed": 2, "errored": 1, "skipped": 1}


def test_several_reports_are_added_up(tmp_path: Path) -> None:
    """The cases of all files are counted together."""
    for name in ("a.xml", "b.xml"):
        (tmp_path / name).write_text(REPORT)
    assert junit.count(sorted(tmp_path.iterdir()))["total"] == 10


@pytest.mark.parametrize("content", [BOMB, "<testsuite>", "", "no xml"])
def test_what_is_no_report_is_an_error_that_names_the_file(tmp_path: Path, content: str) -> None:
    """Entities, which attacks need, are refused, and so is what is no XML."""
    (tmp_path / "report.xml").write_text(content)
    with pytest.raises(UnreadableInputError, match=r"report\.xml"):
        junit.count([tmp_path / "report.xml"])


def test_reports_of_an_earlier_run_are_told_apart(tmp_path: Path) -> None:
    """Only what was written since the run began is of this run."""
    for name, written in (("old.xml", 1_000), ("new.xml", 2_000)):
        (tmp_path / name).write_text(REPORT)
        os.utime(tmp_path / name, (written, written))
    assert junit.fresh([f"{tmp_path}/**/*.xml"], 2_001) == ([tmp_path / "new.xml"], [tmp_path / "old.xml"])
