"""`pipetrail gate ACTION`: asks the policy before the deed, in a pipeline. Exit 0 goes on, 1 stops, 2 is wrong usage.

`--override --reason` goes on although the policy says no; that it did is recorded as an event like any other override, and
found by the rules. It asks the policy file alone, for roles and freezes, and says what it did not ask: whether required stages
passed and approvals are there is known to the forge and to the trails. Where the event cannot be delivered it is spooled, and
the pipeline goes on: the audit stops no delivery.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from pipetrail_processors.guard.decision import Decision, Question, decide
from pipetrail_processors.guard.policy import Policy
from pipetrail_processors.guard.policy_commands import policy_file, told
from pipetrail_processors.guard.roles import Action
from pipetrail_producers.options import gathered, printing
from pipetrail_producers.outcome import event_of, record
from pipetrail_producers.recorder import EXIT_SPOOLED
from pipetrail_schemas.check import lookup
from pipetrail_schemas.times import parse_time

_STOPPED = 1
_CONTROLS = {"role": "role matrix", "freeze": "freeze"}


@click.command()
@click.argument("action", type=click.Choice([action.value for action in Action]))
@policy_file
@click.option(
    "--override", "overriding", is_flag=True, help="Go on although the policy says no; wants --reason, and is recorded."
)
@printing
def gate(action: str, path: Path, *, overriding: bool, **given: Any) -> None:
    """Ask the policy whether ACTION may be done here and now. Exits 0 for yes and 1 for no.

    Who asks, for which repository, is what the CI system or git say, unless told by --actor and --repository.
    """
    if overriding and not (given["reason"] or "").strip():
        raise click.UsageError("--override wants --reason: an override without a reason is what pipetrail is there to find")
    said_here = gathered(given)
    values = {**said_here.values, "event.action": f"gate.{action}"}
    # The event that an override would be says who asks, where and when, as every other event of this place does.
    asked = question_of(action, event_of(said_here, "policy.bypassed", {**values, "pipetrail.control": "gate"}))
    loaded = Policy.load(path)
    decision = decide(loaded, asked)
    click.echo(told(decision, path, as_json=said_here.as_json), err=not said_here.as_json)
    if decision.allowed:
        if not_asked := _not_asked(loaded, asked):
            click.echo(f"not asked here: {not_asked}; rules judge that afterwards, from what was told", err=True)
        if overriding:
            click.echo("pipetrail gate: there was nothing to override; nothing is recorded", err=True)
        return
    if not overriding:
        sys.exit(_STOPPED)
    try:
        record(said_here, "policy.bypassed", {**values, "pipetrail.control": _CONTROLS[decision.control], **_told(decision)})
    except SystemExit as exc:
        if exc.code not in {None, 0, EXIT_SPOOLED}:
            raise


def question_of(action: str, event: Mapping[str, Any]) -> Question:
    """What is asked of the policy, out of the event that an override of it would be."""
    data = event["data"]
    user, behalf = data.get("user") or {}, lookup(data, "pipetrail.actor.on_behalf_of") or {}
    return Question(
        actor=behalf or {name: user[name] for name in ("id", "name", "email") if user.get(name)},
        action=action,
        repository=lookup(data, "vcs.repository.url.full") or "",
        environment=lookup(data, "deployment.environment.name") or "",
        time=parse_time(event["time"]),
        roles=user.get("roles") or (),
    )


def _not_asked(policy: Policy, question: Question) -> str:
    """What the policy wants of the deed beside roles and freezes, and what only the events that were told can answer."""
    if question.action == Action.DEPLOY and question.environment:
        environment = policy.environment(question.repository, question.environment)
        stages = environment.require if environment else ()
        return f"whether {', '.join(stages)} passed" if stages else ""
    if question.action == Action.MERGE and any(needs.approvals for needs in policy.reviews):
        return "whether the change has the approvals that it needs"
    return ""


def _told(decision: Decision) -> dict[str, str]:
    labels = {"pipetrail.labels.denied": decision.why[:1000]}
    if decision.line:
        labels["pipetrail.labels.policy_line"] = str(decision.line)
    return labels
