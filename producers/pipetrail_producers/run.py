"""`pipetrail run -- CMD`: run a command and record that it ran, at no risk to it.

The command starts first; the event that it started is sent in the background meanwhile. Its exit code is passed on whatever
becomes of the events, unless `--strict` was given and one could be neither delivered nor spooled.
"""

import json
import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import click
from pipetrail_schemas.errors import PipetrailError
from pipetrail_schemas.times import format_time, now
from pipetrail_schemas.types import Result, Skip

from pipetrail_producers import artifact as artifacts
from pipetrail_producers import child
from pipetrail_producers.annotate import warn
from pipetrail_producers.build_event import Fact, build, said
from pipetrail_producers.ci.context import Context
from pipetrail_producers.ci.detect import detect
from pipetrail_producers.message import message_of
from pipetrail_producers.options import Common, common, gathered
from pipetrail_producers.recorder import Recorder
from pipetrail_producers.redact import Redactor

# Stage → the subject whose started and finished events a run of it is; any other is a task of the pipeline.
_SUBJECTS = {"build": "build", "test": "testsuiterun", "deploy": "deployment"}
_TASK_TYPES = frozenset({"build", "test", "deploy"})  # OpenTelemetry's `cicd.pipeline.task.type`
_NOT_RECORDED = 1


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is run, and what is said about it."""

    argv: list[str]
    stage: str | None
    said_here: Common
    context: Context
    values: Mapping[str, Any]
    data: Mapping[str, Any]
    native_id: str
    artifacts: tuple[Path, ...]


@click.command(context_settings={"ignore_unknown_options": False})
@click.option("--name", metavar="TEXT", help="What it is called; the command's own name unless given.")
@click.option("--stage", metavar="NAME", help="The stage that it is: build, test, deploy, or one of the policy's.")
@click.option("--artifact", "made", type=click.Path(path_type=Path), multiple=True, help="A file that it makes: is recorded.")
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
            deploys=deploys,
            captured=not no_capture,
        )
    except PipetrailError as exc:
        if skip:
            raise
        # What cannot be recorded is no reason not to run it.
        warn(os.environ, f"not recorded: {exc}")
        ended = child.run(argv, timeout_s=time_limit)
        sys.exit(_NOT_RECORDED if strict else ended.exit_code)
    if skip:
        sys.exit(_skip(plan))
    sys.exit(_run(plan, output_tail, time_limit, strict=strict))


def _plan(
    argv: list[str],
    said_here: Common,
    *,
    name: str,
    stage: str | None,
    made: tuple[Path, ...],
    deploys: Path | None,
    captured: bool,
) -> _Plan:
    context = said(detect(os.environ, Path.cwd()), os.environ, **said_here.context)
    values = {
        **said_here.values,
        "cicd.pipeline.task.name": name,
        "cicd.pipeline.task.type": stage if stage in _TASK_TYPES else None,
        "pipetrail.stage": stage,
        "pipetrail.command.argv": Redactor(os.environ).argv(argv) if captured else None,
        "deployment.name": name if stage == "deploy" else None,
    }
    data = {"artifact": artifacts.describe(deploys)} if deploys else {}
    native_id = said_here.native_id or os.urandom(16).hex()
    if stage == "deploy":
        values["deployment.id"] = native_id
    return _Plan(argv, stage, said_here, context, values, data, native_id, made)


def _skip(plan: _Plan) -> int:
    moment = plan.said_here.time or now()
    skipped = {"pipetrail.skip": Skip.ON_PURPOSE, "pipetrail.result": Result.SKIP}
    event = _event(plan, _Told("taskrun.skipped", moment, skipped, plan.data))
    if plan.said_here.dry_run:
        click.echo(json.dumps(event, ensure_ascii=False, indent=2))
        return 0
    click.echo(f"pipetrail: skipped, and recorded as such: {shlex.join(plan.argv)}", err=True)
    recorded = Recorder(os.environ, timeout_s=plan.said_here.timeout_s).finish([message_of(event)])
    if recorded.problem:
        warn(os.environ, f"the skip was not delivered: {recorded.problem}")
    return recorded.exit_code


def _run(plan: _Plan, output_tail: int, time_limit: float | None, *, strict: bool) -> int:
    begin = plan.said_here.time or now()
    subject = _SUBJECTS.get(plan.stage or "", "taskrun")
    sending = _Sending(plan)
    start = {"event.start": format_time(begin)}
    ended = child.run(
        plan.argv,
        timeout_s=time_limit,
        tail_lines=output_tail,
        started=lambda: sending.begin(_Told(f"{subject}.started", begin, start, plan.data)),
    )
    end = begin + timedelta(microseconds=ended.duration_ns // 1000)
    told = [_Told(f"{subject}.finished", end, {**start, **_outcome(ended, end)}, plan.data)]
    if ended.result is Result.SUCCESS:
        told += [_Told("artifact.packaged", end, {}, data) for data in sending.described(plan.artifacts)]
    recorded = sending.finish(told)
    return ended.exit_code if recorded or not strict else _NOT_RECORDED


def _outcome(ended: child.Ended, end: datetime) -> dict[str, Any]:
    return {
        "event.end": format_time(end),
        "event.duration": ended.duration_ns,
        "pipetrail.result": ended.result,
        "pipetrail.result_raw": f"exit {ended.exit_code}",
        "pipetrail.command.exit_code": ended.exit_code,
        "pipetrail.command.signal": ended.signal,
        "pipetrail.command.output_tail": ended.output_tail and Redactor(os.environ).text(ended.output_tail),
    }


class _Told(NamedTuple):
    """One event of the run, before it is built."""

    name: str
    time: datetime
    values: Mapping[str, Any]
    data: Mapping[str, Any]


def _event(plan: _Plan, told: _Told) -> dict[str, Any]:
    # Two artifacts of one run are two facts.
    native_id = f"{plan.native_id} {told.data['artifact']['filename']}" if told.name == "artifact.packaged" else plan.native_id
    values = {**plan.values, **told.values}
    return build(Fact(told.name, told.time, values, told.data, native_id), plan.context, recorded=now())


class _Sending:
    """Sends the events of one run; whatever goes wrong is said on stderr and never raised: the command's own end counts."""

    def __init__(self, plan: _Plan) -> None:
        self._plan = plan
        self._recorder: Recorder | None = None
        self._recorded = True

    def begin(self, told: _Told) -> None:
        """Send the first event in the background."""
        try:
            event = _event(self._plan, told)
            if self._plan.said_here.dry_run:
                _print(event)
                return
            self._recorder = Recorder(os.environ, timeout_s=self._plan.said_here.timeout_s)
            self._recorder.begin([message_of(event)])
        except PipetrailError as exc:
            self._lost(exc)

    def finish(self, told: list[_Told]) -> bool:
        """Send the last events and wait for all; True when all are delivered or spooled."""
        try:
            events = [_event(self._plan, one) for one in told]
            if self._plan.said_here.dry_run:
                for event in events:
                    _print(event)
                return self._recorded
            recorder = self._recorder or Recorder(os.environ, timeout_s=self._plan.said_here.timeout_s)
            recorded = recorder.finish([message_of(event) for event in events])
        except PipetrailError as exc:
            self._lost(exc)
        else:
            if recorded.problem:
                warn(os.environ, f"{recorded.spooled} events not delivered: {recorded.problem}")
        return self._recorded

    def described(self, files: tuple[Path, ...]) -> list[dict[str, Any]]:
        """The artifacts that were made; one that is not there is said and left out."""
        found = []
        for file in files:
            try:
                found.append({"artifact": artifacts.describe(file)})
            except PipetrailError as exc:
                self._lost(exc)
        return found

    def _lost(self, exc: PipetrailError) -> None:
        self._recorded = False
        warn(os.environ, f"not recorded: {exc}")


def _print(event: dict[str, Any]) -> None:
    # On stderr: stdout is the command's.
    click.echo(json.dumps(event, ensure_ascii=False, indent=2), err=True)
