"""Proxies before the collector: what they say of a client counts for nothing, and what they break is not lost."""

import json
import socket
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from pipetrail_producers.collector_access import access_of
from pipetrail_producers.http_delivery import HttpDelivery
from pipetrail_producers.message import Message
from support.collector import AGENT_TOKEN, Collector, signed
from support.faulty import Fault, before
from support.golden import SAMPLES

FORWARDED = {
    "X-Forwarded-For": "10.0.0.1, 127.0.0.1",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Client-Cert": 'Subject="CN=admin";URI=spiffe://acme/admin',
    "X-Real-IP": "127.0.0.1",
    "Forwarded": "for=127.0.0.1;proto=https;host=evil.example",
    "X-Remote-User": "admin",
}
FAULTS: tuple[Fault, ...] = ("latency", "reset", "reset_after", "black_hole", "slow_close")


def test_what_a_proxy_says_of_a_client_proves_nothing(collector: Collector) -> None:
    """No address, name or certificate that a header claims lets anybody in, or is kept; a signature does, with or without."""
    body = json.dumps({"zen": "x"}).encode()
    assert collector.post("/hooks/github", body, {**FORWARDED, "x-github-event": "ping"}).status_code == 401
    event = json.dumps(SAMPLES["build.finished"]).encode()
    content = {"content-type": "application/cloudevents+json"}
    assert collector.client.post("/v1/events", content=event, headers={**FORWARDED, **content}).status_code == 401
    plain = {"x-github-event": "ping", **signed(body)}
    assert [collector.github(body, {**plain, **more}).status_code for more in ({}, FORWARDED)] == [202, 202]
    without, with_them = collector.entries()
    assert (without.authtype, without.authid, without.headers) == (with_them.authtype, with_them.authid, with_them.headers)
    assert b"evil.example" not in repr(with_them).encode()


def test_behind_a_proxy_an_event_arrives_as_it_was_sent(collector: Collector) -> None:
    """A proxy that passes bytes on alters nothing; one that speaks the PROXY protocol, which nobody asked for, is refused."""
    port = urlsplit(collector.url).port or 0
    with before(port) as proxy:
        headers = {"authorization": f"Bearer {AGENT_TOKEN}", "content-type": "application/cloudevents+json"}
        body = json.dumps(SAMPLES["build.finished"]).encode()
        assert (
            httpx.post(f"{proxy.url}/v1/events", content=body, headers=headers, timeout=120, trust_env=False).status_code == 202
        )
        assert [entry.body for entry in collector.entries()] == [body]
        proxy.prefix = b"PROXY TCP4 10.0.0.1 127.0.0.1 4000 8480\r\n"
        with socket.create_connection(("127.0.0.1", urlsplit(proxy.url).port or 0), 120) as client:
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert client.recv(4096).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("fault", FAULTS)
def test_what_a_proxy_breaks_is_sent_again_and_counts_once(collector: Collector, tmp_path: Path, fault: Fault) -> None:
    """Under a fault what is not acknowledged is said to be so; when it is over, all is there: lost none, and each id once."""
    del tmp_path
    told = [{**SAMPLES["build.finished"], "id": f"36f491b9-8780-5534-b2c5-{number:012}"} for number in range(5)]
    messages = [Message("t", b"k", json.dumps(one).encode()) for one in told]
    with before(urlsplit(collector.url).port or 0) as proxy:
        way = HttpDelivery(access_of(proxy.url, {"PIPETRAIL_COLLECTOR_TOKEN": AGENT_TOKEN}))
        proxy.fault = fault
        for message in messages:
            way.send(message)
        left = way.settle(120.0 if fault == "latency" else 2.0)
        # A proxy that is only slow loses nothing; the others leave at least the first in doubt.
        assert bool(left) == (fault != "latency")
        assert proxy.seen >= 1
        proxy.fault = "none"
        again = HttpDelivery(access_of(proxy.url, {"PIPETRAIL_COLLECTOR_TOKEN": AGENT_TOKEN}))
        for one in left:
            again.send(one.message)
        assert again.settle(120.0) == []
    found = [event["id"] for entry in collector.entries() for event in json.loads(entry.body)]
    assert set(found) == {one["id"] for one in told}
