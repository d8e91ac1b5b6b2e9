"""Where a replay's history comes from, and what it is judged by: the options that `replay` and `rules replay` share.

A record is the event that it was made of but for the bytes: see docs/replay.md for what that leaves open.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, TypeVar

import click
from pipetrail_processors.replay.files import STDIN, FileHistory
from pipetrail_processors.replay.history import event_of
from pipetrail_processors.replay.kafka import KafkaHistory
from pipetrail_processors.replay.message import Message, Scope
from pipetrail_processors.settings import ProcessSettings
from pipetrail_schemas import connection
from pipetrail_schemas.times import format_time, now

from pipetrail_review import options
from pipetrail_review.client import Client
from pipetrail_review.kinds import EVENTS
from pipetrail_review.query import Query, Window, all_of, any_of, in_repository, none_of, within

F = TypeVar("F", bound=Callable[..., Any])

KAFKA, OPENSEARCH = "kafka", "opensearch"
_WAIT_S = ProcessSettings.model_fields["alias_wait_s"].default


class History(Protocol):
    """Messages to replay; `done` of `total` are read, bytes or messages; None: nobody knows how many there are."""

    @property
    def done(self) -> int:
        """How far it is read."""
        ...

    @property
    def total(self) -> int | None:
        """How much there is."""
        ...

    def __iter__(self) -> Iterator[Message]:
        """The messages."""
        ...


class IndexHistory:
    """The records of OpenSearch as the events that they were made of, oldest first."""

    def __init__(self, client: Client, scope: Scope) -> None:
        """Count them.

        Raises:
            ReviewError: OpenSearch does not answer.
        """
        self._client = client
        self._query = _within(scope)
        self.done = 0
        self.total: int | None = client.count(EVENTS, self._query)

    def __iter__(self) -> Iterator[Message]:
        """The events.

        Raises:
            ReviewError: OpenSearch does not answer.
        """
        with self._client as client:
            for document in client.scan(EVENTS, self._query, oldest_first=True):
                self.done += 1
                yield Message(None, event_of(document))


def history_options(default: str) -> Callable[[F], F]:
    """`--source`, `--file` and `--recorded-since`."""

    def add(function: F) -> F:
        source = click.option(
            "--source",
            type=click.Choice([KAFKA, OPENSEARCH]),
            default=default,
            show_default=True,
            help="Where history is read from.",
        )
        files = click.option(
            "--file",
            "files",
            multiple=True,
            metavar="FILE",
            help="Files of events instead, as JSON in any layout, also gzipped; - for standard input. Repeatable.",
        )
        since = click.option(
            "--recorded-since",
            metavar="WHEN",
            help="Read only what was recorded since: quicker, but of what began before only a part is known.",
        )
        return source(files(since(function)))

    return add


def judging_options(function: F) -> F:
    """`--rules`, `--policy` and what else is judged by: by default that of `pipetrail process` in the same environment."""
    policy = click.option(
        "--policy",
        "path",
        type=click.Path(path_type=Path, dir_okay=False),
        envvar=["PIPETRAIL_PROCESS_POLICY", "PIPETRAIL_POLICY"],
        help="The policy file; the built-in policy if not said.",
    )
    reference = click.option(
        "--reference",
        type=click.Path(path_type=Path, file_okay=False, exists=True),
        envvar="PIPETRAIL_PROCESS_REFERENCE_DIR",
        help="A folder of reference data: people, bots, services, environments, code owners.",
    )
    wait = click.option(
        "--alias-wait",
        type=click.FloatRange(1.0, 7 * 86_400),
        default=_WAIT_S,
        show_default=True,
        metavar="SECONDS",
        envvar="PIPETRAIL_PROCESS_ALIAS_WAIT_S",
        help="How long an event without a commit waits for what it belongs to.",
    )
    return options.rules_option("folder")(options.exclusions_option(policy(reference(wait(function)))))


def scope_of(given: Mapping[str, Any], until: datetime | None) -> Scope:
    """Which of history the options mean.

    Raises:
        click.BadParameter: `--recorded-since` is no time.
    """
    recorded = options.moment(given["recorded_since"], "--recorded-since", now())
    return Scope(until, given["repository"], recorded)


def opened(source: str, files: Sequence[str], scope: Scope) -> History:
    """The history that the options mean.

    Raises:
        click.UsageError: standard input is named beside a file.
        PipetrailError: it cannot be reached or read.
    """
    if STDIN in files and len(files) > 1:
        raise click.UsageError("--file: standard input (-) stands alone")
    if files:
        return FileHistory(files)
    if source == KAFKA:
        return KafkaHistory(connection.load().require_kafka(), since=scope.recorded_since)
    return IndexHistory(options.client(), scope)


def _within(scope: Scope) -> Query:
    # What happened before a window decides, too: a review before a merge, an off before an on.
    queries = within(Window(None, scope.until))
    if scope.recorded_since:
        queries.append({"range": {"event.created": {"gte": format_time(scope.recorded_since)}}})
    if scope.repository:
        # What names no repository, a deployment by its digest, may turn out to be of this one.
        nowhere = none_of({"exists": {"field": "vcs.repository.url.full"}})
        queries.append(any_of(in_repository(scope.repository), nowhere))
    return all_of(*queries)
