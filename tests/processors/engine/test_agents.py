"""The one way to an agent, and what becomes of a batch that is not worked through."""

import ast
import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pipetrail_processors
import pytest
from pipetrail_processors.engine.agents import ending_the_process

PACKAGE = Path(pipetrail_processors.__file__).parent
FAILS = """
import asyncio, sys
from pipetrail_processors.engine.agents import ending_the_process
from pipetrail_processors.errors import BrokerError

async def work():
    raise {error}

async def main():
    try:
        await ending_the_process(work())
    finally:
        print("cleaned up")

asyncio.run(main())
"""


def agents_in(file: Path) -> Iterator[int]:
    """The lines that make an agent the way Faust offers it."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and node.attr in {"agent", "stream"}:
            yield node.lineno


def test_agents_are_made_in_one_place() -> None:
    """No module but `agents` calls Faust's `agent` or `stream`: they acknowledge what failed."""
    found = {file.name: list(agents_in(file)) for file in PACKAGE.rglob("*.py")}
    assert {name for name, lines in found.items() if lines} == {"agents.py"}


@pytest.mark.parametrize(("error", "code"), [("ValueError('x')", 70), ("BrokerError('gone')", 69), ("SystemExit(3)", 70)])
def test_an_error_ends_the_process_without_clean_up(error: str, code: int) -> None:
    """Whatever work raises, the process is gone at once, with an exit code that says so, and nothing could acknowledge."""
    done = subprocess.run(
        [sys.executable, "-c", FAILS.format(error=error)], capture_output=True, text=True, timeout=240, check=False
    )
    assert (done.returncode, "cleaned up" in done.stdout) == (code, False)


def test_a_cancellation_is_passed_on() -> None:
    """Work that is cancelled ends neither the process nor well."""

    async def main() -> None:
        task = asyncio.ensure_future(ending_the_process(asyncio.sleep(60)))
        await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(main())
