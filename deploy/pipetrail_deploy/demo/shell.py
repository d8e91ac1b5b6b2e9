"""Programs that the demo runs and waits for: git and pipetrail itself, in an environment that says nothing but what we say.

A demo in a CI job must not take the job's commit for its own, nor a user's settings of pipetrail: so variables are passed by
name. In the demo's own repositories git reads no settings but theirs.
"""

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from pipetrail_deploy.demo.errors import DemoError

PIPETRAIL = (sys.executable, "-m", "pipetrail")
_PASSED_ON = ("HOME", "LANG", "LC_ALL", "LOGNAME", "SYSTEMROOT", "TERM", "TMPDIR", "TZ", "USER", "XDG_CACHE_HOME")
# No signing, no hooks, no shorthands for URLs.
GIT_ALONE = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
_TIMEOUT_S = 120.0  # each takes a second or two; one that hangs must not hang the demo
_TAIL_LINES = 15


def environment(home: Path, **more: str) -> dict[str, str]:
    """The environment of a program of the demo: this Python first on the path, the stack of `home`, and `more`."""
    passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
    return {
        **passed,
        "PATH": path,
        "PIPETRAIL_HOME": str(home),
        "PIPETRAIL_SPOOL": str(home / "demo" / "spool"),
        **more,
    }


def run(
    command: Iterable[str | Path], *, folder: Path, env: Mapping[str, str], allowed: Iterable[int] = (0,), shown: bool = False
) -> str:
    """Run a program to its end.

    Args:
        command: the program and its arguments.
        folder: where it runs.
        env: all of its environment.
        allowed: the exit codes that it may end with.
        shown: let its stderr (a progress bar) through to the terminal.

    Returns:
        what it wrote to stdout.

    Raises:
        DemoError: it could not be run or ended otherwise; with the end of its output.
    """
    arguments = [str(part) for part in command]
    try:
        done = subprocess.run(
            arguments,
            cwd=folder,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=None if shown else subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            timeout=None if shown else _TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as exc:
        raise DemoError(f"{_named(arguments)} did not end within {_TIMEOUT_S:.0f} s") from exc
    except OSError as exc:
        raise DemoError(f"{_named(arguments)} cannot be run: {exc.strerror}") from exc
    if done.returncode not in set(allowed):
        output = f"{done.stdout}{done.stderr or ''}".strip().splitlines()
        raise DemoError("\n  ".join([f"{_named(arguments)} ended with {done.returncode}:", *output[-_TAIL_LINES:]]))
    return done.stdout


def _named(arguments: list[str]) -> str:
    if tuple(arguments[: len(PIPETRAIL)]) == PIPETRAIL:
        return " ".join(["pipetrail", *arguments[len(PIPETRAIL) :]])
    return " ".join(arguments)
