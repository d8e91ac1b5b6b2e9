"""`pipetrail init SYSTEM`: put pipetrail into the CI of a repository. Writes files and nothing else; asks nobody."""

import json
import os
from pathlib import Path

import click

from pipetrail_producers import git
from pipetrail_producers.packaging.errors import UnwrittenFileError
from pipetrail_producers.packaging.system import SYSTEMS, content


@click.command()
@click.argument("system", type=click.Choice(list(SYSTEMS)))
@click.option(
    "--into", type=click.Path(file_okay=False, path_type=Path), help="The repository; the one of this folder if not given."
)
@click.option("--force", is_flag=True, help="Replace files that are there and differ.")
@click.option("--dry-run", is_flag=True, help="Say what would be written, and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
def init(system: str, into: Path | None, *, force: bool, dry_run: bool, as_json: bool) -> None:
    """Write what puts pipetrail into SYSTEM's CI into a repository, and say what to do next.

    A file that is there and differs is left alone, and nothing else is written either, unless --force is given.
    """
    top = into or git.checkout(os.environ, Path.cwd()).top
    if top is None:
        raise click.UsageError("this folder is no git repository: go to one, or name one with --into")
    chosen = SYSTEMS[system]
    wanted = {top / path: content(template) for path, template in chosen.files.items()}
    done = {path: _fate(path, text) for path, text in wanted.items()}
    in_the_way = [str(path) for path, fate in done.items() if fate == "replaced"]
    if in_the_way and not force:
        raise UnwrittenFileError(f"{', '.join(in_the_way)}: is there and differs; --force replaces it")
    if not dry_run:
        for path, text in wanted.items():
            _write(path, text)
    if as_json:
        click.echo(json.dumps({"written": not dry_run, "files": {str(path): fate for path, fate in done.items()}}))
        return
    for path, fate in done.items():
        click.echo(f"{f'would be {fate}' if dry_run and fate != 'unchanged' else fate:10} {path}")
    click.echo()
    for line in chosen.next:
        click.echo(line)


def _fate(path: Path, text: str) -> str:
    """What becomes of a file: written, replaced, or unchanged."""
    try:
        return "unchanged" if path.read_text(encoding="utf-8") == text else "replaced"
    except FileNotFoundError:
        return "written"
    except (OSError, UnicodeDecodeError):
        return "replaced"


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as exc:
        raise UnwrittenFileError(f"{path} cannot be written: {exc.strerror}") from exc
