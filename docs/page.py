"""What the generators of pages have in common: write the page, or say whether it is current."""

import argparse
from collections.abc import Callable
from pathlib import Path


def write_or_check(target: Path, document: Callable[[], str], arguments: list[str] | None = None) -> int:
    """The command line of a generator: write the page, or with `--check` say whether it is current; 1 if it is not."""
    page = f"docs/{target.name}"
    parser = argparse.ArgumentParser(prog=f"docs/{target.stem}.py", description=f"Write {page}.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where the page is not current")
    options = parser.parse_args(arguments)
    text = document()
    if not options.check:
        target.write_text(text, encoding="utf-8")
        return 0
    if target.is_file() and target.read_text(encoding="utf-8") == text:
        return 0
    print(f"{page} is not current: run make docs")
    return 1
