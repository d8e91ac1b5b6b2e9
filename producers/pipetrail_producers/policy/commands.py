"""`pipetrail check`: the gate for commits, as a commit-msg hook and over a range in CI. click only."""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import click
from pipetrail_schemas.times import now

from pipetrail_producers import git
from pipetrail_producers.ci.context import Context
from pipetrail_producers.ci.detect import detect
from pipetrail_producers.policy import gather, report
from pipetrail_producers.policy.judge import OVERRIDE_TRAILER, Verdict, judge
from pipetrail_producers.policy.rules import Policy
from pipetrail_producers.policy.settings import load_policy
from pipetrail_producers.policy.verdict_event import events_of

_REFUSED = 1
_HOW_TO_OVERRIDE = f"To let it through all the same, commit with PIPETRAIL_OVERRIDE_REASON=… or a line `{OVERRIDE_TRAILER}: …`."


@click.command()
@click.argument("message_file", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False)
@click.option("--range", "span", metavar="A..B", help="Judge the commits of a range. In CI, unless given: those of the change.")
@click.option("--rules", type=click.Path(dir_okay=False, path_type=Path), help="Read the rules from this file.")
@click.option("--override", metavar="REASON", envvar="PIPETRAIL_OVERRIDE_REASON", help="Let it through, and say why.")
@click.option("--events", type=click.File("wb"), help="Write the verdicts as events to a file, one JSON object a line.")
@click.option("--json", "as_json", is_flag=True, help="Print the verdicts as JSON.")
def check(
    message_file: Path | None,
    span: str | None,
    rules: Path | None,
    override: str | None,
    events: IO[bytes] | None,
    *,
    as_json: bool,
) -> None:
    """Judge commits by the rules of the repository.

    With MESSAGE_FILE, as git's commit-msg hook calls it, the message that is being written; else the commits of a range. The
    rules stand in .pipetrail-commits.toml or in [tool.pipetrail.commits] of pyproject.toml. Exit code 1: something is refused.
    """
    if message_file and span:
        raise click.UsageError("MESSAGE_FILE and --range exclude each other")
    reason = (override or "").strip() or None
    if reason and not message_file and not events:
        raise click.UsageError("--override over a range needs --events: what was let through must stay on record")
    here = Path.cwd()
    policy = load_policy(git.checkout(os.environ, here).top or here, rules)
    if message_file:
        verdicts = [_judge_message(here, message_file, policy, reason)]
    else:
        context = detect(os.environ, here)
        verdicts = _judge_range(here, span or gather.default_range(context), policy, reason)
        _write_events(events, verdicts, context)
    _report(verdicts, may_override=policy.override, as_json=as_json)
    if not all(verdict.passes for verdict in verdicts):
        sys.exit(_REFUSED)


def _judge_message(here: Path, file: Path, policy: Policy, reason: str | None) -> Verdict:
    verdict = judge(gather.of_message(here, file), policy, reason)
    if reason and verdict.override:
        # The gate in CI has to know, too: the reason goes where the commit goes.
        gather.add_trailer(here, file, OVERRIDE_TRAILER, " ".join(reason.split()))
    return verdict


def _judge_range(here: Path, span: str, policy: Policy, reason: str | None) -> list[Verdict]:
    found = gather.of_range(here, span, verify=policy.signature == "good")
    return [judge(subject, policy, reason) for subject in found]


def _write_events(stream: IO[bytes] | None, verdicts: Sequence[Verdict], context: Context) -> None:
    if stream is None:
        return
    moment = now()
    for verdict in verdicts:
        for event in events_of(verdict, context, moment):
            stream.write(json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")


def _report(verdicts: Sequence[Verdict], *, may_override: bool, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps([report.as_dict(verdict) for verdict in verdicts], ensure_ascii=False))
        return
    passed = all(verdict.passes for verdict in verdicts)
    for line in report.lines(verdicts):
        click.echo(line, err=not passed)
    if not passed and may_override:
        click.echo(_HOW_TO_OVERRIDE, err=True)
