"""What becomes of a message on its way: order, outages, refusals, interruptions."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

import pytest
from pipetrail_sinks import backoff
from pipetrail_sinks.errors import BackPressureError
from pipetrail_sinks.message import Message
from pipetrail_sinks.notify import sink as notify_sink
from pipetrail_sinks.notify.channels.channel import Delivery
from pipetrail_sinks.notify.errors import ChannelDownError, MessageRefusedError, StateError
from pipetrail_sinks.notify.postman import Postman
from pipetrail_sinks.notify.routes import Route, Routes
from pipetrail_sinks.notify.sink import NotifySink
from pipetrail_sinks.notify.store import Store, counts
from support.alerts import NOON, Office, finding, parsed
from support.wait import wait_for

Opener = Callable[..., Office]
ROUTES = Routes((Route("all", ("chat",), wait=timedelta(), group="finding"),))


class Recorder:
    """A channel that keeps what it gets, and does as it is told before."""

    wants_acknowledgements = False

    def __init__(self, *outcomes: Exception | None) -> None:
        self.outcomes = list(outcomes)
        self.got: list[Delivery] = []
        self.tried: list[Delivery] = []

    def before(self) -> str:
        """Something to note."""
        return f"mark {len(self.tried)}"

    def send(self, delivery: Delivery) -> str:
        """Keep it, or fail."""
        self.tried.append(delivery)
        outcome = self.outcomes.pop(0) if self.outcomes else None
        if outcome is not None:
            raise outcome
        self.got.append(delivery)
        return f"thread {len(self.got)}"

    def close(self) -> None:
        """Nothing is held."""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "FIRST_S", 0.01)


@contextmanager
def serving(office: Office, channel: Recorder, name: str = "chat") -> Iterator[Postman]:
    """A postman at work."""
    postman = Postman(name, channel, office.store, lambda: office.now)
    postman.start()
    try:
        yield postman
    finally:
        postman.stop(120)


def titles(deliveries: Sequence[Delivery]) -> list[str]:
    """What arrived."""
    return [one.alert.items[0].title for one in deliveries]


def test_in_order_after_an_outage(open_office: Opener) -> None:
    """A channel that was down gets everything, in order, once it is back."""
    office = open_office(ROUTES)
    office.take(*(parsed(number) for number in range(20)))
    channel = Recorder(*(ChannelDownError("down") for _ in range(5)))
    with serving(office, channel):
        wait_for(lambda: len(channel.got) == 20, timeout_s=120, what="all messages")
    assert titles(channel.got) == [parsed(number).pipetrail.finding.title for number in range(20)]
    assert office.store.counts() == {("chat", "sent"): 20}


def test_others_go_on(open_office: Opener) -> None:
    """A channel that is down holds up no other."""
    office = open_office(Routes((Route("all", ("chat", "pager"), wait=timedelta(), group="finding"),)))
    office.take(*(parsed(number) for number in range(5)))
    down, up = Recorder(*(ChannelDownError("down", retry_after=600) for _ in range(99))), Recorder()
    with serving(office, down), serving(office, up, "pager"):
        wait_for(lambda: len(up.got) == 5, timeout_s=120, what="the other channel's messages")
    assert office.store.counts() == {("chat", "waiting"): 5, ("pager", "sent"): 5}


def test_refused_twice(open_office: Opener) -> None:
    """What is refused is sent as plain text; refused again, it is kept aside, and the next go on."""
    office = open_office(ROUTES)
    office.take(parsed(1), parsed(2), parsed(3))
    refused = MessageRefusedError("invalid_blocks")
    channel = Recorder(refused, None, refused, refused)
    with serving(office, channel):
        wait_for(lambda: len(channel.got) == 2, timeout_s=120, what="what can be sent")
    assert [one.plain for one in channel.tried] == [False, True, False, True, False]
    assert office.store.counts() == {("chat", "refused"): 1, ("chat", "sent"): 2}


@pytest.mark.parametrize("uncertain", [True, False])
def test_uncertain(open_office: Opener, uncertain: bool) -> None:  # noqa: FBT001
    """An attempt that may have arrived is known as that the next time; one that did not, is not."""
    office = open_office(ROUTES)
    office.take(parsed(1))
    channel = Recorder(ChannelDownError("timed out", uncertain=uncertain))
    with serving(office, channel):
        wait_for(lambda: channel.got, timeout_s=120, what="the message")
    (delivery,) = channel.got
    assert delivery.again == uncertain
    assert (delivery.mark == "mark 0") == uncertain


def test_interrupted(open_office: Opener) -> None:
    """What was on its way when the program ended is sent again, with what the channel had noted."""
    office = open_office(ROUTES)
    office.take(parsed(1))
    waiting = office.store.next("chat")
    assert waiting is not None
    office.store.begin(waiting.seq, "mark")
    office.restart()
    channel = Recorder()
    with serving(office, channel):
        wait_for(lambda: channel.got, timeout_s=120, what="the message")
    (delivery,) = channel.got
    assert (delivery.again, delivery.mark, delivery.alert.id) == (True, "mark", waiting.alert.id)


def test_thread(open_office: Opener) -> None:
    """What the first message gave back is given with the conversation's next, also after a restart."""
    office = open_office(ROUTES)
    office.take(parsed(1))
    channel = Recorder()
    with serving(office, channel):
        wait_for(lambda: channel.got, timeout_s=120, what="the first message")
        wait_for(lambda: office.store.next("chat") is None, timeout_s=120, what="it to be noted")
    office.restart()
    office.take(parsed(1, revision=2, status="resolved"))
    with serving(office, channel):
        wait_for(lambda: len(channel.got) == 2, timeout_s=120, what="the second message")
    assert [one.thread for one in channel.got] == [None, "thread 1"]


