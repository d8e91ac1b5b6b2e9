"""The options that the recording commands share, and what they mean for an event. click only."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import click
from pipetrail_schemas import check
from pipetrail_schemas.errors import InvalidEventError
from pipetrail_schemas.times import parse_time

from pipetrail_producers.errors import UnreadableInputError

_Command = TypeVar("_Command", bound=Callable[..., Any])

_LABELS = "pipetrail.labels"


class Moment(click.ParamType):
    """An RFC 3339 time with its zone."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The moment; a usage error says what is allowed."""
        try:
            return parse_time(str(value))
        except ValueError:
            self.fail(f"{value!r} is no time with a zone, like 2026-11-23T09:02:11Z", param, ctx)


@dataclass(frozen=True, slots=True)
class Common:
    """What was said on the command line: fields of the context, fields of the event, and how to send it."""

    context: Mapping[str, str | None]
    values: Mapping[str, Any] = field(default_factory=dict)
    time: datetime | None = None
    native_id: str | None = None
    dry_run: bool = False
    timeout_s: float | None = None
    collector: str | None = None
    as_json: bool = False


_ACTOR = click.option("--actor", metavar="NAME", help="Who did it; else the CI's actor or git's user.name.")
_REASON = click.option("--reason", metavar="TEXT", help="Why.")
_TICKET = click.option("--ticket", metavar="ID", envvar="PIPETRAIL_TICKET", help="The ticket that says why.")
_LABEL = click.option("--label", "labels", multiple=True, metavar="NAME=TEXT", help="A label of your own: team=payments.")
_CONTEXT_OPTIONS = (
    click.option("--repository", metavar="URL", help="The repository it is about; else what the CI system or git say."),
    click.option("--commit", metavar="SHA", help="The commit it is about; else what the CI system or git say."),
    _ACTOR,
    click.option("--environment", metavar="NAME", help="The environment that it is about."),
)
_VALUE_OPTIONS = (
    _REASON,
    _TICKET,
    click.option("--service", metavar="NAME", help="The service that it is about."),
    _LABEL,
    click.option("--field", "fields", multiple=True, metavar="PATH=VALUE", help="Any field of data: vcs.change.id=17."),
)
_SENDING_OPTIONS = (
    click.option("--time", "moment", type=Moment(), help="When it happened; now unless given."),
    click.option("--id", "native_id", metavar="KEY", help="The fact's own key: the same key is the same event, told twice."),
    click.option("--timeout", "timeout_s", type=click.FloatRange(0.1, 300), help="Seconds to wait before spooling."),
    click.option("--collector", metavar="URL", help="Send it to this collector, not to Kafka."),
    click.option("--dry-run", is_flag=True, help="Print the event and send nothing."),
)


_JSON = click.option("--json", "as_json", is_flag=True, help="Print what became of it as JSON, not its id alone.")


def common(command: _Command) -> _Command:
    """Give a command the shared options; it takes them as keyword arguments and hands them to `gathered`."""
    return _with(command, *_CONTEXT_OPTIONS, *_VALUE_OPTIONS, *_SENDING_OPTIONS)


def printing(command: _Command) -> _Command:
    """The shared options, and how the outcome is printed: for commands whose standard output is their own."""
    return _JSON(common(command))


def deciding(command: _Command) -> _Command:
    """The shared options of a decision about something that is known already: who, why, and how it is sent and printed."""
    return _with(command, _REASON, _TICKET, _ACTOR, _LABEL, *_SENDING_OPTIONS, _JSON)


def gathered(given: dict[str, Any]) -> Common:
    """What the shared options say, out of a command's keyword arguments; a wrong --field is a usage error."""
    values: dict[str, Any] = {
        "event.reason": given["reason"],
        "pipetrail.ticket.id": given["ticket"],
        "service.name": given.get("service"),
    }
    try:
        values |= dict(typed_field(text) for text in given.get("fields", ()))
        values |= {f"{_LABELS}.{name}": text for name, text in map(_label, given["labels"])}
    except InvalidEventError as exc:
        raise click.UsageError(str(exc)) from exc
    told = {"repository": given.get("repository"), "commit": given.get("commit"), "actor_name": given["actor"]}
    told["environment"] = given.get("environment")
    return Common(
        told,
        values,
        time=given["moment"],
        native_id=given["native_id"],
        dry_run=given["dry_run"],
        timeout_s=given["timeout_s"],
        collector=given["collector"],
        as_json=given.get("as_json", False),
    )


def _with(command: _Command, *options: Callable[[_Command], _Command]) -> _Command:
    for option in reversed(options):
        command = option(command)
    return command


def _label(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name or "." in name:
        raise InvalidEventError([(f"--label {text}", "is not NAME=TEXT, like team=payments; a name has no dot")])
    return name, value


def typed_field(text: str) -> tuple[str, Any]:
    """`PATH=VALUE` as path and value of the kind that the schema wants there: text, whole number, or JSON for the rest.

    Raises:
        InvalidEventError: there is no `=`, no such field, or the value is not of its kind.
    """
    path, equals, value = text.partition("=")
    if not equals or not path:
        raise InvalidEventError([(f"--field {text}", "is not PATH=VALUE, like vcs.change.id=17")])
    schema = check.field(f"data.{path}")
    if schema is None:
        raise InvalidEventError([(f"data.{path}", "is not a field of the schema; own values go into data.pipetrail.labels")])
    if schema.get("type") in {None, "string"}:
        return path, value
    try:
        return path, json.loads(value)
    except ValueError as exc:
        raise InvalidEventError([(f"data.{path}", f"must be JSON for a {schema['type']}, not {value!r:.80}")]) from exc


def read_data(text: str | None) -> dict[str, Any]:
    """The object of `--data`: JSON, `@FILE` or `-` for standard input; empty where none was given.

    Raises:
        UnreadableInputError: the file cannot be read.
        InvalidEventError: it is no JSON object.
    """
    if text is None:
        return {}
    try:
        if text == "-":
            content = click.get_text_stream("stdin").read()
        else:
            content = Path(text[1:]).read_text(encoding="utf-8") if text.startswith("@") else text
        data = json.loads(content)
    except OSError as exc:
        raise UnreadableInputError(f"--data {text}: {exc.strerror}") from exc
    except ValueError as exc:
        raise InvalidEventError([("data", f"is not JSON: {exc}")]) from exc
    if not isinstance(data, dict):
        raise InvalidEventError([("data", f"is a JSON {type(data).__name__}; it must be an object")])
    return data
