"""`pipetrail check`: the gate for commits, as a commit-msg hook and over a range in CI. click only."""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import click

from pipetrail_producers import git
from pipetrail_producers.build_event import said
from pipetrail_producers.ci.detect import detect
from pipetrail_producers.policy import gather, report
from pipetrail_producers.policy.judge import OVERRIDE_TRAILER, Verdict, judge
from pipetrail_producers.policy.outlets import Outlets
from pipetrail_producers.policy.rules import Policy
from pipetrail_producers.policy.settings import load_policy
from pipetrail_producers.recorder import Recorder

_REFUSED = 1
_HOW_TO_OVERRIDE = f"To let it through all the same, commit with PIPETRAIL_OVERRIDE_REASON=… or a line `{OVERRIDE_TRAILER}: …`."
_MUST_STAY = "what was let through must stay on record"


@click.command()
@click.argument("message_file", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False)
@click.option("--range", "span", metavar="A..B", help="Judge the commits of a range. In CI, unless given: those of the change.")
@click.option("--rules", type=click.Path(dir_okay=False, path_type=Path), help="Read the rules from this file.")
@click.option("--override", metavar="REASON", envvar="PIPETRAIL_OVERRIDE_REASON", help="Let it through, and say why.")
@click.option("--collector", metavar="URL", help="Send the verdicts to this collector, not to Kafka.")
@click.option("--no-record", is_flag=True, help="Send no verdicts.")
@click.option("--events", type=click.File("wb"), help="Write the verdicts as events to a file, too, one JSON object a line.")
@click.option("--json", "as_json", is_flag=True, help="Print the verdicts as JSON.")
def check(
    *,
    message_file: Path | None,
    span: str | None,
    rules: Path | None,
    override: str | None,
    collector: str | None,
    events: IO[bytes] | None,
    no_record: bool,
    as_json: bool,
) -> None:
    """Judge commits by the rules of the repository.

    With MESSAGE_FILE, as git's commit-msg hook calls it, the message that is being written; else the commits of a range, and
    then each verdict is an event, where a broker or a collector is configured. The rules stand in .pipetrail-commits.toml or in
    [tool.pipetrail.commits] of pyproject.toml. Exit code 1: something is refused.
    """
    if message_file and span:
        raise click.UsageError("MESSAGE_FILE and --range exclude each other")
    here = Path.cwd()
    policy = load_policy(git.checkout(os.environ, here).top or here, rules)
    reason = (override or "").strip() or None
    if message_file:
        verdicts = [_judge_message(here, message_file, policy, reason)]
    else:
        recorder = None if no_record else Recorder(os.environ, collector=collector)
        outlets = Outlets(recorder if recorder and recorder.leads_somewhere else None, events)
        if reason and not outlets:
            raise click.UsageError(f"--override over a range needs a broker, a collector or --events: {_MUST_STAY}")
        context = said(detect(os.environ, here), os.environ)
        verdicts = _judge_range(here, span or gather.default_range(context), policy, reason)
        told = outlets.tell(verdicts, context)
        if reason and not told and any(verdict.override for verdict in verdicts):
            raise click.UsageError(f"--override: {_MUST_STAY}, and it could not be recorded")
    _report(verdicts, may_override=policy.override, as_json=as_json)
    if not all(verdict.passes for verdict in verdicts):
        sys.exit(_REFUSED)


def _judge_message(here: Path, file: Path, policy: Policy, reason: str | None) -> Verdict:
    (subject,) = gather.with_tickets([gather.of_message(here, file)], policy, os.environ)
    verdict = judge(subject, policy, reason)
    if reason and verdict.override:
        # The gate in CI has to know, too: the reason goes where the commit goes.
        gather.add_trailer(here, file, OVERRIDE_TRAILER, " ".join(reason.split()))
    return verdict


def _judge_range(here: Path, span: str, policy: Policy, reason: str | None) -> list[Verdict]:
    found = gather.of_range(here, span, verify=policy.signature == "good")
    return [judge(subject, policy, reason) for subject in gather.with_tickets(found, policy, os.environ)]


def _report(verdicts: Sequence[Verdict], *, may_override: bool, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps([report.as_dict(verdict) for verdict in verdicts], ensure_ascii=False))
        return
    passed = all(verdict.passes for verdict in verdicts)
    for line in report.lines(verdicts):
        click.echo(line, err=not passed)
    if not passed and may_override:
        click.echo(_HOW_TO_OVERRIDE, err=True)
