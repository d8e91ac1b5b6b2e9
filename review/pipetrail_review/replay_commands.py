"""`pipetrail replay`: the processors' pure function over history, to look at, to compare with what is live, or to publish."""

import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click
import orjson
from pipetrail_processors.detect.ruleset import RuleSet
from pipetrail_processors.guard.policy import Policy
from pipetrail_processors.replay.backfill import fill
from pipetrail_processors.replay.compare import Compared, Verdict, compare
from pipetrail_processors.replay.crew import Outcome
from pipetrail_processors.replay.message import is_repository
from pipetrail_processors.replay.plan import OUTPUTS, Plan
from pipetrail_processors.replay.trial import Span
from pipetrail_schemas import connection
from pipetrail_schemas.check import lookup
from pipetrail_schemas.times import format_time, now
from pipetrail_schemas.topics import FINDINGS, TRAILS
from rich.text import Text

from pipetrail_review import options
from pipetrail_review.replay_history import KAFKA, OPENSEARCH, history_options, judging_options, opened, scope_of
from pipetrail_review.replay_live import live
from pipetrail_review.replay_run import replayed, workers_option
from pipetrail_review.terminal import console
from pipetrail_review.text import count, plain

_SHOWN = 20
_STDOUT = "-"
_written_file = click.Path(dir_okay=False, writable=True, allow_dash=True)
_DIFFERENT = 3
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shown:
    """Which of the outcome is meant: what something happened to since then, of a repository."""

    since: datetime | None
    repository: str | None

    def __call__(self, value: bytes) -> bool:
        """Whether the record, trail or finding is meant."""
        if self.since is None and self.repository is None:
            return True
        document = orjson.loads(value)
        if self.since is not None and document["@timestamp"] < format_time(self.since):
            return False
        url = lookup(document, "vcs.repository.url.full") or ""
        return self.repository is None or is_repository(url, self.repository)


@click.command()
@history_options(KAFKA)
@judging_options
@options.window_options
@options.repository_option
@workers_option
@click.option("--trails", type=_written_file, metavar="FILE", help="Write the trails there, one a line; - for standard output.")
@click.option("--findings", type=_written_file, metavar="FILE", help="Write the findings there, a line each.")
@click.option("--compare", "place", type=click.Choice([KAFKA, OPENSEARCH]), help="Hold the outcome against what is live there.")
@click.option(
    "--into",
    type=click.Choice([KAFKA]),
    help="Back-fill: publish records, trails and findings, but nothing that is behind what stands there.",
)
@options.limit_option(_SHOWN)
@options.json_option
def replay(place: str | None, into: str | None, *, as_json: bool, **given: Any) -> None:
    """Replay history through the processors' own function, in parallel over repositories. Publishes nothing unless told to.

    History is what Kafka or OpenSearch has, up to now, or files of events. --since chooses which trails and findings are
    shown or published; what happened before is read all the same, since it decides what came after. --until leaves out
    what happened from then on.

    With --compare the exit code is 3 where anything differs, is here only or there only. New findings that --into publishes
    are sent to people like any other.
    """
    window = options.window(given["since"], given["until"], now=now())
    if place and (window.until is not None or given["recorded_since"]):
        raise click.UsageError("--compare: what is live has all of history; leave out --until and --recorded-since")
    if into and given["source"] == OPENSEARCH and not given["files"]:
        raise click.UsageError("--into: records are not the bytes that were sent; back-fill from Kafka or from files of events")
    scope = scope_of(given, window.until)
    shown = Shown(window.since, given["repository"])
    rules = RuleSet.load(given["folder"], given["exclusions"])
    plan = Plan(
        rule_sets=[[compiled.rule for compiled in rules.rules]],
        policy=Policy.load(given["path"]),
        alias_wait=timedelta(seconds=given["alias_wait"]),
        reference=given["reference"],
        grounds=rules.grounds,
        keeps=OUTPUTS if into else (TRAILS, FINDINGS),
    )
    history = opened(given["source"], given["files"], scope)
    span, began = Span(), time.monotonic()
    with replayed(plan, history, scope, until=window.until or now(), seen=span, workers=given["workers"]) as outcome:
        told = _summary(outcome, span, time.monotonic() - began, shown)
        for topic, path in ((TRAILS, given["trails"]), (FINDINGS, given["findings"])):
            if path:
                with click.open_file(path, "wb") as file:
                    file.writelines(value + b"\n" for _, value in outcome.latest(topic) if shown(value))
        with tempfile.TemporaryDirectory(prefix="pipetrail-replay-") as folder:
            if place:
                told["compared"] = _compared(outcome, place, shown, Path(folder), given["limit"])
            if into:
                filled = fill(outcome, connection.load().require_kafka(), Path(folder), shown)
                told["filled"] = list(map(asdict, filled))
    _print(told, as_json=as_json, data_on_stdout=_STDOUT in {given["trails"], given["findings"]})
    if place and any(_different(one) for one in told["compared"].values()):
        sys.exit(_DIFFERENT)


