"""A terminal: alerts as they come, for a person who watches. Colour where a terminal is and NO_COLOR is not set (no-color.org).

A file that is written to shows what has arrived: a repetition is never written there, and what the program's end cut short is
completed. A terminal or pipe shows nothing; what may have been written before says so.
"""

import os
import stat
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from pipetrail_sinks.notify.alert import Alert, Item
from pipetrail_sinks.notify.channels.channel import Delivery
from pipetrail_sinks.notify.errors import ChannelDownError
from pipetrail_sinks.notify.lines import MARKS, REPEATED, brief, full_and_brief, headline, links_of, mark, rest, told

_COLOURS = {"critical": "1;31", "high": "31", "medium": "33", "low": "36"}
_OVER, _DIM, _BOLD = "32", "2", "1"
_LABEL = 9
_WIDEST, _NARROWEST = 100, 40


def lines_of(alert: Alert, *, width: int = _WIDEST, colour: bool = False, again: bool = False) -> list[str]:
    """The alert as lines of at most `width` columns."""
    over = alert.kind in {"resolved", "acknowledged"}
    full, others = full_and_brief(alert)
    head = _wrapped(f"{mark(alert)} ", headline(alert), width)
    lines = [_painted(line, _OVER if over else _COLOURS[alert.severity], on=colour) for line in head]
    for item in full:
        lines += _item(alert, item, width, colour=colour)
    for item in others:
        lines += _wrapped(f"   {MARKS[item.severity]} ", brief(item), width)
    notes = [note for note in (rest(alert), REPEATED if again else "") if note]
    return [*lines, *(_painted(line, _DIM, on=colour) for note in notes for line in _wrapped("   ", note, width)), ""]


def _item(alert: Alert, item: Item, width: int, *, colour: bool) -> list[str]:
    told_of = told(item, alert.kind)
    lines = [_painted(one, _BOLD, on=colour) for one in _wrapped("   ", told_of.title, width)] if alert.count > 1 else []
    labelled = [*told_of.facts, *((link.label, link.url) for link in links_of(item))]
    if told_of.steps:
        labelled += [("Do" if number == 1 else "", f"{number}. {step}") for number, step in enumerate(told_of.steps, start=1)]
    for label, text in labelled:
        first, *others = _wrapped(f"   {label:{_LABEL}} ", text, width)
        prefix = 3 + _LABEL
        lines += [_painted(first[:prefix], _DIM, on=colour) + first[prefix:], *others]
    return [*lines, *(_painted(line, _DIM, on=colour) for line in _wrapped("   ", told_of.footer, width))]


def _wrapped(prefix: str, text: str, width: int) -> list[str]:
    indent = " " * (len(prefix) + (prefix.strip() != "" and not prefix.strip().isascii()))
    return textwrap.wrap(
        text, width, initial_indent=prefix, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    ) or [prefix.rstrip()]


def _painted(text: str, code: str, *, on: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if on else text


class ConsoleChannel:
    """Writes to a stream, standard output as a rule."""

    wants_acknowledgements = False

    def __init__(self, stream: BinaryIO, env: Mapping[str, str]) -> None:
        self._stream = stream
        self._tty = stream.isatty()
        self._colour = self._tty and not env.get("NO_COLOR") and env.get("TERM") != "dumb"

    def before(self) -> str | None:
        """How long the file is before a message is written; None where it is no file."""
        status = os.fstat(self._stream.fileno())
        return str(status.st_size) if stat.S_ISREG(status.st_mode) else None

    def send(self, delivery: Delivery) -> None:
        """See `Channel`."""
        data = self._rendered(delivery, again=False)
        if delivery.again:
            written = self._written(delivery.mark, data)
            data = self._rendered(delivery, again=True) if written is None else data[written:]
        try:
            while data:
                data = data[os.write(self._stream.fileno(), data) :]
        except OSError as exc:
            raise ChannelDownError(f"standard output: {exc.strerror}", uncertain=True) from exc

    def close(self) -> None:
        """The stream is not ours to close."""

    def _rendered(self, delivery: Delivery, *, again: bool) -> bytes:
        lines = lines_of(delivery.alert, width=self._width(), colour=self._colour, again=again)
        return ("\n".join(lines) + "\n").encode()

    def _written(self, mark_before: str | None, data: bytes) -> int | None:
        """How many bytes of the message stand in the file since the attempt before; None if nobody knows."""
        if mark_before is None or self.before() is None:
            return None
        try:
            with Path(f"/dev/fd/{self._stream.fileno()}").open("rb") as file:
                file.seek(int(mark_before))
                since = file.read()
        except OSError:
            return None
        if data in since:
            return len(data)
        return len(since) if data.startswith(since) else None

    def _width(self) -> int:
        if not self._tty:
            return _WIDEST
        # Some terminals do not know how wide they are, and say 0.
        columns = os.get_terminal_size(self._stream.fileno()).columns or _WIDEST
        return max(_NARROWEST, min(_WIDEST, columns))
