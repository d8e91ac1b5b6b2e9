"""What people see while the stack comes and goes."""

import io
import itertools
import time

import pytest
from pipetrail_deploy.reporter import Lines, Silent


class Terminal(io.StringIO):
    """A terminal, as far as a program can tell."""

    def isatty(self) -> bool:
        """It is one."""
        return True


def _screen(text: str) -> str:
    """What stands on a terminal's last line after `text`."""
    line = ""
    for part in text.split("\r"):
        line = part + line[len(part) :]
    return line.rstrip()


def test_lines_are_columns() -> None:
    """Label, what, seconds, and what else is to be known; no instant step takes no time at all."""
    out = io.StringIO()
    lines = Lines(out)
    lines.line("Kafka", "127.0.0.1:9092   ready", 3.7)
    lines.line("OpenSearch", "127.0.0.1:9200   ready", 0.1, "users admin")
    lines.line("Home", "here")
    assert out.getvalue().splitlines() == [
        "Kafka       127.0.0.1:9092   ready   4s",
        "OpenSearch  127.0.0.1:9200   ready   1s   users admin",
        "Home        here",
    ]


def test_progress_is_for_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log gets one line when it is done; a terminal sees how far it is, on a line that the final one replaces."""
    for out in (io.StringIO(), Terminal()):
        seconds = itertools.count(step=10)
        monkeypatch.setattr(time, "monotonic", lambda seconds=seconds: float(next(seconds)))
        with Lines(out).progress("Fetching", "it", 4_000_000) as advance:
            advance(1_000_000)
            shown = out.getvalue()
            advance(3_000_000)
        assert shown == ("Fetching    it   1 of 4 MB" if out.isatty() else "")
        assert _screen(out.getvalue().rstrip("\n")).startswith("Fetching    it   ")
        assert _screen(out.getvalue().rstrip("\n")).endswith("s")
        assert out.getvalue().count("\n") == 1


def test_what_fails_is_not_reported_as_done() -> None:
    """Nothing is left on the line, for the error to stand there."""
    out = Terminal()
    with pytest.raises(OSError, match="broken"), Lines(out).progress("Fetching", "it", 1):
        raise OSError("broken")
    assert _screen(out.getvalue()) == ""


def test_silence_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """It takes the same calls."""
    silent = Silent()
    silent.line("Kafka", "ready", 1.0)
    with silent.progress("Fetching", "it", 1) as advance:
        advance(1)
    assert capsys.readouterr() == ("", "")
