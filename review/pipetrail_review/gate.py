"""`pipetrail gate ACTION`: asks the policy before the deed, in a pipeline. Exit 0 goes on, 1 stops, 2 is wrong usage.

It asks the policy file, for roles and freezes, and the reference data for who asks. Where OpenSearch is set, it asks the trails
as well, before a deployment or a merge: whether required stages passed, approvals count, the artifact is known (`beforehand`).
What is not there yet is waited for, since events take a moment. It says what it did not ask, and why.

`--override --reason` goes on although the answer is no; that it did is recorded as an event like any other override, and found
by the rules. Where the event cannot be delivered it is spooled, and where OpenSearch does not answer the pipeline goes on: the
audit stops no delivery.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic, sleep
from typing import Any, NamedTuple

import click
from pipetrail_processors.detect.ruleset import RuleSet
from pipetrail_processors.directory.reference import Reference
from pipetrail_processors.guard.asker import known
from pipetrail_processors.guard.decision import Decision, Question, decide
from pipetrail_processors.guard.policy import Policy
from pipetrail_processors.guard.policy_commands import check_place, policy_file, reference_folder, reference_of, told
from pipetrail_processors.guard.roles import Action
from pipetrail_producers.options import Common, gathered, printing
from pipetrail_producers.outcome import event_of, record
from pipetrail_producers.recorder import EXIT_SPOOLED
from pipetrail_schemas import connection
from pipetrail_schemas.check import lookup
from pipetrail_schemas.errors import InvalidEventError
from pipetrail_schemas.times import parse_time

from pipetrail_review import options
from pipetrail_review.beforehand import DEEDS, Judges, history, judged
from pipetrail_review.client import Client, Document
from pipetrail_review.errors import ReviewError

_STOPPED = 1
_TRAIL = "trail"
_CONTROLS = {"role": "role matrix", "freeze": "freeze", _TRAIL: "delivery gate"}
# Seconds: a pipeline waits, and goes on without an answer.
_TIMEOUT_S = 10.0
_LOOK_EVERY_S = 1.0
# Seconds: an event is indexed within two, and whoever asks right after the build asks before that.
_WAIT_S = 10.0


@click.command()
@click.argument("action", metavar="ACTION", type=click.Choice([action.value for action in Action]))
@policy_file
@reference_folder
@click.option(
    "--override", "overriding", is_flag=True, help="Go on although the policy says no; wants --reason, and is recorded."
)
@click.option("--no-trails", is_flag=True, envvar="PIPETRAIL_GATE_NO_TRAILS", help="Ask the policy alone, not the trails.")
@click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(0, 300),
    default=_WAIT_S,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for what the trails do not say yet.",
)
@options.rules_option("rules")
@options.exclusions_option
@printing
def gate(action: str, path: Path, folder: Path | None, *, overriding: bool, **given: Any) -> None:
    """Ask whether ACTION may be done here and now, by the policy and the trails. Exits 0 for yes and 1 for no.

    Who asks, for which repository and commit, is what the CI system or git say, unless told by --actor, --repository and
    --commit. Before a merge, --field vcs.change.id=17 says which change.

    ACTION: commit, merge, approve, build, run_manually, skip_stage, override_gate, deploy, roll_back, change_protection,
    change_roles, edit_calendar or edit_policy; deploy and roll_back want --environment.
    """
    if overriding and not (given["reason"] or "").strip():
        raise click.UsageError("--override wants --reason: an override without a reason is what pipetrail is there to find")
    said_here = gathered(given)
    values = {**said_here.values, "event.action": f"gate.{action}"}
    # The event that an override would be says who asks, where and when, as every other event of this place does.
    asked = question_of(action, event_of(said_here, "policy.bypassed", {**values, "pipetrail.control": "gate"}))
    check_place(asked)
    loaded, reference = Policy.load(path), reference_of(folder)
    decision, not_asked = decide(loaded, known(asked, reference, given["service"] or "")), ""
    if decision.allowed and (wanted := _wanted(loaded, asked)):
        looked = _look(said_here, action, values, (loaded, reference), given)
        not_asked = f"{wanted} ({looked.why})" if looked.why else ""
        if not looked.why:
            decision = decision._replace(why=f"{decision.why}; its trail has nothing against it")
        if looked.found:
            decision = Decision(False, True, "; ".join(looked.found), None, _TRAIL)  # noqa: FBT003 - named
    click.echo(told(decision, path, as_json=said_here.as_json), err=not said_here.as_json)
    if decision.allowed:
        if not_asked:
            click.echo(f"not asked here: {not_asked}; rules judge that afterwards, from what was told", err=True)
        if overriding:
            click.echo("pipetrail gate: there was nothing to override; nothing is recorded", err=True)
        return
    if not overriding:
        sys.exit(_STOPPED)
    _pass_over(said_here, values, decision)


def _pass_over(said_here: Common, values: Mapping[str, Any], decision: Decision) -> None:
    """Record that somebody goes on although the answer is no."""
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


def _wanted(policy: Policy, question: Question) -> str:
    """What matters for the deed beside roles and freezes, and what only the events that were told can answer."""
    if question.action == Action.DEPLOY and question.environment:
        environment = policy.environment(question.repository, question.environment)
        stages = environment.require if environment else ()
        return f"whether {', '.join(stages)} passed" if stages else "whether a build or test of it failed"
    if question.action == Action.MERGE:
        return "whether the change has the approvals that it needs"
    return ""


class _Looked(NamedTuple):
    """What the trails say against it, or why they were not asked."""

    found: Sequence[str] = ()
    why: str = ""


def _look(
    said_here: Common, action: str, values: Mapping[str, Any], by: tuple[Policy, Reference], given: Mapping[str, Any]
) -> _Looked:
    """Ask the trails until they have nothing against it, or the wait is over. That they do not answer stops no delivery.

    Raises:
        SettingError: where they are, or what to judge by, is set wrongly.
    """
    if given["no_trails"]:
        return _Looked(why="--no-trails")
    try:
        deed: Document = dict(event_of(said_here, DEEDS[action], values))
        if action == Action.DEPLOY and not (lookup(deed, "data.vcs.ref.head.revision") or lookup(deed, "data.artifact.hash")):
            return _Looked(why="neither commit nor artifact is named: --commit, --field artifact.hash=…")
        services = connection.load()
        if services.opensearch is None:
            return _Looked(why="no OpenSearch is set")
        judges = Judges(by[0], RuleSet.load(given["rules"], given["exclusions"]), by[1])
        end = monotonic() + given["wait_s"]
        with Client(services.opensearch, timeout_s=_TIMEOUT_S) as client:
            while (found := judged(history(client, deed), deed, judges)) and monotonic() < end:
                sleep(_LOOK_EVERY_S)
    except InvalidEventError as exc:
        unnamed = action == Action.MERGE and "vcs.change.id" in str(exc)
        return _Looked(why="no change is named: --field vcs.change.id=…" if unnamed else str(exc))
    except ReviewError as exc:
        return _Looked(why=str(exc))
    return _Looked(found)


def _told(decision: Decision) -> dict[str, str]:
    labels = {"pipetrail.labels.denied": decision.why[:1000]}
    if decision.line:
        labels["pipetrail.labels.policy_line"] = str(decision.line)
    return labels
