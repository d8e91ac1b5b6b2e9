"""A terminal for a command under test."""

import os
import pty
import subprocess
from collections.abc import Mapping, Sequence

_MOST = 65_536


def at_terminal(command: Sequence[str], env: Mapping[str, str], *, timeout_s: float = 60) -> tuple[str, str]:
    """Run a command whose stderr is a terminal.

    Returns:
        What it wrote to the terminal, all of it, and to stdout.

    Raises:
        AssertionError: it failed.
    """
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, env=env) as process:
        os.close(theirs)
        written = b""
        try:
            while part := os.read(ours, _MOST):
                written += part
        except OSError:  # the other end is closed
            pass
        stdout, _ = process.communicate(timeout=timeout_s)
    os.close(ours)
    assert process.returncode == 0, written.decode()
    return written.decode(), stdout.decode()
