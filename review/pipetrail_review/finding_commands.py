"""`pipetrail finding ack|justify|resolve|reopen`: somebody's decision about a finding, recorded as an event like any other.

The finding is looked up, so that its id may be shortened and the event reaches whoever knows it. With the whole id and
--repository nothing is looked up: a decision can be recorded while OpenSearch is away. What the decision makes of the finding
is for the processor and the policy to say; `pipetrail findings ID` shows it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import click
from pipetrail_processors.trail.people import same_person
from pipetrail_producers.options import Common, deciding, gathered
from pipetrail_producers.outcome import event_of, record_events
from pipetrail_schemas.check import lookup
from pipetrail_schemas.errors import SettingError
from pipetrail_schemas.event import Uuid
from pipetrail_schemas.finding import Finding
from pipetrail_schemas.ids import canonical_repository
from pydantic import TypeAdapter, ValidationError

from pipetrail_review import options
from pipetrail_review.documents import finding_of
from pipetrail_review.errors import ReviewError, UnreachableError
from pipetrail_review.findings import find_finding

# What an event about a finding says; what else this place knows (branch, commit, environment) is about something else.
_SAID = ("event", "user", "cicd")
_SAID_OF_PIPETRAIL = ("actor", "delivery", "finding", "labels", "ticket")
_CLOSING = frozenset({"finding.justified", "finding.resolved"})
_UNKNOWN_ACTOR = "who decides is not known: say it with --actor, or let git know your user.name"
_WITHOUT_LOOKUP = "with --repository URL and the finding's whole id nothing is looked up"
_Decorator = Callable[[Callable[..., None]], click.Command]


@dataclass(frozen=True, slots=True)
class About:
    """What a decision is about: the finding's id, where it belongs, and the finding itself where it was looked up."""

    id: str
    repository: str | None
    key: str | None = None
    commit: str | None = None
    finding: Finding | None = None


@click.group()
def finding() -> None:
    """Decide about a finding: take care of it, justify it, resolve it, reopen it. Every decision is recorded."""


def _verb(name: str, summary: str) -> _Decorator:
    def wrapped(function: Callable[..., None]) -> click.Command:
        repository = click.option(
            "--repository", metavar="URL", help="The finding's repository; with it and the whole id nothing is looked up."
        )
        named = click.argument("finding_id", metavar="ID")
        return finding.command(name, short_help=summary)(named(repository(deciding(function))))

    return wrapped


@_verb("ack", "Say that you take care of it.")
def ack(finding_id: str, repository: str | None, **given: Any) -> None:
    """Say that you take care of the finding ID (or its first digits). Nobody else is called about it then."""
    _decide("finding.acknowledged", finding_id, repository, given)


@_verb("justify", "Say why it was right.")
def justify(finding_id: str, repository: str | None, **given: Any) -> None:
    """Say why what was found was right: the review after the fact. By default not for an override of your own."""
    _decide("finding.justified", finding_id, repository, given)


@_verb("resolve", "Say that its cause is gone.")
def resolve(finding_id: str, repository: str | None, **given: Any) -> None:
    """Say that the cause of the finding is gone. By default not for an override of your own."""
    _decide("finding.resolved", finding_id, repository, given)


@_verb("reopen", "Open it anew.")
def reopen(finding_id: str, repository: str | None, **given: Any) -> None:
    """Open a finding anew that was acknowledged, justified or resolved."""
    _decide("finding.reopened", finding_id, repository, given)


def event_about(about: About, name: str, said_here: Common) -> Mapping[str, Any]:
    """The event of a decision.

    Raises:
        click.UsageError: nobody is named who decides.
        InvalidEventError: the event would be invalid.
        SettingError: a setting is malformed.
    """
    context = {**said_here.context, "repository": about.repository}
    event = dict(event_of(replace(said_here, context=context), name, {**said_here.values, "pipetrail.finding.id": about.id}))
    if not event["data"].get("user"):
        raise click.UsageError(_UNKNOWN_ACTOR)
    data = {part: event["data"][part] for part in _SAID if part in event["data"]}
    own = event["data"]["pipetrail"]
    data["pipetrail"] = {part: own[part] for part in _SAID_OF_PIPETRAIL if part in own}
    if about.repository:
        data["vcs"] = {"repository": event["data"]["vcs"]["repository"]}
        if about.commit:
            data["vcs"]["ref"] = {"head": {"revision": about.commit}}
    return {**event, "partitionkey": about.repository or about.key, "data": data}


def _decide(name: str, finding_id: str, repository: str | None, given: dict[str, Any]) -> None:
    if not (given["reason"] or "").strip():
        raise click.UsageError("--reason is required: a decision without a reason tells nobody anything")
    said_here = gathered(given)
    about = _about(finding_id.strip().lower(), repository)

    def events() -> list[Mapping[str, Any]]:
        event = event_about(about, name, said_here)
        if name in _CLOSING and _is_own(about.finding, event):
            options.note("this is an override of your own: your word does not count, unless the policy says that it does")
        return [event]

    record_events(events, said_here)


def _about(finding_id: str, repository: str | None) -> About:
    try:
        canonical = canonical_repository(repository) if repository else None
    except ValueError as exc:
        raise click.UsageError(f"--repository: {exc}") from exc
    if canonical and _is_whole(finding_id):
        return About(finding_id, canonical)
    try:
        with options.client() as client:
            found = finding_of(find_finding(client, finding_id))
    except (UnreachableError, SettingError) as exc:
        raise ReviewError(f"{exc}; {_WITHOUT_LOOKUP}") from exc
    state, vcs = found.pipetrail.finding, found.vcs
    known = vcs.repository.url.full if vcs and vcs.repository and vcs.repository.url else None
    if canonical and canonical != known:
        raise click.UsageError(f"--repository: the finding is one of {known or 'no repository'}, not of {canonical}")
    if not known and not state.key:
        raise ReviewError(f"the finding {state.id} names neither a repository nor a key: it cannot be decided about")
    head = vcs.ref.head if vcs and vcs.ref else None
    return About(state.id, known, state.key, head.revision if head else None, found)


def _is_whole(finding_id: str) -> bool:
    try:
        TypeAdapter(Uuid).validate_python(finding_id)
    except ValidationError:
        return False
    return True


def _is_own(found: Finding | None, event: Mapping[str, Any]) -> bool:
    if found is None or found.pipetrail.finding.category != "override":
        return False
    doers = [found.user, found.pipetrail.finding.on_behalf_of]
    deciders = [lookup(event, "data.user"), lookup(event, "data.pipetrail.actor.on_behalf_of")]
    return any(
        same_person(decider, doer.model_dump(include={"id", "name", "email"}, exclude_none=True))
        for decider in deciders
        for doer in doers
        if decider and doer
    )
