"""Counts the test cases of JUnit XML reports. Standard library only.

There is no standard; every writer agrees on `testcase` elements that hold `failure`, `error` or `skipped` when the case did not
pass, and on nothing else (the totals in `testsuite` are sometimes nested, sometimes summed, sometimes absent). So cases are
counted. Reports are input from outside: documents that define entities are refused, which is what attacks on XML parsers need.
"""

from collections.abc import Iterable
from glob import glob
from pathlib import Path
from xml.parsers import expat

from pipetrail_producers.errors import UnreadableInputError

_OUTCOMES = {"failure": "failed", "error": "errored", "skipped": "skipped"}
# Files and a test's start are stamped by different clocks on some file systems, to the second.
_CLOCK_SLACK_S = 2.0


def fresh(patterns: Iterable[str], since: float) -> tuple[list[Path], list[Path]]:
    """The reports that match glob patterns, parted into those written since a time (seconds since the epoch) and older ones.

    An older one is of another run: counting it would record tests that did not run now.
    """
    found = sorted({Path(name) for pattern in patterns for name in glob(pattern, recursive=True)})  # noqa: PTH207  # absolute patterns, too
    new = [path for path in found if path.is_file() and path.stat().st_mtime >= since - _CLOCK_SLACK_S]
    return new, [path for path in found if path not in new]


def count(paths: Iterable[Path]) -> dict[str, int]:
    """How many cases there are in all, and how many ended how: `pipetrail.test` of an event.

    Raises:
        UnreadableInputError: a file cannot be read, is no XML, or defines entities.
    """
    counts = {"total": 0, "passed": 0, "failed": 0, "errored": 0, "skipped": 0}
    for path in paths:
        try:
            with path.open("rb") as file:
                for outcome in _outcomes(file.read()):
                    counts["total"] += 1
                    counts[outcome] += 1
        except (OSError, expat.ExpatError) as exc:
            raise UnreadableInputError(f"test report {path}: {exc}") from exc
    return counts


def _outcomes(content: bytes) -> list[str]:
    outcomes: list[str] = []
    inside = False

    def start(name: str, _: dict[str, str]) -> None:
        nonlocal inside
        if name == "testcase":
            outcomes.append("passed")
            inside = True
        elif inside and name in _OUTCOMES and outcomes[-1] in {"passed", "skipped"}:
            outcomes[-1] = _OUTCOMES[name]

    def end(name: str) -> None:
        nonlocal inside
        inside = inside and name != "testcase"

    def refuse(*_: object) -> None:
        raise expat.ExpatError("defines entities, which no test report needs")

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.EntityDeclHandler = refuse
    parser.Parse(content, True)  # noqa: FBT003  # expat's own signature
    return outcomes
