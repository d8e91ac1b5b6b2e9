"""The terminal: how wide it is, whether it shows colour, and how lists are laid out on it.

Colour only where a terminal is and `NO_COLOR` (no-color.org) is not set. What is not a terminal gets lines as long as they are,
so that `grep` and `cut` see whole entries.
"""

import sys
from collections.abc import Sequence
from itertools import zip_longest
from typing import IO

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

# Columns given to a pipe or file: more than any line has.
UNBOUNDED = 10_000
GAP = 2

SEVERITY_STYLES = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "cyan"}


def console(stream: IO[str] | None = None, *, width: int | None = None, color: bool | None = None) -> Console:
    """A console on a stream (standard output by default).

    Args:
        stream: where to write.
        width: columns; by default the terminal's own, without limit elsewhere.
        color: True or False to insist; by default as the terminal and the environment say.
    """
    stream = sys.stdout if stream is None else stream
    if width is None and not stream.isatty():
        width = UNBOUNDED
    return Console(
        file=stream,
        width=width,
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=False,
        legacy_windows=False,
        no_color=None if color is None else not color,
        force_terminal=color or None,
        color_system="standard" if color else "auto",
    )


class Columns:
    """Rows of cells below each other, as wide as their content, wrapped where the terminal ends; no padding at line ends.

    `kept` are the columns that are never wrapped (times, ids): the others give way.
    """

    def __init__(self, rows: Sequence[Sequence[RenderableType]], *, kept: Sequence[int] = (), indent: int = 0) -> None:
        self._rows = rows
        self._kept = kept
        self._indent = indent

    @property
    def natural_width(self) -> int:
        """The width at which nothing has to be wrapped."""
        texts = [[_text(cell) for cell in row] for row in self._rows]
        widths = [max(map(_widest, column)) for column in zip_longest(*texts, fillvalue="")]
        return self._indent + sum(width + GAP for width in widths if width) - GAP

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Rich's protocol for things that can be printed."""
        width = max((len(row) for row in self._rows), default=0)
        # An empty column would still take its gap.
        used = [place for place in range(width) if any(len(row) > place and _text(row[place]) for row in self._rows)]
        if not used:
            return
        table = Table.grid(padding=(0, GAP, 0, 0), pad_edge=False)
        for place in used:
            table.add_column(no_wrap=place in self._kept, overflow="fold")
        for row in self._rows:
            table.add_row(*(row[place] if len(row) > place else "" for place in used))
        inner = options.update(width=max(options.max_width - self._indent, 1))
        for line in console.render_lines(table, inner, pad=False):
            if kept := _trimmed(line):
                yield Segment(" " * self._indent)
                yield from kept
            yield Segment.line()


def styled(text: str, style: str = "") -> Text:
    """A cell. Text never holds rich's markup: what is in a document is shown, not obeyed."""
    return Text(text, style=style)


def _widest(text: str) -> int:
    return max(map(cell_len, text.split("\n")))


def _text(cell: RenderableType) -> str:
    return cell.plain if isinstance(cell, Text) else str(cell)


def _trimmed(line: list[Segment]) -> list[Segment]:
    kept = list(line)
    while kept and not kept[-1].text.strip():
        kept.pop()
    if kept:
        last = kept.pop()
        kept.append(Segment(last.text.rstrip(), last.style, last.control))
    return kept
