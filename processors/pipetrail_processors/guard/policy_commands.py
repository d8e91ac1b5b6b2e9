"""`pipetrail policy check` and `pipetrail policy explain`: what is wrong with a policy, and which of its lines decides."""

import json
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from pipetrail_schemas import ids
from pipetrail_schemas.times import now, parse_time

from pipetrail_processors.directory.reference import Reference, load_reference, no_reference
from pipetrail_processors.guard.asker import known
from pipetrail_processors.guard.decision import Decision, Question, decide
from pipetrail_processors.guard.policy import Policy
from pipetrail_processors.guard.roles import Action

DEFAULT = Path("pipetrail-policy.yaml")
_DENIED = 1
# What is done to an environment.
_OF_AN_ENVIRONMENT = frozenset({Action.DEPLOY, Action.ROLL_BACK})
policy_file = click.option(
    "--policy",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="PIPETRAIL_POLICY",
    default=DEFAULT,
    show_default=True,
    help="The policy file.",
)
reference_folder = click.option(
    "--reference",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="PIPETRAIL_PROCESS_REFERENCE_DIR",
    help="The folder of reference data, whose people have roles, too; none unless given.",
)


@click.group()
def policy() -> None:
    """Check the policy file, and ask it who may do what."""


@policy.command()
@policy_file
def check(path: Path) -> None:
    """Say what is wrong with the policy: exit 2 where it cannot be used, 1 where a calendar cannot, or something expired."""
    loaded = Policy.load(path)
    problems = list(_problems(loaded))
    for line, problem in problems:
        click.echo(f"{path}:{line}: {problem}", err=True)
    if problems:
        sys.exit(_DENIED)
    click.echo(
        f"{path} is fine: environments: {len(loaded.environments)}, lines of who may do what: {len(loaded.allow)}, "
        f"people: {len(loaded.people)}, groups: {len(loaded.groups)}, reviews: {len(loaded.reviews)}, "
        f"freeze windows: {len(loaded.freezes)}"
    )


@policy.command()
@policy_file
@reference_folder
@click.option("--actor", required=True, metavar="NAME", help="Who: id, name or e-mail address.")
@click.option("--action", required=True, type=click.Choice([action.value for action in Action]), help="What.")
@click.option("--environment", metavar="NAME", help="Where to, for what concerns an environment.")
@click.option("--repository", metavar="URL", help="In which repository; any if not said.")
@click.option("--at", "at", metavar="TIME", help="When, with a zone: 2026-11-23T09:00:00Z; now if not said.")
@click.option("--role", "roles", multiple=True, metavar="ROLE", help="A role that the event would carry.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a line.")
def explain(path: Path, folder: Path | None, actor: str, action: str, *, as_json: bool, **given: Any) -> None:
    """Say whether ACTOR may, and which line of the policy decides. Exits 0 for yes, 1 for no."""
    question = Question(
        actor={"name": actor},
        action=action,
        repository=_canonical(given["repository"]),
        environment=given["environment"] or "",
        time=moment_of(given["at"]),
        roles=given["roles"],
    )
    check_place(question)
    loaded = Policy.load(path)
    if question.roles and loaded.roles_from != "events":
        click.echo(f"{path}: --role does not count: what events say of roles counts with `roles_from: events` only", err=True)
    decision = decide(loaded, known(question, reference_of(folder)))
    click.echo(told(decision, path, as_json=as_json))
    if not decision.allowed:
        sys.exit(_DENIED)


def check_place(question: Question) -> None:
    """Refuse a question without its environment where that decides: nothing is allowed because something was not said.

    Raises:
        click.UsageError: there is none.
    """
    if question.action in _OF_AN_ENVIRONMENT and not question.environment:
        raise click.UsageError(f"{question.action} wants --environment: roles, freezes and required stages go by it")


def reference_of(folder: Path | None) -> Reference:
    """The reference data of the folder; none without one.

    Raises:
        SettingError: the folder or a file in it is wrong.
    """
    return load_reference(folder) if folder else no_reference()


def told(decision: Decision, path: Path, *, as_json: bool) -> str:
    """The decision for people, or as JSON."""
    if as_json:
        fields = {
            "allowed": decision.allowed,
            "judged": decision.judged,
            "why": decision.why,
            "control": decision.control or None,
        }
        return json.dumps({**fields, "policy": str(path), "line": decision.line}, ensure_ascii=False)
    where = f"{path}:{decision.line}: " if decision.line else ""
    return f"{'yes' if decision.allowed else 'no'}: {where}{decision.why}"


def moment_of(text: str | None) -> datetime:
    """The moment that is asked about; a usage error says what is allowed."""
    if text is None:
        return now()
    try:
        return parse_time(text)
    except ValueError as exc:
        raise click.UsageError(f"--at: {text!r} is no time with a zone, like 2026-11-23T09:00:00Z") from exc


def _canonical(url: str | None) -> str:
    try:
        return ids.canonical_repository(url) if url else ""
    except ValueError as exc:
        raise click.UsageError(f"--repository: {exc}") from exc


def _problems(loaded: Policy) -> Iterator[tuple[int, str]]:
    for number, window in enumerate(loaded.freezes):
        place = ("freezes", number)
        if window.problem:
            yield loaded.line(place) or 1, f"freezes.{number}: {window.problem}; it denies until that is mended"
        for index, exemption in enumerate(window.exceptions):
            if exemption.expires <= now():
                line = loaded.line((*place, "exceptions", index)) or 1
                yield line, f"freezes.{number}.exceptions.{index}: has expired; take it out ({exemption.reason})"