def _summary(outcome: Outcome, span: Span, seconds: float, shown: Callable[[bytes], bool]) -> Document:
    states: Counter[str] = Counter()
    rules: Counter[str] = Counter()
    for _, value in outcome.latest(FINDINGS):
        if shown(value):
            finding = orjson.loads(value)
            status = finding["pipetrail"]["finding"]["status"]
            states[status] += 1
            rules[finding["rule"]["id"]] += status == "open"
    refused = outcome.counts.refused
    return {
        "events": span.events,
        "refused": sum(refused.values()),
        "reasons": dict(refused.most_common()),
        "from": span.first,
        "to": span.last,
        "seconds": round(seconds, 1),
        "trails": sum(shown(value) for _, value in outcome.latest(TRAILS)),
        "findings": dict(states.most_common()),
        "open": {name: number for name, number in rules.most_common() if number},
    }


def _compared(outcome: Outcome, place: str, shown: Callable[[bytes], bool], folder: Path, limit: int) -> dict[str, Document]:
    told = {}
    for topic, name in ((TRAILS, "trails"), (FINDINGS, "findings")):
        with live(place, topic, folder / name) as store:
            here = (pair for pair in outcome.latest(topic) if shown(pair[1]))
            there = (pair for pair in store.items() if shown(pair[1]))
            told[name] = _counted(compare(here, there), limit)
    return told


def _counted(compared: Iterator[Compared], limit: int) -> Document:
    verdicts: Counter[str] = Counter({verdict.value: 0 for verdict in Verdict})
    fields: Counter[str] = Counter()
    examples: list[Document] = []
    for one in compared:
        verdicts[one.verdict.value] += 1
        fields.update(one.fields)
        if one.verdict is not Verdict.SAME and len(examples) < limit:
            examples.append({"id": one.id, "verdict": one.verdict.value, "fields": one.fields})
    return {"verdicts": dict(verdicts), "fields": dict(fields.most_common()), "examples": examples}


def _different(compared: Document) -> bool:
    return any(number for verdict, number in compared["verdicts"].items() if verdict != Verdict.SAME.value)


def _print(told: Document, *, as_json: bool, data_on_stdout: bool) -> None:
    stream = sys.stderr if data_on_stdout else sys.stdout
    if as_json:
        stream.write(orjson.dumps(told).decode() + "\n")
        return
    screen = console(stream)
    for line in _lines(told):
        screen.print(Text(line))


def _lines(told: Document) -> Iterator[str]:
    rate = told["events"] / told["seconds"] if told["seconds"] else 0
    span = f", {told['from'][:10]} to {told['to'][:10]}" if told["from"] else ""
    yield f"replayed {count(told['events'], 'event', 'events')}{span}, in {told['seconds']} s ({rate:,.0f} events/s)"
    if told["refused"]:
        yield f"{count(told['refused'], 'message', 'messages')} refused:"
        yield from (f"  {number:6}  {plain(reason)}" for reason, number in told["reasons"].items())
    states = ", ".join(f"{number:,} {status}" for status, number in told["findings"].items())
    yield f"{count(told['trails'], 'trail', 'trails')}; findings: {states or 'none'}"
    yield from (f"  {number:6}  {rule}" for rule, number in told["open"].items())
    for name, compared in told.get("compared", {}).items():
        yield f"{name}: " + ", ".join(f"{number:,} {verdict}" for verdict, number in compared["verdicts"].items())
        yield from (f"  {number:6}  differ in {plain(field)}" for field, number in compared["fields"].items())
        for one in compared["examples"]:
            yield f"  {plain(one['id'])}  {one['verdict']}  {', '.join(one['fields'])}".rstrip()
    for one in told.get("filled", ()):
        yield (
            f"{one['topic']}: {one['published']:,} published, {one['same']:,} stood there already, "
            f"{one['newer']:,} are newer there, {one['put_back']:,} put back"
        )
