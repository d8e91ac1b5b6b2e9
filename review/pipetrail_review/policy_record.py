"""`pipetrail policy record`: an edit of the policy file, told as events, so that whoever weakens a control in it is found.

The file is compared with what it was at another commit. What is another setting is told in a `policy.changed`, those of freezes
in one of its own; whoever has other roles in a `role.changed` each. The same edit told twice is the same event, so that a
pipeline may run it on every push. The rules judge it: `policy-edited`, `calendar-edited`, `owner-added`, `role-overstepped`.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
from pipetrail_processors.guard import difference
from pipetrail_processors.guard.control import STRICTER, WEAKER
from pipetrail_processors.guard.difference import Change, RoleChange
from pipetrail_processors.guard.policy import Policy
from pipetrail_processors.guard.policy_commands import policy, policy_file
from pipetrail_producers.options import Common, common, gathered
from pipetrail_producers.outcome import event_of, record_events
from pipetrail_schemas.errors import SettingError

from pipetrail_review import git, options
from pipetrail_review.text import count, plain

__all__ = ["policy"]

_CONTROLS = {difference.POLICY: "pipetrail policy", difference.CALENDAR: "freeze calendar"}
# Rules keep so many labels of an event, and so much of each (`guard.details`).
_MOST_SETTINGS, _MOST_TEXT = 30, 300


@dataclass(frozen=True, slots=True)
class Edit:
    """The policy before and after, as texts; None where there was, or is, none."""

    path: Path
    before: str | None
    after: str | None

    def key_of(self, what: str) -> str:
        """The key of an event about it: the same for the same edit."""
        edit = hashlib.sha256(f"{self.before!r} {self.after!r}".encode()).hexdigest()[:32]
        return f"policy {self.path.name} {edit} {what}"

    def compared(self) -> tuple[list[Change], list[RoleChange]]:
        """What the edit altered. A policy that is not there governs nothing.

        Raises:
            SettingError: one of the two cannot be used; names line, field and what is allowed.
        """
        old, new = (_parsed(text, self.path) for text in (self.before, self.after))
        return difference.changes(old, new), difference.role_changes(old, new)


@policy.command("record")
@policy_file
@click.option("--since", "revision", metavar="REV", default="HEAD^", show_default=True, help="The commit to compare with.")
@common
def record(path: Path, revision: str, **given: Any) -> None:
    """Tell how the policy file was altered since REV, as events: settings, freezes, and who has other roles.

    For a pipeline that runs on pushes to the branch that the policy is read from. Nothing is told where nothing was altered.
    """
    edit = edit_of(path, revision)
    changes, roles = edit.compared()
    if not (changes or roles):
        options.note(f"{path} says the same as at {revision}")
        return
    for line in _lines(changes, roles):
        options.note(line)
    said_here = gathered(given)
    record_events(lambda: list(events_of(edit, changes, roles, said_here)), said_here)


def edit_of(path: Path, revision: str) -> Edit:
    """The file as it was at the revision, and as it is.

    Raises:
        SettingError: there is no such revision, or the file is neither there now nor was it then.
    """
    folder = path.parent
    if git.commit_of(revision, folder) is None:
        raise SettingError("--since", f"{revision!r} names no commit here; a pipeline may have to fetch more of the history")
    before = git.content_of(revision, path)
    try:
        after = path.read_text(encoding="utf-8") if path.exists() else None
    except (OSError, UnicodeDecodeError) as exc:
        raise SettingError("policy", f"{path} cannot be read: {exc}") from exc
    if before is None and after is None:
        raise SettingError("policy", f"{path} is not there, and was not at {revision}")
    return Edit(path, before, after)


def events_of(
    edit: Edit, changes: Sequence[Change], roles: Sequence[RoleChange], said_here: Common
) -> Iterator[Mapping[str, Any]]:
    """The events of an edit."""
    for of, control in _CONTROLS.items():
        settings = [one for one in changes if one.of == of]
        if settings:
            values = {"pipetrail.control": control, "event.action": "edited", **_labels(settings)}
            yield _event(edit.key_of(of), "policy.changed", values, said_here)
    for one in roles:
        for action, names in (("added", one.added), ("removed", one.removed)):
            if names:
                who: dict[str, Any] = {"user.target.name": one.who, "user.changes.roles": list(names)}
                yield _event(edit.key_of(f"{action} {one.who}"), "role.changed", {"event.action": action, **who}, said_here)


def _event(key: str, name: str, values: Mapping[str, Any], said_here: Common) -> Mapping[str, Any]:
    return event_of(replace(said_here, native_id=key), name, {**said_here.values, **values})


def _labels(settings: Sequence[Change]) -> dict[str, str]:
    """The settings before and after, the weaker ones first; and what is known of all of them together."""
    shown = sorted(settings, key=lambda one: one.effect != WEAKER)[:_MOST_SETTINGS]
    labels = {one.name.replace(".", " "): _told(one)[:_MOST_TEXT] for one in shown}
    if shown[0].effect == WEAKER:
        labels["weakened"] = "true"
    elif all(one.effect == STRICTER for one in settings):
        labels["strengthened"] = "true"
    return {f"pipetrail.labels.{name}": text for name, text in labels.items()}


def _told(change: Change) -> str:
    return f"{change.before or 'nothing'} → {change.after or 'nothing'}"


def _lines(changes: Sequence[Change], roles: Sequence[RoleChange]) -> Iterator[str]:
    for one in changes:
        yield f"{one.effect}: {plain(one.name)}: {plain(_told(one))}"
    for person in roles:
        told = [f"{word} {', '.join(names)}" for word, names in (("now", person.added), ("no more", person.removed)) if names]
        yield f"roles of {plain(person.who)}: {'; '.join(told)}"
    weaker = sum(one.effect == WEAKER for one in changes)
    yield f"{count(len(changes) + len(roles), 'alteration', 'alterations')}, {weaker} of them weaker"


def _parsed(text: str | None, path: Path) -> Policy:
    return Policy.parse(text, name=str(path)) if text is not None else Policy()
