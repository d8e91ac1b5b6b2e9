"""What tests of every room share: the local stack, started once a run for those who ask for it."""

import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from pipetrail_deploy.places import Home, remove_data
from pipetrail_deploy.stack import Stack, running

# What `nohup` and a shell's `&` let a program ignore. Tests send these to programs that inherit it from here.
_IGNORED_IN_BACKGROUND = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT)


def pytest_configure(config: pytest.Config) -> None:
    """Make the run the same everywhere: for signals, and for what Hypothesis tries."""
    _take_signals()
    _tame_hypothesis(anywhere=config.getoption("hypothesis_seed", None) is not None)


def _take_signals() -> None:
    """Take signals as a program in the foreground does, however the run was started."""
    for number in _IGNORED_IN_BACKGROUND:
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


def _tame_hypothesis(*, anywhere: bool) -> None:
    """On a busy machine a slow example says nothing about the code, and what passes on one machine must on the next.

    So each law is tried with the same examples every time, which change when its test does. `anywhere`: with others, by a seed;
    `make laws` goes looking that way, for as long as one likes.
    """
    settings.register_profile(
        "pipetrail", deadline=None, derandomize=not anywhere, suppress_health_check=[HealthCheck.too_slow]
    )
    settings.load_profile("pipetrail")


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
