"""Write docs/commands.md from the commands' own help: `python docs/commands.py [--check]`."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import click

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


def main(arguments: list[str] | None = None) -> int:
    """Write the page, or with `--check` say whether it is current; 1 if it is not."""
    parser = argparse.ArgumentParser(prog="docs/commands.py", description="Write docs/commands.md.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where the page is not current")
    text = document()
    if not parser.parse_args(arguments).check:
        TARGET.write_text(text, encoding="utf-8")
        return 0
    if TARGET.is_file() and TARGET.read_text(encoding="utf-8") == text:
        return 0
    print("docs/commands.md is not current: run make docs")
    return 1


if __name__ == "__main__":
    sys.exit(main())
