"""`pipetrail notify` beside a real Kafka: killed, with a receiver that is down, with everything read again."""

import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.kafka import ensure_topics
from support.notify_bench import NotifyBench
from support.pages import PagesOf
from support.receiver import Receiver
from support.wait import wait_for

if TYPE_CHECKING:
    from pipetrail_deploy.stack import Stack

pytestmark = pytest.mark.stack

ROUTES = """\
channels:
  hook: {{type: webhook, url: "{hook}/hook", secrets: [{{env: TEST_SECRET}}]}}
  other: {{type: webhook, url: "{other}/hook", secrets: [{{env: TEST_SECRET}}]}}
  screen: {{type: console}}
routes:
  - {{name: all, to: [hook, other, screen], wait: 0s}}
"""
KILLS = 10
EACH = 60  # findings that come for each life of the notifier


@pytest.fixture
def bench(stack: "Stack", tmp_path: Path, receiver: Receiver, other: Receiver) -> NotifyBench:
    """A corner for one test."""
    ensure_topics(stack.connection.require_kafka())
    return NotifyBench(stack, tmp_path, ROUTES.format(hook=receiver.url, other=other.url))


def findings_of(receiver: Receiver) -> Counter[str]:
    """How many different messages told of each finding: repetitions have the same id."""
    told = {request.headers["webhook-id"]: request.json["data"]["items"] for request in receiver.requests}
    return Counter(item["finding"] for items in told.values() for item in items)


def _acknowledgeable(bench: NotifyBench) -> Counter[str]:
    """How often each finding was shown, by the beginning of its id."""
    return Counter(re.findall(r"finding ack (\w{8})", bench.shown.read_text()))


def test_killed_ten_times(bench: NotifyBench, receiver: Receiver) -> None:
    """Killed ten times under load: every finding reaches the receiver and the terminal, each once."""
    documents = [bench.finding(number) for number in range((KILLS + 1) * EACH)]
    wanted = Counter(document["event"]["id"] for document in documents)
    for life in range(KILLS):
        before = len(receiver.requests)
        bench.produce(documents[life * EACH : (life + 1) * EACH])
        with bench.notify(ready=False) as process:
            # Somewhere in the middle of it: at another place each time.
            wait_for(lambda: len(receiver.requests) > before + 3 * life, timeout_s=120, what="messages")  # noqa: B023
            process.kill()
    bench.produce(documents[KILLS * EACH :])
    with bench.notify():
        wait_for(lambda: findings_of(receiver) == wanted, timeout_s=120, what="all findings")
        # The line that ends a message, so that none is looked at while it is written.
        wait_for(lambda: _acknowledgeable(bench).keys() == {name[:8] for name in wanted}, timeout_s=120, what="all to be shown")
    assert len(receiver.requests) <= len(wanted) + KILLS
    assert _acknowledgeable(bench) == {name[:8]: 1 for name in wanted}
    assert "you may have it already" not in bench.shown.read_text()


def test_channel_down(bench: NotifyBench, receiver: Receiver, other: Receiver) -> None:
    """While a receiver is down others get theirs; it gets all of its own later, in order, and Kafka was not kept waiting."""
    receiver.down = True
    documents = [bench.finding(number) for number in range(100)]
    with bench.notify() as process:
        bench.produce(documents)
        wait_for(lambda: sum(findings_of(other).values()) == 100, timeout_s=120, what="the other receiver's messages")
        pages = PagesOf(process)
        pages.wait_until_ready(120)
        assert pages.figures()["pipetrail_notify_alerts_waiting"] > 0
        assert receiver.requests == []
        receiver.down = False
        wait_for(lambda: sum(findings_of(receiver).values()) == 100, timeout_s=120, what="all messages")
    for one in (receiver, other):
        assert set(findings_of(one).values()) == {1}


def test_everything_read_again(bench: NotifyBench, receiver: Receiver) -> None:
    """A group that reads everything from the start tells nothing twice, and goes on with what is new."""
    with bench.notify():
        bench.produce(bench.finding(number) for number in range(50))
        wait_for(lambda: len(receiver.requests) == 50, timeout_s=120, what="all messages")
    with bench.notify(group=bench.new_group()):
        bench.produce([bench.finding(3, revision=2, status="resolved"), bench.finding(50)])
        wait_for(lambda: len(receiver.requests) == 52, timeout_s=120, what="what is new")
    assert Counter(request.json["type"] for request in receiver.requests) == {"alert.opened": 51, "alert.resolved": 1}


def test_second_notifier(bench: NotifyBench) -> None:
    """Of two notifiers in one group the older one ends, and says so: half the findings each would be nobody's idea."""
    with bench.notify() as first, bench.notify(state="other.sqlite") as second:
        assert first.popen.wait(120) != 0
        first.ended = True
        assert "Kafka" in first.log_file.read_text()
        second.require_running()


def test_console(bench: NotifyBench) -> None:
    """`--console` shows every finding on a terminal, in colour, without a routes file; a second one shows nothing again."""
    bench.produce(bench.finding(number) for number in range(3))
    for wanted in (["ack 00000000", "ack 00000001", "ack 00000002"], ["ack 00000003"]):
        with bench.console() as screen:
            wait_for(lambda: all(text in screen.text for text in wanted), timeout_s=120, what="the findings")  # noqa: B023
            assert "\x1b[31m" in screen.text
            assert screen.text.count("ack 0000") == len(wanted)
        bench.produce([bench.finding(3)])
