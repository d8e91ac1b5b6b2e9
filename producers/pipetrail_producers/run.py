"""`pipetrail run -- CMD`: run a command and record that it ran, at no risk to it.

The command starts first; the event that it started is sent in the background meanwhile. Its exit code is passed on whatever
becomes of the events, unless `--strict` was given and one could be neither delivered nor spooled.
"""

import os
import shlex
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click
from pipetrail_schemas.errors import PipetrailError
from pipetrail_schemas.times import format_time, now
from pipetrail_schemas.types import Result, Skip

from pipetrail_producers import artifact as artifacts
from pipetrail_producers import child, junit
from pipetrail_producers.annotate import warn
from pipetrail_producers.build_event import said
from pipetrail_producers.ci.detect import detect
from pipetrail_producers.options import Common, common, gathered
from pipetrail_producers.patience import until_signalled
from pipetrail_producers.redact import Redactor
from pipetrail_producers.run_events import Plan, Sending, Told

# Stage → the subject whose started and finished events a run of it is; any other is a task of the pipeline.
_SUBJECTS = {"build": "build", "test": "testsuiterun", "deploy": "deployment"}
_TASK_TYPES = frozenset({"build", "test", "deploy"})  # OpenTelemetry's `cicd.pipeline.task.type`
_NOT_RECORDED = 1


@click.command(context_settings={"ignore_unknown_options": False})
@click.option("--name", metavar="TEXT", help="What it is called; the command's own name unless given.")
@click.option("--stage", metavar="NAME", help="The stage that it is: build, test, deploy, or one of the policy's.")
@click.option("--artifact", "made", type=click.Path(path_type=Path), multiple=True, help="A file that it makes: is recorded.")
@click.option("--junit", "reports", multiple=True, metavar="GLOB", help="JUnit XML reports that it writes: cases are counted.")
@click.option("--deploys", type=click.Path(path_type=Path), help="The file that it deploys: its digest is recorded.")
@click.option("--skip", is_flag=True, help="Do not run it, and record that it was skipped. --reason is required.")
@click.option("--no-capture", is_flag=True, help="Do not record the command's arguments.")
@click.option("--output-tail", type=click.IntRange(0, 1000), default=0, metavar="N", help="Record the last N lines of output.")
@click.option("--time-limit", type=click.FloatRange(min=0.001), metavar="S", help="End it after S seconds; exit code 124.")
@click.option("--strict", is_flag=True, help="Exit 1 when an event could be neither delivered nor spooled.")
@common
@click.argument("argv", nargs=-1, type=click.UNPROCESSED, metavar="-- CMD [ARG]...", required=True)
def run(
    *,
    argv: tuple[str, ...],
    name: str | None,
    stage: str | None,
    made: tuple[Path, ...],
    reports: tuple[str, ...],
    deploys: Path | None,
    output_tail: int,
    time_limit: float | None,
    skip: bool,
    no_capture: bool,
    strict: bool,
    **given: Any,
) -> None:
    """Run a command and record that it ran: when, how long, by whom, on which commit, and how it ended.

    The command's streams, signals and exit code are passed through.
    """
    said_here = gathered(given)
    if skip and not (given["reason"] or "").strip():
        raise click.UsageError("--reason is required with --skip: who skips says why")
    if stage == "deploy" and not (given["environment"] or os.environ.get("PIPETRAIL_ENVIRONMENT")):
        raise click.UsageError("--environment is required with --stage deploy")
    try:
        plan = _plan(
            list(argv),
            said_here,
            name=name or Path(argv[0]).name,
            stage=stage,
            made=made,
            reports=reports,
            deploys=deploys,
            captured=not no_capture,
        )
    except PipetrailError as exc:
        if skip:
            raise
        # What cannot be recorded is no reason not to run it.
        warn(os.environ, f"not recorded: {exc}")
        ended = child.run(argv, timeout_s=time_limit)
        sys.exit(ended.exit_code or (_NOT_RECORDED if strict else 0))
    if skip:
        sys.exit(_skip(plan, strict=strict))
    sys.exit(_run(plan, output_tail, time_limit, strict=strict))


