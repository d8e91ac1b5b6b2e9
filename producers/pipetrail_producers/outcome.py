"""From what a command was told to recorded events, and what is said of them.

Standard output gets one line an event: its id, or the whole outcome with `--json`. What was not delivered is said on stderr and
in the CI's own annotations.
"""

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import click
from pipetrail_schemas import check
from pipetrail_schemas.errors import InvalidEventError
from pipetrail_schemas.times import format_time, now
from pipetrail_schemas.types import EVENT_TYPES

from pipetrail_producers.annotate import warn
from pipetrail_producers.build_event import Fact, build, ready, said
from pipetrail_producers.ci.detect import detect
from pipetrail_producers.errors import SpoolError
from pipetrail_producers.options import Common
from pipetrail_producers.patience import until_signalled
from pipetrail_producers.recorder import Recorded, Recorder
from pipetrail_producers.redact import Redactor


def record(said_here: Common, name: str, values: Mapping[str, Any], data: Mapping[str, Any] | None = None) -> None:
    """Build the event of a fact and record it; ends the process with the exit code.

    Raises:
        click.UsageError: the event would be invalid; names every field that is wrong, and what is allowed.
        SettingError: a setting is malformed.
    """
    record_events(lambda: [event_of(said_here, name, values, data)], said_here)


def event_of(
    said_here: Common, name: str, values: Mapping[str, Any], data: Mapping[str, Any] | None = None
) -> Mapping[str, Any]:
    """The event of a fact, of what was said, and of where this runs.

    Raises:
        InvalidEventError: names every field that is wrong, and what is allowed.
        SettingError: a setting is malformed.
    """
    recorded = now()
    fixed = {"native_id": said_here.native_id} if said_here.native_id else {}
    context = said(detect(os.environ, Path.cwd()), os.environ, **said_here.context)
    fact = Fact(name, said_here.time or recorded, values, data or {}, **fixed)
    return build(fact, context, recorded=recorded, redactor=Redactor(os.environ))


def record_whole(content: bytes, said_here: Common) -> None:
    """Record a CloudEvent that somebody else made; ends the process with the exit code.

    Left out may be what the agent knows as well: specversion, id (then it is a new event each time), recordedtime, time, and
    partitionkey where data names a repository, an artifact or an environment. A short type is completed.

    Raises:
        click.UsageError: it is no valid event; names every field that is wrong, and what is allowed.
        SettingError: a setting is malformed.
    """
    try:
        event = json.loads(content)
    except ValueError as exc:
        raise click.UsageError(f"standard input is not JSON: {exc}") from exc
    if not isinstance(event, dict):
        raise click.UsageError(f"standard input is a JSON {type(event).__name__}; an event is a JSON object")
    record_events(lambda: [ready(_completed(event), Redactor(os.environ))], said_here)


def record_events(build_events: Callable[[], Sequence[Mapping[str, Any]]], said_here: Common) -> None:
    """Record the events that a function builds; ends the process with the exit code.

    Raises:
        click.UsageError: an event would be invalid; names every field that is wrong, and what is allowed.
        SettingError: a setting is malformed.
    """
    # From here on a signal only ends the wait for Kafka: the events are spooled before the process ends.
    with until_signalled() as cancelled:
        try:
            events = build_events()
            if said_here.dry_run:
                for event in events:
                    click.echo(json.dumps(event, ensure_ascii=False, indent=2))
                return
            recorder = Recorder(os.environ, timeout_s=said_here.timeout_s, collector=said_here.collector)
            messages = recorder.messages(events)
        except InvalidEventError as exc:
            raise click.UsageError(str(exc)) from exc
        try:
            recorded = recorder.finish(messages, cancelled=cancelled)
        except SpoolError as exc:
            warn(os.environ, str(exc))
            sys.exit(exc.exit_code)
    _tell(events, recorded, as_json=said_here.as_json)
    sys.exit(recorded.exit_code)


def _tell(events: Sequence[Mapping[str, Any]], recorded: Recorded, *, as_json: bool) -> None:
    for note in recorded.notes:
        warn(os.environ, note)
    if recorded.problem:
        what = "the event was" if len(events) == 1 else f"{recorded.spooled} of {len(events)} events were"
        warn(os.environ, f"{what} not delivered: {recorded.problem}")
    fate = "spooled" if recorded.spooled else "delivered"
    for event in events:
        if not as_json:
            click.echo(event["id"])
            continue
        told = {"id": event["id"], "type": event["type"], "outcome": fate, "problem": recorded.problem or None}
        deployment = check.lookup(event, "data.deployment.id")
        click.echo(json.dumps(told | ({"deployment": deployment} if deployment else {})))


def _completed(event: Mapping[str, Any]) -> dict[str, Any]:
    moment = format_time(now())
    data = event.get("data")
    known = EVENT_TYPES.get(str(event.get("type")))
    alias = None
    if isinstance(data, Mapping):
        paths = ("vcs.repository.url.full", "artifact.hash", "deployment.environment.name")
        alias = next((found for path in paths if (found := check.lookup(data, path))), None)
    defaults = {
        "specversion": "1.0",
        "id": str(uuid4()),
        "time": moment,
        "recordedtime": moment,
        "datacontenttype": "application/json",
        "partitionkey": alias or event.get("source"),
    }
    return {**defaults, **event} | ({"type": known.full_name, "dataschema": known.schema_url} if known else {})