def test_a_fault_of_a_channel(open_office: Opener) -> None:
    """A channel's own mistake loses nothing and ends nothing."""
    office = open_office(ROUTES)
    office.take(parsed(1))
    channel = Recorder(KeyError("oops"))
    with serving(office, channel):
        wait_for(lambda: channel.got, timeout_s=120, what="the message")


def test_one_notifier_a_state(open_office: Opener) -> None:
    """Two notifiers with one state would tell everything twice: the second does not start."""
    office = open_office(ROUTES)
    with pytest.raises(StateError, match="another notifier"):
        Store(office.path)


def test_damaged_state(open_office: Opener) -> None:
    """A state that cannot be read stops the program, instead of being made anew."""
    office = open_office(ROUTES)
    office.close()
    office.path.write_bytes(b"no database, but long enough to be looked at as if it were one" * 100)
    with pytest.raises(StateError, match="cannot be used"):
        Store(office.path)


def test_counts_beside(open_office: Opener) -> None:
    """How it stands can be asked while a notifier is at work."""
    office = open_office(ROUTES)
    office.take(parsed(1))
    assert counts(office.path) == {("chat", "waiting"): 1}


def message(value: bytes | None) -> Message:
    """A message of the findings topic."""
    return Message("pipetrail.findings.v1", 0, 0, b"key", value)


def as_json(number: int) -> bytes:
    """A finding as it stands on the topic."""
    return parsed(number).model_dump_json(by_alias=True, exclude_none=True).encode()


def test_refusals(open_office: Opener) -> None:
    """What is no finding is refused, with its place; the others are taken, and tombstones say nothing."""
    office = open_office(ROUTES)
    sink = NotifySink(office.desk, {}, lambda: NOON)
    for value in (b"no JSON", as_json(1), b"{}", None):
        sink.add(message(value))
    refusals = sink.flush()
    assert [refusal.message.value for refusal in refusals] == [b"no JSON", b"{}"]
    assert all(refusal.error_type == "InvalidFinding" and refusal.error for refusal in refusals)
    assert office.store.counts() == {("chat", "waiting"): 1}
    assert finding(1)["pipetrail"]["finding"]["id"] == parsed(1).pipetrail.finding.id


def test_disk_full(open_office: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the state cannot be written, nothing is taken, so that Kafka keeps it; then all of it is."""
    office = open_office(ROUTES)
    sink = NotifySink(office.desk, {}, lambda: NOON)
    sink.add(message(as_json(1)))
    office.store._synced.execute("PRAGMA max_page_count = 1")  # SQLite's own way to have no space
    sink.add(message(as_json(2)))
    sizes = iter(range(3, 4000))
    for number in sizes:
        try:
            office.take(parsed(number, title="x" * 100))
        except StateError:
            break
    with pytest.raises(BackPressureError, match="full"):
        sink.flush()
    office.store._synced.execute("PRAGMA max_page_count = 1000000")
    assert sink.flush() == []
    assert {parsed(number).pipetrail.finding.id for number in (1, 2)} <= {place.items[0].finding for place in office.sent()}


def test_clock(open_office: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    """What falls due is sent without anything coming in."""
    monkeypatch.setattr(notify_sink, "_GRACE_S", 120.0)
    office = open_office(Routes((Route("all", ("chat",), wait=timedelta(seconds=30)),)))
    channel = Recorder()
    sink = NotifySink(office.desk, {"chat": Postman("chat", channel, office.store, lambda: office.now)}, lambda: office.now)
    sink.start()
    try:
        sink.add(message(as_json(1)))
        sink.flush()
        assert channel.got == []
        office.now += timedelta(seconds=30)
        wait_for(lambda: channel.got, timeout_s=120, what="the message")
    finally:
        sink.close()
    assert not [thread for thread in threading.enumerate() if thread.name in {"clock", "channel chat"}]