def _plan(
    argv: list[str],
    said_here: Common,
    *,
    name: str,
    stage: str | None,
    made: tuple[Path, ...],
    reports: tuple[str, ...],
    deploys: Path | None,
    captured: bool,
) -> Plan:
    context = said(detect(os.environ, Path.cwd()), os.environ, **said_here.context)
    redactor = Redactor(os.environ)
    native_id = said_here.native_id or os.urandom(16).hex()
    values = {
        **said_here.values,
        "cicd.pipeline.task.name": name,
        "cicd.pipeline.task.type": stage if stage in _TASK_TYPES else None,
        "pipetrail.stage": stage,
        "pipetrail.command.argv": redactor.argv(argv) if captured else None,
        "deployment.name": name if stage == "deploy" else None,
        "deployment.id": native_id if stage == "deploy" else None,
    }
    data = {"artifact": artifacts.describe(deploys)} if deploys else {}
    return Plan(argv, stage, said_here, context, redactor, values, data, native_id, made, reports)


def _skip(plan: Plan, *, strict: bool) -> int:
    moment = plan.said_here.time or now()
    skipped = {"pipetrail.skip": Skip.ON_PURPOSE, "pipetrail.result": Result.SKIP}
    click.echo(f"pipetrail: skipped: {shlex.join(plan.redactor.argv(plan.argv))}", err=True)
    sending = Sending(plan, stdout_is_ours=True)
    with until_signalled() as cancelled:
        sending.finish([Told("taskrun.skipped", moment, skipped, plan.data)], cancelled)
    return _NOT_RECORDED if strict and not sending.recorded else 0


def _run(plan: Plan, output_tail: int, time_limit: float | None, *, strict: bool) -> int:
    begin = plan.said_here.time or now()
    began_s = time.time()
    subject = _SUBJECTS.get(plan.stage or "", "taskrun")
    sending = Sending(plan)
    start = {"event.start": format_time(begin)}
    first = Told(f"{subject}.started", begin, start, plan.data)
    ended = child.run(plan.argv, timeout_s=time_limit, tail_lines=output_tail, started=lambda: sending.begin(first))
    with until_signalled() as cancelled:  # the command's end is to be recorded, whoever wants us to end now
        end = begin + timedelta(microseconds=ended.duration_ns // 1000)
        outcome = start | _outcome(ended, end) | _tests(plan, began_s, ended, sending)
        told = [Told(f"{subject}.finished", end, outcome, plan.data)]
        if ended.result is Result.SUCCESS:
            made = sending.described(plan.artifacts)
            # Whatever the command's stage was: what it made belongs to the artifact's.
            own = {"pipetrail.stage": None}
            told += [Told("artifact.packaged", end, own, data, key=data["artifact"]["filename"]) for data in made]
        sending.finish(told, cancelled)
    if strict and not sending.recorded:
        return ended.exit_code or _NOT_RECORDED
    return ended.exit_code


def _outcome(ended: child.Ended, end: datetime) -> dict[str, Any]:
    return {
        "event.end": format_time(end),
        "event.duration": ended.duration_ns,
        "pipetrail.result": ended.result,
        "pipetrail.result_raw": f"exit {ended.exit_code}",
        "pipetrail.command.exit_code": ended.exit_code,
        "pipetrail.command.signal": ended.signal,
        "pipetrail.command.output_tail": ended.output_tail,
    }


def _tests(plan: Plan, began_s: float, ended: child.Ended, sending: Sending) -> dict[str, Any]:
    """What the test reports say; that there are none, or only old ones, is said.

    A command that ended well although a test failed, or none passed, did not succeed: the verdict is that of all parts.
    """
    if not plan.reports:
        return {}
    new, old = junit.fresh(plan.reports, began_s)
    if not new:
        where = f"{len(old)} from before this run" if old else "no file matches"
        warn(os.environ, f"no test report in {' '.join(plan.reports)}: {where}")
        return {}
    values: dict[str, Any] = {}

    def read() -> None:
        report = junit.read(new)
        values.update(report.values())
        if ended.result is Result.SUCCESS:
            values.update({"pipetrail.result": report.result, "pipetrail.skip": report.skip})

    sending.guarded(read)
    return values
