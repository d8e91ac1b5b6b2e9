"""`pipetrail test-report`: record what a test run's JUnit XML reports say, where the tests were not run by `pipetrail run`."""

from typing import Any

import click

from pipetrail_producers import junit
from pipetrail_producers.errors import UnreadableInputError
from pipetrail_producers.options import gathered, printing
from pipetrail_producers.outcome import record

_STAGE = "test"


@click.command("test-report")
@click.argument("reports", nargs=-1, required=True, metavar="FILE|GLOB...")
@click.option("--name", metavar="TEXT", help="What the tests are called; the CI's job unless given.")
@click.option("--stage", metavar="NAME", default=_STAGE, show_default=True, help="The stage of the policy that they are.")
@printing
def test_report(reports: tuple[str, ...], name: str | None, stage: str, **given: Any) -> None:
    """Record what JUnit XML reports say: how many cases ended how, which failed, and what the skips mean.

    All reports together are one test run. It failed when a case did; it was skipped when none passed.
    """
    said_here = gathered(given)
    paths = junit.matching(reports)
    if not paths:
        raise UnreadableInputError(f"no test report: no file matches {' '.join(reports)}")
    report = junit.read(paths)
    values = {
        **said_here.values,
        **report.values(),
        "pipetrail.result": report.result,
        "pipetrail.skip": report.skip,
        "pipetrail.stage": stage,
        "event.duration": report.duration_ns,
        "cicd.pipeline.task.name": name,
        "cicd.pipeline.task.type": "test",
    }
    record(said_here, "testsuiterun.finished", values)
