"""`pipetrail rules list|show|test|replay`: what is looked for, whether it does what it says, what it would have found."""

import sys
from collections.abc import Iterator, Mapping
from datetime import UTC
from pathlib import Path
from typing import Any

import click
from pipetrail_processors.detect import told
from pipetrail_processors.detect.labelled import failures, told_failures
from pipetrail_processors.detect.rule import Rule
from pipetrail_processors.detect.ruleset import RuleSet
from pipetrail_processors.guard.duration import shown
from pipetrail_processors.lifecycle.exclusions import load as load_exclusions
from pipetrail_schemas.times import now
from rich.text import Text

from pipetrail_review import options
from pipetrail_review.moments import stamp
from pipetrail_review.rules_replay import is_file, replay_rule, rule_of
from pipetrail_review.terminal import SEVERITY_STYLES, Columns, console, styled
from pipetrail_review.text import count, plain
from pipetrail_review.told import translate

_folder = options.rules_option("folder")


@click.group()
def rules() -> None:
    """List the rules, show or test them, and replay them over history."""


@rules.command("list")
@_folder
@options.json_option
def list_(folder: Path | None, *, as_json: bool) -> None:
    """List the rules in force."""
    found = [compiled.rule for compiled in RuleSet.load(folder).rules]
    if as_json:
        options.print_json(_row(rule) for rule in found)
        return
    heading = tuple(styled(name, "bold dim") for name in ("ID", "CATEGORY", "SEVERITY", "OVER", "NAME"))
    rows = [(rule.id, rule.category, _severities(rule), rule.over, rule.name) for rule in found]
    console().print(Columns([heading, *rows], kept=(0, 1, 2, 3)))


@rules.command()
@click.argument("name", metavar="RULE")
@_folder
@options.json_option
def show(name: str, folder: Path | None, *, as_json: bool) -> None:
    """Show a rule: when it fires, why that matters, what to do, and the histories that show it.

    RULE is the id of a rule in force, or a rule's YAML file.
    """
    rule = rule_of(RuleSet.load(folder), name)
    if as_json:
        options.print_json([rule.model_dump(mode="json", exclude={"tests": {"__all__": {"policy"}}})])
        return
    screen = console()
    screen.print(Text.assemble((rule.id, "bold"), f"  {rule.name}, version {rule.version}, {rule.category}"))
    screen.print(f"\n{rule.why}\n")
    screen.print(Text(f"over      {rule.over}"))
    for step in rule.steps or [rule]:
        screen.print(Text(f"on        {', '.join(step.on)}\nwhen      {' '.join(step.when.split())}"))
    for line in _more(rule):
        screen.print(Text(line))
    for choice in rule.severity:
        screen.print(Text.assemble("severity  ", (choice.value, SEVERITY_STYLES[choice.value]), f"{_if(choice.when)}"))
    for choice in rule.title:
        screen.print(Text(f"title     {choice.value}{_if(choice.when)}"))
    screen.print(Text("\nWhat to do"))
    for number, line in enumerate(rule.runbook, start=1):
        screen.print(Text(f"  {number}. {line}"))
    screen.print(Text("\nLabelled histories"))
    for labelled in rule.tests:
        screen.print(Text(f"  fires {labelled.fires}  {labelled.says}"))
    for line in _by_system(told.pages(rule.id, _beside(name, rule, folder))):
        screen.print(Text(line))


