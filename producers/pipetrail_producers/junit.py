"""Reads JUnit XML reports: how many cases ended how, which failed, and what the skips meant. Standard library only.

There is no standard; every writer agrees on `testcase` elements that hold `failure`, `error` or `skipped` when the case did not
pass, and on nothing else (the totals in `testsuite` are sometimes nested, sometimes summed, sometimes absent). So cases are
counted. GoogleTest alone marks what it did not run by `status="notrun"`. Reports are input from outside: documents that define
entities are refused, which is what attacks on XML parsers need.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from glob import glob
from pathlib import Path
from typing import Any
from xml.parsers import expat

from pipetrail_schemas.types import Result, Skip

from pipetrail_producers.errors import UnreadableInputError
from pipetrail_producers.skip_meaning import meaning

_OUTCOMES = {"failure": "failed", "error": "errored", "skipped": "skipped"}
# Files and a test's start are stamped by different clocks on some file systems, to the second.
_CLOCK_SLACK_S = 2.0
# Who has more failures than this reads the report; an event must stay a message.
MAX_FAILURES = 100
# Characters of a name and of a message: a line or two. What is longer ends with a mark that says so.
_MAX_NAME, _MAX_MESSAGE = 500, 1000
_CUT = " […]"
# Of what a run skipped as a whole, the meaning that has to be explained most.
_WORST = (Skip.NEVER_RAN, Skip.ON_PURPOSE, Skip.NEUTRAL, Skip.NOT_REQUIRED)
_NS = 1_000_000_000
# What one case can take, seconds (30 years); more is a broken clock. And what a field can hold.
_MAX_SECONDS, _MAX_LONG = 1e9, 2**63 - 1


@dataclass(slots=True)
class Case:
    """One test case of a report."""

    name: str
    suite: str
    status: str
    seconds: float
    outcome: str = "passed"
    kind: str = ""
    message: str = ""


@dataclass(slots=True)
class Report:
    """What reports say together. `failures` are the first MAX_FAILURES of the cases that failed or erred."""

    counts: dict[str, int] = field(default_factory=lambda: {"total": 0, "passed": 0, "failed": 0, "errored": 0, "skipped": 0})
    skips: dict[Skip, int] = field(default_factory=dict)
    failures: list[dict[str, str]] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def result(self) -> Result:
        """Failure when a case failed; skip when none passed: what was not tested is not green."""
        if self.counts["failed"] or self.counts["errored"]:
            return Result.FAILURE
        return Result.SUCCESS if self.counts["passed"] else Result.SKIP

    @property
    def skip(self) -> Skip | None:
        """What it means that no case passed and none failed; None where one did."""
        if self.result is not Result.SKIP:
            return None
        return next((one for one in _WORST if self.skips.get(one)), Skip.NEVER_RAN)

    def values(self) -> dict[str, Any]:
        """`pipetrail.test` of an event, by dotted paths."""
        values: dict[str, Any] = {f"pipetrail.test.{name}": number for name, number in self.counts.items()}
        values |= {f"pipetrail.test.skips.{skip}": number for skip, number in self.skips.items()}
        return values | ({"pipetrail.test.failures": self.failures} if self.failures else {})

    @property
    def duration_ns(self) -> int | None:
        """What the cases took, one after the other, in nanoseconds; None where the reports do not say."""
        return min(round(self.seconds * _NS), _MAX_LONG) or None

    def add(self, case: Case) -> None:
        """Count a case."""
        self.counts["total"] += 1
        self.counts[case.outcome] += 1
        self.seconds += case.seconds
        if case.outcome == "skipped":
            skip = meaning(case.kind, case.message, case.status)
            self.skips[skip] = self.skips.get(skip, 0) + 1
        elif case.outcome != "passed" and len(self.failures) < MAX_FAILURES:
            told = {"name": case.name, "suite": case.suite, "message": _short(case.message, _MAX_MESSAGE)}
            self.failures.append({name: text for name, text in told.items() if text})


def fresh(patterns: Iterable[str], since: float) -> tuple[list[Path], list[Path]]:
    """The reports that match glob patterns, parted into those written since a time (seconds since the epoch) and older ones.

    An older one is of another run: counting it would record tests that did not run now.
    """
    found = matching(patterns)
    new = [path for path in found if path.stat().st_mtime >= since - _CLOCK_SLACK_S]
    return new, [path for path in found if path not in new]


def matching(patterns: Iterable[str]) -> list[Path]:
    """The files that match glob patterns (`**` for any depth), each once, in the order of their names."""
    found = {Path(name) for pattern in patterns for name in glob(pattern, recursive=True)}  # noqa: PTH207  # absolute patterns, too
    return sorted(path for path in found if path.is_file())


def read(paths: Iterable[Path]) -> Report:
    """What reports say together.

    Raises:
        UnreadableInputError: a file cannot be read, is no XML, or defines entities.
    """
    report = Report()
    for path in paths:
        try:
            with path.open("rb") as file:
                _Parser(report).expat.ParseFile(file)
        except (OSError, expat.ExpatError, LookupError, ValueError) as exc:  # an encoding that is not known, or not kept to
            raise UnreadableInputError(f"test report {path}: {exc}") from exc
    return report


class _Parser:
    """Adds the cases of one document to a report as they end."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._suites: list[str] = []
        self._case: Case | None = None
        self._telling = False
        self.expat = expat.ParserCreate()
        self.expat.buffer_text = True
        self.expat.StartElementHandler = self._start
        self.expat.EndElementHandler = self._end
        self.expat.CharacterDataHandler = self._characters
        self.expat.EntityDeclHandler = self._refuse

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "testsuite":
            self._suites.append(attributes.get("name", "").strip())
        elif name == "testcase":
            self._case = self._begun(attributes)
        elif self._case is not None and name in _OUTCOMES and self._case.outcome in {"passed", "skipped"}:
            self._case.outcome = _OUTCOMES[name]
            self._case.kind = attributes.get("type", "")
            self._case.message = attributes.get("message", "")
            self._telling = not self._case.message

    def _begun(self, attributes: dict[str, str]) -> Case:
        suite = attributes.get("classname", "").strip() or next((name for name in reversed(self._suites) if name), "")
        name = attributes.get("name", "").strip() or suite or "(no name)"
        return Case(_short(name, _MAX_NAME), _short(suite, _MAX_NAME), attributes.get("status", ""), _seconds(attributes))

    def _end(self, name: str) -> None:
        if name == "testsuite" and self._suites:
            self._suites.pop()
        elif name in _OUTCOMES:
            self._telling = False
        elif name == "testcase" and self._case is not None:
            if self._case.outcome == "passed" and self._case.status == "notrun":
                self._case.outcome, self._case.message = "skipped", "disabled"
            self._report.add(self._case)
            self._case = None

    def _characters(self, text: str) -> None:
        if self._telling and self._case is not None and len(self._case.message) <= _MAX_MESSAGE:
            self._case.message += text.lstrip() if not self._case.message else text

    def _refuse(self, *_: object) -> None:
        raise expat.ExpatError("defines entities, which no test report needs")


def _seconds(attributes: dict[str, str]) -> float:
    try:
        seconds = float(attributes.get("time", "").replace(",", ""))
    except ValueError:
        return 0.0
    return seconds if 0 < seconds < _MAX_SECONDS else 0.0


def _short(text: str, longest: int) -> str:
    text = text.strip()
    return text if len(text) <= longest else text[: longest - len(_CUT)] + _CUT
