"""`pipetrail rules replay`: how often a rule would have fired over history, on what, by whom; two versions of it compared.

The machine is that of `pipetrail replay`: both versions are asked in one reading of history. Nothing is written anywhere.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
from pipetrail_processors.detect.rule import Rule
from pipetrail_processors.detect.ruleset import Compiled, RuleSet, read_rule
from pipetrail_processors.guard.policy import Policy
from pipetrail_processors.replay.message import Look, Message
from pipetrail_processors.replay.plan import Plan
from pipetrail_processors.replay.thresholds import Row, graded, proposal, propose
from pipetrail_processors.replay.trial import Difference, Span, Trial, difference, people, places, tried
from pipetrail_schemas.errors import SettingError
from pipetrail_schemas.times import now
from pipetrail_schemas.topics import FINDINGS
from pipetrail_schemas.types import BY_FULL_NAME
from rich.text import Text

from pipetrail_review import options
from pipetrail_review.replay_history import OPENSEARCH, history_options, judging_options, opened, scope_of
from pipetrail_review.replay_run import replayed, workers_option
from pipetrail_review.terminal import console
from pipetrail_review.text import count, plain

_SHOWN = 10
_BUILT_IN = "built-in"
Document = dict[str, Any]


@click.command("replay")
@click.argument("name", metavar="RULE")
@history_options(OPENSEARCH)
@judging_options
@options.window_options
@options.repository_option
@workers_option
@click.option(
    "--against", metavar="FILE", help=f"Another version of the rule to compare with: its YAML file, or `{_BUILT_IN}`."
)
@click.option("--threshold", "threshold", is_flag=True, help="Propose a threshold from how often it would have fired.")
@options.limit_option(_SHOWN)
@options.json_option
def replay_rule(name: str, folder: Path | None, path: Path | None, *, as_json: bool, **given: Any) -> None:
    """Replay RULE over history: how often it would have fired, on what, by whom. Changes nothing.

    RULE is the id of a rule in force, or a rule's YAML file. History is what OpenSearch or Kafka has, or files. What happened
    before --since is read all the same, since it decides what came after.
    """
    window = options.window(given["since"], given["until"], now=now())
    loaded = RuleSet.load(folder, given["exclusions"])
    rule = rule_of(loaded, name)
    if given["threshold"] and rule.threshold is None and rule.measure is None:
        raise click.UsageError(f"--threshold: {rule.id} has none")
    others = _other(given["against"], rule)
    grades = graded(rule) if given["threshold"] else []
    versions = [rule, *others, *grades]
    plan = Plan(
        rule_sets=[_with(loaded, version) for version in versions],
        policy=Policy.load(path),
        alias_wait=timedelta(seconds=given["alias_wait"]),
        reference=given["reference"],
        grounds=loaded.grounds,
        keeps=(FINDINGS,),
    )
    scope = scope_of(given, window.until)
    history = opened(given["source"], given["files"], scope)
    span, about = Span(), _About(rule if given["threshold"] and not grades else None)

    def seen(message: Message, look: Look) -> None:
        span(message, look)
        about(message, look)

    with replayed(plan, history, scope, until=now(), seen=seen, workers=given["workers"]) as outcome:
        trials = [tried(outcome, span, rule=rule.id, rule_set=place, since=window.since) for place in range(len(versions))]
    told: Document = {**_summary(trials[0], rule), "findings": trials[0].of(rule.id)}
    if others:
        told["difference"] = difference(trials[1], trials[0], rule.id)
    if grades:
        found = zip(grades, trials[1 + len(others) :], strict=True)
        rows = [Row(grade.measure.threshold, len(trial.of(rule.id))) for grade, trial in found if grade.measure]
        told["thresholds"] = proposal(rows, trials[0].weeks)
    elif given["threshold"]:
        told["thresholds"] = propose(rule, about.values, plan.policy, trials[0].weeks, trials[0].first)
    if as_json:
        options.print_json([_plain(told)])
        return
    for line in _lines(told, rule, given["limit"]):
        console().print(Text(line))


class _About:
    """The events that a rule is about, of all that are replayed: few, and what thresholds are proposed from."""

    def __init__(self, rule: Rule | None) -> None:
        self._types = Compiled(rule).on if rule else frozenset()
        self.values: list[bytes] = []

    def __call__(self, message: Message, look: Look) -> None:
        described = BY_FULL_NAME.get(look.type) if self._types else None
        if described and described.name in self._types and message.value is not None:
            self.values.append(message.value)


def is_file(name: str) -> bool:
    """Whether a rule is named by its file, and not by its id."""
    return name.endswith((".yaml", ".yml"))


def rule_of(loaded: RuleSet, name: str) -> Rule:
    """The rule of that id, or of that YAML file; a usage error names the ids that there are.

    Raises:
        SettingError: the file is wrong; names file, line, field and reason.
    """
    if is_file(name):
        return read_file(Path(name))
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


def _other(against: str | None, rule: Rule) -> list[Rule]:
    if against is None:
        return []
    other = rule_of(RuleSet.load(), rule.id) if against == _BUILT_IN else read_file(Path(against))
    if other.id != rule.id:
        raise click.UsageError(f"--against: {against} is rule {other.id}, not {rule.id}")
    return [other]


def _with(loaded: RuleSet, rule: Rule) -> list[Rule]:
    return [rule, *(compiled.rule for compiled in loaded.rules if compiled.rule.id != rule.id)]


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
    when = f", {told['from'][:10]} to {told['to'][:10]}" if told["from"] else ""
    yield f"{rule.id} {rule.version} over {count(told['events'], 'event', 'events')}{when}"
    if told["refused"]:
        yield f"{count(told['refused'], 'line', 'lines')} could not be read as events"
    fired = count(told["fired"], "time", "times")
    yield f"would have fired {fired} ({told['a_week']} a week), {told['excluded']} of them excluded"
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
        rows = told["thresholds"].rows
        yield from (f"  threshold {row.threshold:6}  {row.findings:6} finding{'s' * (row.findings != 1)}" for row in rows)
        none = "more than one finding a week" if any(row.findings for row in rows) else "no finding in this history"
        yield f"proposed threshold: {told['thresholds'].proposed or f'none, all give {none}'}; now {_threshold(rule)}"


def _threshold(rule: Rule) -> float | None:
    return rule.measure.threshold if rule.measure else rule.threshold


def _findings(found: Sequence[Document]) -> Iterator[str]:
    for one in found:
        yield f"{one['@timestamp'][:19]}  {one['pipetrail']['finding']['severity']:8}  {plain(one['message'])}"