@rules.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), envvar="PIPETRAIL_PROCESS_EXCLUSIONS")
@_folder
def exclusions(file: Path, folder: Path | None) -> None:
    """Say what is wrong with an exclusions FILE, and what it excludes until when; exit 1 where one has expired."""
    grounds = load_exclusions(file, [compiled.rule.id for compiled in RuleSet.load(folder).rules])
    rows = [tuple(styled(name, "bold dim") for name in ("UNTIL", "RULES", "OWNER", "REASON"))]
    expired = 0
    for one in (ground.excluded for ground in grounds):
        over = one.expires <= now()
        expired += over
        until = styled(stamp(one.expires, UTC), "bold red" if over else "dim")
        rows.append((until, styled(", ".join(one.rules)), styled(plain(one.owner)), styled(plain(one.reason))))
    console().print(Columns(rows, kept=(0,)))
    if expired:
        options.note(f"{count(expired, 'exclusion has', 'exclusions have')} expired: what they hid is found again")
        sys.exit(1)


@rules.command()
@click.argument("names", nargs=-1, metavar="[RULE]...")
@_folder
def test(names: tuple[str, ...], folder: Path | None) -> None:
    """Run the labelled histories of all rules, or of those named. Exits 1 when one does not do what it says.

    RULE is the id of a rule in force, or a rule's YAML file.
    """
    loaded = RuleSet.load(folder)
    chosen = {name: rule_of(loaded, name) for name in names} or {compiled.rule.id: compiled.rule for compiled in loaded.rules}
    shown = {name: told.told(rule.id, _beside(name, rule, folder)) for name, rule in chosen.items()}
    failed = [line for name, rule in chosen.items() for line in (*failures(rule), *told_failures(rule, shown[name], translate))]
    for line in failed:
        click.echo(line)
    histories = sum(len(rule.tests) + len(shown[name]) for name, rule in chosen.items())
    told_of = count(histories, "labelled history", "labelled histories")
    click.echo(f"{count(len(chosen), 'rule', 'rules')}, {told_of}, {len(failed)} failed", err=bool(failed))
    if failed:
        sys.exit(1)


rules.add_command(replay_rule)


def _beside(name: str, rule: Rule, folder: Path | None) -> Path:
    """The folder that the rule is in: what systems tell about it stands beside it."""
    if is_file(name):
        return Path(name).parent
    built_in = any(compiled.rule is rule for compiled in RuleSet.load().rules)
    return told.BUILT_IN if folder is None or built_in else folder


def _by_system(pages: Mapping[str, told.Page]) -> Iterator[str]:
    """What systems tell about a rule: a line for each format of each."""
    if pages:
        yield "\nAs systems tell it"
    for system, page in pages.items():
        for how in dict.fromkeys(history.how for history in page.histories):
            fires = [history.fires > 0 for history in page.histories if history.how == how]
            silent = len(fires) - sum(fires)
            yield f"  {system} {how}: {count(sum(fires), 'history fires', 'histories fire')}, {silent} must not"
        for how, reason in page.cannot.items():
            yield f"  {system} {how}: not at all: {reason}"


def _row(rule: Rule) -> dict[str, Any]:
    fields = {"id": rule.id, "name": rule.name, "version": rule.version, "category": rule.category, "over": rule.over}
    return {**fields, "severities": sorted({choice.value for choice in rule.severity})}


def _severities(rule: Rule) -> str:
    return "/".join(dict.fromkeys(choice.value for choice in rule.severity))


def _more(rule: Rule) -> Iterator[str]:
    """What not every rule has."""
    if rule.each:
        yield f"each      {rule.each}"
    if rule.threshold:
        yield f"threshold {rule.threshold}"
    if rule.window:
        yield f"window    {shown(rule.window)}"
    if measure := rule.measure:
        least = f", at least {measure.least:g}" if measure.least else ""
        yield f"measure   {measure.name}, threshold {measure.threshold:g}{least}, silent until {measure.samples} samples"
    if rule.dedupe:
        yield f"one for   each {', '.join(rule.dedupe)}"
    if rule.replaces:
        yield f"stands    for {', '.join(rule.replaces)}"
    for one in rule.exclusions:
        yield f"excluded  {one.when}, until {stamp(one.expires, UTC)} by {one.owner}: {one.reason}"


def _if(condition: str | None) -> str:
    return f"  if {condition}" if condition else ""
