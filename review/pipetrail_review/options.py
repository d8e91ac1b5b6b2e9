"""What the commands of this room share: options, the moment they mean, the client, and how documents are printed."""

import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any, TypeVar

import click
from pipetrail_schemas import connection

from pipetrail_review.client import Client, Document
from pipetrail_review.moments import ALLOWED, parse_moment
from pipetrail_review.query import Window
from pipetrail_review.text import json_text

F = TypeVar("F", bound=Callable[..., Any])


def utc_option(function: F) -> F:
    """`--utc`: times in UTC instead of the machine's own zone."""
    return click.option("--utc", is_flag=True, help="Show times in UTC, not in the local zone.")(function)


def json_option(function: F) -> F:
    """`--json`: the documents as they are indexed."""
    return click.option("--json", "as_json", is_flag=True, help="Print the documents as JSON, one a line.")(function)


def repository_option(function: F) -> F:
    """`--repository`: by URL or by its end."""
    return click.option("--repository", metavar="REPOSITORY", help="Only this repository: its URL, or owner/name.")(function)


def window_options(function: F) -> F:
    """`--since` and `--until`, as text; `window` reads them."""
    until = click.option("--until", metavar="WHEN", help="Only what happened before then.")
    since = click.option("--since", metavar="WHEN", help="Only what happened since: 2h, 7d, 2026-11-20, …T09:00Z.")
    return since(until(function))


def rules_option(name: str) -> Callable[[F], F]:
    """`--rules`, as the parameter `name`: by default the folder of `pipetrail process` in the same environment."""
    return click.option(
        "--rules",
        name,
        type=click.Path(path_type=Path, file_okay=False),
        envvar="PIPETRAIL_PROCESS_RULES",
        help="A folder of rules that add to the built-in ones or replace them.",
    )


def exclusions_option(function: F) -> F:
    """`--exclusions`: by default the file of `pipetrail process` in the same environment."""
    return click.option(
        "--exclusions",
        type=click.Path(path_type=Path, dir_okay=False),
        envvar="PIPETRAIL_PROCESS_EXCLUSIONS",
        help="The exclusions file: findings that are known and accepted for a while.",
    )(function)


def limit_option(default: int) -> Callable[[F], F]:
    """`--limit`, at least 1."""
    return click.option(
        "--limit",
        type=click.IntRange(min=1),
        default=default,
        show_default=True,
        metavar="N",
        help="At most so many, the newest.",
    )


def zone_of(*, utc: bool) -> tzinfo | None:
    """The zone to show times in: UTC, or None for the local one."""
    return UTC if utc else None


def window(since: str | None, until: str | None, *, now: datetime, utc: bool = False) -> Window:
    """The window that the options mean.

    Raises:
        click.BadParameter: one of them is no time, or the window ends before it starts.
    """
    meant = Window(*(moment(text, name, now, zone_of(utc=utc)) for text, name in ((since, "--since"), (until, "--until"))))
    if meant.since and meant.until and meant.since >= meant.until:
        raise click.BadParameter(f"{until!r} is not after --since {since!r}", param_hint="--until")
    return meant


def moment(text: str | None, name: str, now: datetime, zone: tzinfo | None = None) -> datetime | None:
    """The moment that an option means; None where it is not given.

    Raises:
        click.BadParameter: it is no time; names the option.
    """
    if text is None:
        return None
    try:
        return parse_moment(text, now=now, zone=zone)
    except ValueError as exc:
        raise click.BadParameter(f"{text!r} is not {ALLOWED}", param_hint=name) from exc


def client() -> Client:
    """A reader of the OpenSearch that the environment and `connection.toml` name.

    Raises:
        SettingError: none is named.
    """
    return Client.of(connection.load())


def print_json(documents: Iterable[Document]) -> None:
    """The documents as NDJSON: one a line, for programs."""
    for document in documents:
        sys.stdout.write(json_text(document) + "\n")


def note(text: str) -> None:
    """A remark for people, on stderr, so that it is never taken for data."""
    click.echo(text, err=True)
