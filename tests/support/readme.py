"""The README as data: its fenced blocks, and the commands in them."""

import re
from typing import NamedTuple

from support.project import ROOT

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_COMMENT = re.compile(r"\s+#\s.*$")
# What differs from run to run: times, ids, digests, durations, counts, ports, folders, how wide a column is.
_VARIABLE = (
    (re.compile(r"\bfile://\S+"), "URL"),
    (re.compile(r"127\.0\.0\.1:\d+"), "HOST"),
    (re.compile(r"passwords in \S+"), "passwords in FILE"),
    (re.compile(r"\b\d\d:\d\d:\d\d\b"), "TIME"),
    (re.compile(r"\b\d+(?:\.\d+)?m?s\b"), "DURATION"),
    (re.compile(r"\b[0-9a-f]{7,12}\b"), "ID"),
    (re.compile(r"\b\d+ (trails|commits)\b"), r"N \1"),
    (re.compile(r"^(Report|Next) .*$"), r"\1"),
    (re.compile(r"\s+"), " "),
)


class Block(NamedTuple):
    """A fenced block: its language and text."""

    language: str
    text: str


def blocks() -> list[Block]:
    """The fenced blocks in their order."""
    return [Block(*match.groups()) for match in _BLOCK.finditer((ROOT / "README.md").read_text(encoding="utf-8"))]


def console() -> list[str]:
    """What is typed at a prompt, without the comments behind it."""
    lines = [line for block in blocks() if block.language == "console" for line in block.text.splitlines()]
    return [_COMMENT.sub("", line.removeprefix("$ ")) for line in lines if line.startswith("$ ")]


def script() -> list[str]:
    """The lines of the one script, for a CI job."""
    (block,) = (block for block in blocks() if block.language == "sh")
    return block.text.splitlines()


def transcript() -> list[str]:
    """What the demo prints, by the README."""
    (text,) = (block.text for block in blocks() if block.text.startswith("Kafka "))
    return text.splitlines()


def told_alike(lines: list[str]) -> list[str]:
    """The lines without what differs from run to run, sorted: what happens within a second may be told in either order."""
    return sorted(filter(None, map(_without_variables, lines)))


def _without_variables(line: str) -> str:
    for pattern, instead in _VARIABLE:
        line = pattern.sub(instead, line)
    return line.strip()
