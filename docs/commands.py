"""Write docs/commands.md from the commands' own help: `python docs/commands.py [--check]`."""

import sys
from collections.abc import Iterator
from pathlib import Path

import click
from page import write_or_check

from pipetrail.cli import VERBS, root

TARGET = Path(__file__).with_name("commands.md")
WIDTH = 100  # characters: what fits beside a navigation without scrolling

HEAD = """# Commands

Written by `make docs` from the commands' own help. Unless it says otherwise, a command ends with 0 on success and with 2
on a usage error or a bad setting, and says in one line on stderr what went wrong.
"""


def document() -> str:
    """The whole page."""
    context = click.Context(root, info_name="pipetrail")
    sections = [section for name in VERBS for section in _sections(_command(context, name), f"pipetrail {name}", None)]
    return "\n".join([HEAD, *sections])


def _command(context: click.Context, name: str) -> click.Command:
    command = root.get_command(context, name)
    if command is None:
        raise LookupError(name)
    return command


def _sections(command: click.Command, title: str, parent: click.Context | None) -> Iterator[str]:
    context = click.Context(
        command,
        info_name=title if parent is None else command.name,
        parent=parent,
        terminal_width=WIDTH,
        max_content_width=WIDTH,
        help_option_names=["-h", "--help"],
    )
    level = "##" if parent is None else "###"
    yield f"{level} {title}\n\n```text\n{command.get_help(context).rstrip()}\n```\n"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None:
                yield from _sections(inner, f"{title} {name}", context)


if __name__ == "__main__":
    sys.exit(write_or_check(TARGET, document))
