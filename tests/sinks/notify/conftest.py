"""What the notifier's tests share."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pipetrail_sinks.notify.routes import Routes
from support.alerts import Office
from support.receiver import Receiver
from support.relay import Mailbox


@pytest.fixture
def open_office(tmp_path: Path) -> Iterator[Callable[..., Office]]:
    """Makes offices, and closes their state files at the end."""
    made: list[Office] = []

    def make(routes: Routes, *, deaf: frozenset[str] = frozenset()) -> Office:
        office = Office(tmp_path / str(len(made)), routes, deaf=deaf)
        made.append(office)
        return office

    yield make
    for office in made:
        office.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver of HTTP."""
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def mailbox(tmp_path: Path) -> Iterator[Mailbox]:
    """A mail relay."""
    made = Mailbox(tmp_path / "tls")
    yield made
    made.close()


@pytest.fixture
def other() -> Iterator[Receiver]:
    """A second receiver of HTTP."""
    made = Receiver()
    yield made
    made.close()
