"""What tests of every room share: the local stack, started once a run for those who ask for it."""

import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from pipetrail_deploy.places import Home, remove_data
from pipetrail_deploy.stack import Stack, running

# What `nohup` and a shell's `&` let a program ignore. Tests send these to programs that inherit it from here.
_IGNORED_IN_BACKGROUND = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT)


def pytest_configure() -> None:
    """Take signals as a program in the foreground does, however the run was started."""
    for number in _IGNORED_IN_BACKGROUND:
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """A real Kafka and a real OpenSearch with users and TLS, on free ports, for this run only."""
    # pytest's own temporary folders are closed to the account that runs the servers when the tests run as root.
    folder = Path(tempfile.mkdtemp(prefix="pipetrail-stack-"))
    folder.chmod(0o755)
    try:
        with running(folder) as started:
            yield started
    finally:
        remove_data(Home(folder))
        shutil.rmtree(folder)
