"""The log of a program that runs for long: one JSON object a line, or lines for people; its libraries' words, too."""

import json
import os
import subprocess
import sys

import pytest
from support.terminal import at_terminal

# A program of its own: configuring the log changes the process.
PROGRAM = """
import logging, sys, warnings
import structlog
from pipetrail_schemas.service import log
log.configure(sys.argv[1], sys.argv[2])
logger = structlog.get_logger("sample")
logger.debug("quiet")
logger.info("ready", port=8490, text="two\\nlines")
logging.getLogger("library").info("chatter")
logging.getLogger("library").warning("odd %s", "thing")
warnings.warn("old")
try:
    raise ValueError("broken")
except ValueError:
    logger.error("failed", exc_info=True)
"""


def run(level: str, style: str, *, terminal: bool = False) -> str:
    """What the program writes to stderr, which is a terminal if so wanted."""
    command = [sys.executable, "-c", PROGRAM, level, style]
    env = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    if not terminal:
        return subprocess.run(command, capture_output=True, text=True, check=True, env=env).stderr
    written, _ = at_terminal(command, env)
    return written


@pytest.mark.parametrize("style", ["json", "auto"])
def test_every_line_is_a_json_object(style: str) -> None:
    """Also a library's warning, a line break in a value, and an exception; `auto` where there is no terminal."""
    lines = [json.loads(line) for line in run("info", style).splitlines()]
    assert [(line["level"], line["event"]) for line in lines[:2]] == [("info", "ready"), ("warning", "odd thing")]
    assert (lines[0]["port"], lines[0]["text"], lines[1]["logger"]) == (8490, "two\nlines", "library")
    assert "UserWarning: old" in lines[2]["event"]
    assert lines[3]["event"] == "failed"
    assert "ValueError: broken" in lines[3]["exception"]
    assert all(line["timestamp"].endswith("Z") for line in lines)


@pytest.mark.parametrize(("style", "terminal"), [("console", False), ("auto", True)])
def test_people_get_lines_to_read(style: str, terminal: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """On a terminal, or where they ask for it."""
    text = run("info", style, terminal=terminal)
    assert "ready" in text
    assert not text.startswith("{")
    assert ("\x1b[" in text) == terminal


def test_the_level_is_what_is_asked_for() -> None:
    """Below it nothing of one's own is written; libraries speak up from warnings on, or when everything is wanted."""
    assert [json.loads(line)["event"] for line in run("error", "json").splitlines()][-1] == "failed"
    assert "ready" not in run("warning", "json")
    everything = run("debug", "json")
    assert "quiet" in everything
    assert "chatter" in everything
    assert "chatter" not in run("info", "json")
