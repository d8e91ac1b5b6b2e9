"""The pages of a program: what they say, and that they cannot be made to harm it."""

import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from pipetrail_schemas.errors import SettingError
from pipetrail_schemas.service.figures import Figures, Rate
from pipetrail_schemas.service.health import Health
from pipetrail_schemas.service.pages import Pages
from pipetrail_schemas.service.settings import WatchedSettings
from pipetrail_schemas.service.watched import Watch, watched
from prometheus_client.parser import text_string_to_metric_families
from pydantic_settings import SettingsConfigDict
from support.wait import wait_for


class Settings(WatchedSettings):
    """Those of a program that there is not."""

    model_config = SettingsConfigDict(env_prefix="PIPETRAIL_SAMPLE_")


def health_of(*, away_after_s: float = 3600, **starting: str) -> Health:
    """A program that needs Kafka."""
    return Health(starting=starting, needs=["Kafka"], stuck_after_s=3600, away_after_s=away_after_s)


@contextmanager
def serving(health: Health, asks: dict[str, Callable[[], None]] | None = None) -> Iterator[Pages]:
    """The pages of a program with one figure of each kind."""
    figures = Figures("sample")
    figures.counter("messages", "What was taken in", lambda: 3)
    figures.gauge("lag_events", "What waits", lambda: {"b": 2.0, "a": 1.0}, label="topic")
    with watched(Watch(health, figures, asks or {}), Settings(port=0), usual_port=0, every_s=0.01) as pages:
        yield pages


def get(pages: Pages, path: str, method: str = "GET") -> tuple[int, str, str]:
    """Status, content type and body of a page."""
    connection = http.client.HTTPConnection("127.0.0.1", pages.port, timeout=120)
    connection.request(method, path)
    answer = connection.getresponse()
    found = answer.status, answer.headers["Content-Type"], answer.read().decode()
    connection.close()
    return found


def test_healthz_and_readyz_say_how_it_is_and_why() -> None:
    """200 when well, 503 with the reason when not; what is not ready is still alive."""
    health = health_of(state="recovering")
    with serving(health) as pages:
        assert get(pages, "/healthz") == (200, "application/json", '{"alive": true, "problems": {}}\n')
        status, _, body = get(pages, "/readyz")
        assert (status, json.loads(body)) == (503, {"ready": False, "problems": {"state": "recovering"}})
        health.set("state", "")
        assert get(pages, "/readyz?from=monitor")[0] == 200


def test_metrics_are_in_prometheus_format() -> None:
    """Prometheus' own parser reads them: the figures, readiness, and those of the process."""
    with serving(health_of()) as pages:
        status, content_type, body = get(pages, "/metrics")
    assert (status, content_type.partition(";")[0]) == (200, "text/plain")
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(body)
        for sample in family.samples
    }
    assert samples["pipetrail_sample_messages_total",] == 3
    assert (samples["pipetrail_sample_lag_events", "a"], samples["pipetrail_sample_lag_events", "b"]) == (1, 2)
    assert samples["pipetrail_sample_ready",] == 1
    assert samples["process_resident_memory_bytes",] > 0


def test_a_system_that_does_not_answer_is_noticed_and_its_return_too() -> None:
    """The thread that asks survives every error, and the reason is told."""
    away = threading.Event()
    away.set()

    def ask() -> None:
        if away.is_set():
            raise ValueError("nobody there")

    with serving(health_of(away_after_s=1), {"Kafka": ask}) as pages:
        wait_for(lambda: get(pages, "/readyz")[0] == 503, timeout_s=120, what="the pages to notice")
        assert "nobody there" in get(pages, "/readyz")[2]
        assert get(pages, "/healthz")[0] == 200
        away.clear()
        wait_for(lambda: get(pages, "/readyz")[0] == 200, timeout_s=120, what="the pages to notice")


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/", 404), ("POST", "/healthz", 501), ("HEAD", "/healthz", 200)]
)
def test_there_is_nothing_else(method: str, path: str, status: int) -> None:
    """Other pages are not found, and nothing is taken in."""
    with serving(health_of()) as pages:
        assert get(pages, path, method)[0] == status


def test_who_asks_and_says_nothing_keeps_nobody_else_from_an_answer() -> None:
    """Half a request on some connections; others are answered. More than a few at once are turned away, not stored up."""
    with serving(health_of()) as pages:
        open_ones = [socket.create_connection(("127.0.0.1", pages.port)) for _ in range(10)]
        for one in open_ones:
            one.sendall(b"GET /heal")
        assert get(pages, "/healthz")[0] == 200
        open_ones += [socket.create_connection(("127.0.0.1", pages.port)) for _ in range(10)]
        assert open_ones[-1].recv(1) == b""
        for one in open_ones:
            one.close()
        wait_for(lambda: _answered(pages), timeout_s=120, what="an answer again")


def _answered(pages: Pages) -> bool:
    try:
        return get(pages, "/healthz")[0] == 200
    except (OSError, http.client.HTTPException):
        return False


def test_a_port_that_was_asked_for_and_is_taken_stops_the_program() -> None:
    """It names the setting; the usual port gives way to a free one instead, so that several workers run on one machine."""
    with serving(health_of()) as first:
        figures = Figures("sample")
        with pytest.raises(SettingError, match=r"PIPETRAIL_SAMPLE_PORT: 127.0.0.1:\d+ cannot be listened on"):
            watched(Watch(health_of(), figures), Settings(port=first.port), usual_port=0).__enter__()
        with watched(Watch(health_of(), figures), Settings(), usual_port=first.port) as second:
            assert second.port != first.port
            assert get(second, "/healthz")[0] == 200


def test_only_this_machine_reaches_the_pages_unless_somebody_says_otherwise() -> None:
    """The default is the loopback."""
    with serving(health_of()) as pages:
        assert pages.address == f"127.0.0.1:{pages.port}"


def test_a_rate_is_the_average_of_the_last_minute() -> None:
    """What was before does not count."""
    now, count = 0.0, 0.0
    rate = Rate(lambda: count, lambda: now)
    assert rate.per_second() == 0
    for _ in range(100):
        now, count = now + 2, count + 200
        rate.look()
    assert rate.per_second() == 100
    for _ in range(40):
        now += 2
        rate.look()
    assert rate.per_second() == 0
