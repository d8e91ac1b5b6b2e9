"""A collector that listens on a free port, in a thread, without Kafka: what comes in, and what the store then holds."""

import hmac
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from pipetrail_producers.collector import app, entry, server, sources
from pipetrail_producers.collector.backlog import Backlog
from pipetrail_producers.collector.entry import Entry
from pipetrail_producers.collector.settings import CollectSettings

GITHUB_SECRET = "a secret of the forge, long enough"
AGENT_TOKEN = "a-token-of-the-agents-long-enough"
ENV = {"GITHUB_WEBHOOK_SECRET": GITHUB_SECRET, "AGENTS_TOKEN": AGENT_TOKEN}
SOURCES = """
events:
  tokens: [{name: build-agents, secrets: [{env: AGENTS_TOKEN}]}]
sources:
  - {name: forge, system: github, secrets: [{env: GITHUB_WEBHOOK_SECRET}]}
  - {name: cluster, system: tekton, unsigned: true}
  - name: in-house
    system: generic
    unsigned: true
    instance: https://ci.acme.example
    headers: [X-Team]
    mapping:
      - {kind: ping, when: payload.event == "ping", silent: it says nothing about delivery}
      - kind: incident
        when: payload.event == "incident"
        type: incident.reported
        id: payload.id
        fields: {event.reason: payload.reason}
"""
_START_S = 120.0


@dataclass(slots=True)
class Collector:
    """A collector that listens."""

    url: str
    folder: Path
    sources: sources.Sources
    client: httpx.Client

    def entries(self) -> list[Entry]:
        """What the store holds, in order."""
        return [entry.decode(item.content) for item in Backlog(self.folder).read(100_000, 2**30)]

    def post(self, path: str, body: bytes, headers: Mapping[str, str] | None = None) -> httpx.Response:
        """Send a body."""
        return self.client.post(path, content=body, headers={"content-type": "application/json", **(headers or {})})

    def github(self, body: bytes, headers: Mapping[str, str] | None = None) -> httpx.Response:
        """Send a webhook of GitHub's, signed."""
        return self.post("/hooks/github", body, {"x-github-event": "push", **signed(body), **(headers or {})})

    def events(self, body: bytes, content_type: str = "application/cloudevents+json", **headers: str) -> httpx.Response:
        """Send events as an agent does."""
        told = {"content-type": content_type, "authorization": f"Bearer {AGENT_TOKEN}", **headers}
        return self.post("/v1/events", body, told)


def signed(body: bytes, secret: str = GITHUB_SECRET) -> dict[str, str]:
    """GitHub's signature header of a body."""
    return {"x-hub-signature-256": "sha256=" + hmac.new(secret.encode(), body, "sha256").hexdigest()}


@contextmanager
def listening(
    home: Path,
    text: str = SOURCES,
    *,
    env: Mapping[str, str] = ENV,
    folder: str = "store",
    verify: ssl.SSLContext | bool = True,
    **settings: Any,
) -> Iterator[Collector]:
    """A collector while the context lasts. `text`: the sources file; `verify`: the client's; `settings`: CollectSettings'."""
    path = home / "sources.yaml"
    path.write_text(text, encoding="utf-8")
    allowed = sources.load(path, env)
    loaded = CollectSettings(sources=path, port=0, **settings)
    built = app.build(loaded, allowed, home / folder, deliver=False, env={})
    ports: list[int] = []
    started = threading.Event()

    def ready(port: int) -> None:
        ports.append(port)
        started.set()

    running = server.made(built, loaded, ready=ready)
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    try:
        assert started.wait(_START_S), "the collector did not start"
        url = f"{'https' if loaded.tls_certificate else 'http'}://127.0.0.1:{ports[0]}"
        with httpx.Client(base_url=url, timeout=120.0, trust_env=False, verify=verify) as client:
            yield Collector(url, home / folder, allowed, client)
    finally:
        running.should_exit = True
        thread.join(_START_S)
