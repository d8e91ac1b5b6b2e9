"""A small process that ends a server when the one who started it dies, however it dies.

Run as `python -m pipetrail_deploy.watchdog PID STARTED`. Its standard input is a pipe whose other end only the owner holds:
when the owner ends, by kill -9 too, the system closes it. The owner closes it when it has ended the server itself.
"""

import contextlib
import os
import subprocess
import sys
from dataclasses import dataclass

from pipetrail_deploy.process import Process

_STOP_TIMEOUT_S = 10.0  # nobody waits for it any more: the data of an owner that died is most likely a test's
_END_TIMEOUT_S = 90.0  # it has nothing to do, and may have to wait for the kernel to give it a moment


@dataclass(frozen=True, slots=True)
class Watchdog:
    """The owner's side of it."""

    child: subprocess.Popen[bytes]

    def release(self) -> None:
        """Let it go, after the server has been ended."""
        if self.child.stdin:
            self.child.stdin.close()
        self.child.wait(_END_TIMEOUT_S)


def watch(process: Process) -> Watchdog:
    """Have `process` end when this one does."""
    command = [sys.executable, "-m", "pipetrail_deploy.watchdog", str(process.pid), process.started]
    return Watchdog(subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True))


def main(arguments: list[str]) -> None:
    """Wait for the owner's end, then end the server."""
    pid, started = arguments
    with contextlib.suppress(OSError):
        while os.read(sys.stdin.fileno(), 1):
            pass
    Process(int(pid), started).end(_STOP_TIMEOUT_S)


if __name__ == "__main__":
    main(sys.argv[1:])
