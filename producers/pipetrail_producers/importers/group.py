"""`pipetrail import`: a group whose commands are imported when they are called: the git importer needs no HTTP client."""

import importlib

import click

# Name → module and attribute of the click command.
_PLACES: dict[str, str] = {
    "github": "pipetrail_producers.importers.github.commands:import_github",
    "gitlab": "pipetrail_producers.importers.gitlab.commands:import_gitlab",
    "jenkins": "pipetrail_producers.importers.jenkins.commands:import_jenkins",
    "cdevents": "pipetrail_producers.importers.cdevents.commands:import_cdevents",
    "audit-log": "pipetrail_producers.importers.audit_log.commands:import_audit_log",
}
_EXTRA = frozenset({"requests", "rich"})


class SourceGroup(click.Group):
    """A click group with the commands that are added to it, and the lazy ones."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, the lazy ones last."""
        return [*super().list_commands(ctx), *_PLACES]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a lazy command; a usage error says what to install when what it needs is absent."""
        if cmd_name not in _PLACES:
            return super().get_command(ctx, cmd_name)
        module_name, _, attribute = _PLACES[cmd_name].partition(":")
        try:
            command: click.Command = getattr(importlib.import_module(module_name), attribute)
        except ModuleNotFoundError as exc:
            if exc.name not in _EXTRA:
                raise
            ctx.fail(f"'{cmd_name}' needs {exc.name}, which is not installed: pip install 'pipetrail-producers[importers]'")
        return command
