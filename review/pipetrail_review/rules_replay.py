"""`pipetrail rules replay`: how often a rule would have fired over history, on what, by whom; two versions of it compared.

History is what OpenSearch has, or a file. Nothing is written anywhere.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
from pipetrail_processors.policy import Policy
from pipetrail_processors.replay.history import event_of, events
from pipetrail_processors.replay.thresholds import propose
from pipetrail_processors.replay.trial import Difference, Trial, difference, people, places, replay
from pipetrail_processors.rule import Rule
from pipetrail_processors.ruleset import RuleSet, read_rule
from pipetrail_schemas.errors import SettingError
from pipetrail_schemas.times import now
from rich.text import Text

from pipetrail_review import options
from pipetrail_review.kinds import EVENTS
from pipetrail_review.query import Window, all_of, in_repository, within
from pipetrail_review.terminal import console
from pipetrail_review.text import count, plain

_SHOWN = 10
_BUILT_IN = "built-in"
Document = dict[str, Any]


@click.command("replay")
@click.argument("name", metavar="RULE")
@click.option(
    "--rules",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="PIPETRAIL_PROCESS_RULES",
    help="A folder of rules that add to the built-in ones or replace them.",
)
@click.option(
    "--policy",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="PIPETRAIL_POLICY",
    help="The policy file; the built-in policy if not said.",
)
@click.option("--file", "file", type=click.File("rb"), help="A file of events, one JSON object a line; - for standard input.")
@options.window_options
@options.repository_option
@click.option(
    "--against", metavar="FILE", help=f"Another version of the rule to compare with: its YAML file, or `{_BUILT_IN}`."
)
@click.option("--threshold", "threshold", is_flag=True, help="Propose a threshold from how often it would have fired.")
@options.limit_option(_SHOWN)
@options.json_option
def replay_rule(name: str, folder: Path | None, path: Path | None, *, as_json: bool, **given: Any) -> None:
    """Replay RULE over history: how often it would have fired, on what, by whom. Changes nothing.

    RULE is the id of a rule in force, or a rule's YAML file. History is what OpenSearch has, or --file.
    """
    window = options.window(given["since"], given["until"], now=now())
    loaded = RuleSet.load(folder)
    rule = read_file(Path(name)) if name.endswith((".yaml", ".yml")) else rule_of(loaded, name)
    if given["threshold"] and rule.threshold is None:
        raise click.UsageError(f"--threshold: {rule.id} has none")
    other = _other(given["against"], rule)
    policy = Policy.load(path)
    values = list(events(given["file"]) if given["file"] else _indexed(window, given["repository"]))
    trial = replay(values, _with(loaded, rule), policy, since=window.since)
    told: Document = {**_summary(trial, rule), "findings": trial.of(rule.id)}
    if other:
        told["difference"] = difference(replay(values, _with(loaded, other), policy, since=window.since), trial, rule.id)
    if given["threshold"]:
        told["thresholds"] = propose(rule, values, policy, trial.weeks)
    if as_json:
        options.print_json([_plain(told)])
        return
    for line in _lines(told, rule, given["limit"]):
        console().print(Text(line))


def rule_of(loaded: RuleSet, name: str) -> Rule:
    """The rule of that id; a usage error names those that there are."""
    found = next((compiled.rule for compiled in loaded.rules if compiled.rule.id == name), None)
    if found is None:
        known = ", ".join(compiled.rule.id for compiled in loaded.rules)
        raise click.UsageError(f"there is no rule {name!r}; there are: {known}")
    return found


def read_file(path: Path) -> Rule:
    """The rule of a YAML file.

    Raises:
        SettingError: names file, line, field and reason.
    """
    try:
        return read_rule(path.read_text(encoding="utf-8"), name=str(path))
    except (OSError, UnicodeDecodeError) as exc:
        raise SettingError("rules", f"{path} cannot be read: {exc}") from exc


def _other(against: str | None, rule: Rule) -> Rule | None:
    if against is None:
        return None
    other = rule_of(RuleSet.load(), rule.id) if against == _BUILT_IN else read_file(Path(against))
    if other.id != rule.id:
        raise click.UsageError(f"--against: {against} is rule {other.id}, not {rule.id}")
    return other


def _with(loaded: RuleSet, rule: Rule) -> RuleSet:
    return RuleSet.of([rule, *(compiled.rule for compiled in loaded.rules if compiled.rule.id != rule.id)])


def _indexed(window: Window, repository: str | None) -> Iterator[bytes]:
    # What happened before the window decides, too: a review before a merge, an off before an on.
    queries = within(Window(None, window.until))
    if repository:
        queries.append(in_repository(repository))
    with options.client() as client:
        for document in client.scan(EVENTS, all_of(*queries)):
            yield event_of(document)


def _summary(trial: Trial, rule: Rule) -> Document:
    found = trial.of(rule.id)
    return {
        "rule": rule.id,
        "version": rule.version,
        "events": trial.events,
        "refused": trial.refused,
        "from": trial.first,
        "to": trial.last,
        "fired": len(found),
        "a_week": round(len(found) / trial.weeks, 2) if trial.weeks else 0.0,
        "excluded": sum(one["pipetrail"]["finding"]["status"] == "excluded" for one in found),
        "taken_back": trial.taken_back(rule.id),
        "people": people(found, _SHOWN),
        "repositories": places(found, _SHOWN),
    }


def _plain(told: Document) -> Document:
    """The outcome as JSON has it."""
    found = dict(told)
    if "difference" in told:
        compared: Difference = told["difference"]
        found["difference"] = {"added": compared.added, "gone": compared.gone, "both": len(compared.both)}
    if "thresholds" in told:
        rows = [row._asdict() for row in told["thresholds"].rows]
        found["thresholds"] = {"rows": rows, "proposed": told["thresholds"].proposed}
    return found


def _lines(told: Document, rule: Rule, limit: int) -> Iterator[str]:
    yield f"{rule.id} {rule.version} over {count(told['events'], 'event', 'events')}, {told['from'][:10]} to {told['to'][:10]}"
    if told["refused"]:
        yield f"{count(told['refused'], 'line', 'lines')} could not be read as events"
    yield f"would have fired {told['fired']} times ({told['a_week']} a week), {told['excluded']} of them excluded"
    if told["taken_back"]:
        yield f"{told['taken_back']} more were taken back once more was known"
    for heading in ("people", "repositories"):
        yield from (f"  {times:6}  {plain(name)}" for name, times in told[heading])
    yield from (f"  {line}" for line in _findings(told["findings"][-limit:]))
    if "difference" in told:
        compared: Difference = told["difference"]
        yield f"against the other version: {len(compared.added)} more, {len(compared.gone)} fewer, {len(compared.both)} in both"
        yield from (f"  + {line}" for line in _findings(compared.added[:limit]))
        yield from (f"  - {line}" for line in _findings(compared.gone[:limit]))
    if "thresholds" in told:
        yield from (f"  threshold {row.threshold:3}  {row.findings:6} findings" for row in told["thresholds"].rows)
        proposed = told["thresholds"].proposed
        yield f"proposed threshold: {proposed or 'none, all give more than one finding a week'}; now {rule.threshold}"


def _findings(found: Sequence[Document]) -> Iterator[str]:
    for one in found:
        yield f"{one['@timestamp'][:19]}  {one['pipetrail']['finding']['severity']:8}  {plain(one['message'])}"
