"""`pipetrail VERB`: finds the verb's room, imports it on demand, and turns errors into one line and an exit code.

The door knows the verbs by name only, so that `pipetrail emit` in a CI agent imports the producers and nothing else, and a
room that is not installed is named instead of failing on import.
"""

import gc
import importlib
import os
import sys
from typing import NamedTuple

import click


class Verb(NamedTuple):
    """A verb's place: the module and attribute of its click command, and the line that `--help` shows."""

    place: str
    summary: str


VERBS = {
    "up": Verb("pipetrail_deploy.commands:up", "Start a local Kafka and OpenSearch."),
    "down": Verb("pipetrail_deploy.commands:down", "Stop the local Kafka and OpenSearch; their data stays."),
    "status": Verb("pipetrail_deploy.commands:status", "Say what of the local stack runs."),
    "demo": Verb("pipetrail_deploy.demo.command:demo", "Watch a small real delivery on this machine."),
    "emit": Verb("pipetrail_producers.commands:emit", "Send one event."),
    "run": Verb("pipetrail_producers.run:run", "Run a command and record that it ran."),
    "override": Verb("pipetrail_producers.commands:override", "Record that a control was passed over, and why."),
    "approve": Verb("pipetrail_producers.commands:approve", "Record an approval."),
    "artifact": Verb("pipetrail_producers.commands:artifact", "Record an artifact by its digest."),
    "test-report": Verb("pipetrail_producers.testreport:test_report", "Record what JUnit XML reports say."),
    "intervention": Verb("pipetrail_producers.commands:intervention", "Record that somebody stepped in by hand."),
    "deploy": Verb("pipetrail_producers.commands:deploy", "Record the start or the end of a deployment."),
    "flush": Verb("pipetrail_producers.commands:flush", "Deliver what is spooled."),
    "collect": Verb("pipetrail_producers.collector.commands:collect", "Take webhooks and events over HTTP."),
    "init": Verb("pipetrail_producers.packaging.commands:init", "Put pipetrail into the CI of a repository."),
    "check": Verb("pipetrail_producers.policy.commands:check", "Judge commits by the repository's rules."),
    "import": Verb("pipetrail_producers.importers.commands:importers", "Import history."),
    "export": Verb("pipetrail_producers.cdevents_export.commands:export", "Write events in other systems' words."),
    "topics": Verb("pipetrail_processors.commands:topics", "Create the Kafka topics, or show them."),
    "process": Verb("pipetrail_processors.commands:process", "Run a processor: events to trails and findings."),
    "rules": Verb("pipetrail_review.rules_commands:rules", "List, test and replay the rules that findings are made by."),
    "replay": Verb("pipetrail_review.replay_commands:replay", "Replay history: try, compare, back-fill."),
    "policy": Verb("pipetrail_review.policy_record:policy", "Check the policy, ask who may do what, tell its edits."),
    "gate": Verb("pipetrail_review.gate:gate", "Ask the policy before the deed, in a pipeline."),
    "indices": Verb("pipetrail_sinks.commands:indices", "Create the OpenSearch index templates, or show them."),
    "index": Verb("pipetrail_sinks.commands:index", "Run the OpenSearch sink."),
    "notify": Verb("pipetrail_sinks.notify.commands:notify", "Send alerts about findings to people."),
    "show": Verb("pipetrail_review.commands:show", "Show the trail of a commit, digest or run."),
    "search": Verb("pipetrail_review.commands:search", "Search events, trails and findings."),
    "findings": Verb("pipetrail_review.commands:findings", "List findings."),
    "finding": Verb("pipetrail_review.finding_commands:finding", "Take care of a finding, justify, resolve or reopen it."),
    "report": Verb("pipetrail_review.commands:report", "Write a self-contained HTML report."),
}


# New objects between two looks for garbage; Python's default is 700.
_GC_THRESHOLD = 20_000


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called, and listed without being imported."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs, in the order of VERBS."""
        del ctx
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the verb's command; a click usage error names the distribution to install when its room is missing."""
        if cmd_name not in VERBS:
            return None
        module_name, _, attribute = VERBS[cmd_name].place.partition(":")
        room = module_name.partition(".")[0]
        try:
            module = importlib.import_module(module_name)
        except ModuleNotFoundError as exc:
            if exc.name != room:
                raise
            distribution = room.replace("_", "-")
            ctx.fail(f"'{cmd_name}' needs {distribution}, which is not installed: pip install {distribution}")
        command: click.Command = getattr(module, attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs from VERBS, since importing every room to print help would take seconds."""
        del ctx
        with formatter.section("Verbs"):
            formatter.write_dl([(name, verb.summary) for name, verb in VERBS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="pipetrail", message="%(prog)s %(version)s")
def root() -> None:
    """Who did what, when and why in your delivery line."""


def main() -> None:
    """The console script: run a verb; a pipetrail error becomes one line on stderr and its own exit code."""
    # Importing makes many objects and next to no garbage: looking for it as often as by default takes a tenth of the start-up.
    gc.set_threshold(_GC_THRESHOLD)
    try:
        root(prog_name="pipetrail")
    except BrokenPipeError:
        # The reader (`| head`) has enough. Without this, the interpreter complains when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as exc:
        if not _is_pipetrail_error(exc):
            raise
        click.echo(f"pipetrail: {exc}", err=True)
        sys.exit(getattr(exc, "exit_code", 1))


def _is_pipetrail_error(exc: Exception) -> bool:
    # The schemas room may be absent (only the door installed); where an error of its tree was raised, it is loaded.
    errors = sys.modules.get("pipetrail_schemas.errors")
    return errors is not None and isinstance(exc, errors.PipetrailError)
