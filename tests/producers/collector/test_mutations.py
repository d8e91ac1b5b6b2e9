"""Ten thousand damaged deliveries of every system, through the collector into a real Kafka: none lost, none a fault."""

import copy
import http.client
import json
import random
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pipetrail_producers.webhook.systems import PLACES
from pipetrail_schemas import codec
from pipetrail_schemas.topics import DEAD_LETTERS, EVENTS
from support import bitbucket, github, gitlab
from support.collect import Running, running
from support.kafka import Message, ensure_topics, read_all
from support.wait import wait_for

SEED = 20261123
COUNT = 10_000
# Beyond this a sender would say that nobody answers: GitHub waits for 10 s. A busy machine may stand still for as long now and
# then; a body that the collector chokes on is not alone, since each place of each sample is damaged many times.
PATIENCE_S, SELDOM = 10.0, COUNT // 1000
_GIVE_UP_S = 300.0
SOURCES = "sources:\n" + "".join(
    f"  - {{name: {system}, system: {system}, unsigned: true}}\n" for system in PLACES if system != "generic"
)
GENERIC = """  - name: in-house
    system: generic
    unsigned: true
    instance: https://ci.acme.example
    mapping:
      - {kind: ping, when: payload.event == "ping", silent: it says nothing about delivery}
      - kind: incident
        when: payload.event == "incident"
        type: incident.reported
        id: payload.id
        time: payload.at
        fields: {event.reason: payload.reason, vcs.repository.url.full: payload.repository}
"""
CDEVENT = {
    "context": {
        "specversion": "0.5.1",
        "id": "271069a8-fc18-44f1-b38f-9d70a1695819",
        "source": "/event/source/123",
        "type": "dev.cdevents.pipelinerun.finished.0.3.0",
        "timestamp": "2026-11-23T09:06:40Z",
    },
    "subject": {"id": "run-7", "content": {"pipelineName": "ci", "outcome": "success", "uri": "https://ci.acme.example/7"}},
}
TEKTON = {
    "taskRun": {
        "metadata": {"name": "unit", "namespace": "ci", "uid": "7f2c1ab0", "labels": {"tekton.dev/pipelineTask": "unit"}},
        "status": {
            "startTime": "2026-11-23T09:00:00Z",
            "completionTime": "2026-11-23T09:06:40Z",
            "conditions": [{"type": "Succeeded", "status": "True", "reason": "Succeeded"}],
        },
    }
}
ARGOCD = {
    "app": {
        "kind": "Application",
        "metadata": {"name": "shop", "namespace": "argocd", "uid": "1"},
        "spec": {"destination": {"server": "https://kubernetes.default.svc", "namespace": "pay"}},
        "status": {"operationState": {"phase": "Succeeded", "startedAt": "2026-11-23T09:07:30Z"}},
    }
}
JENKINS = {
    "name": "shop",
    "url": "job/pay/job/shop/",
    "build": {
        "full_url": "https://ci.acme.example/job/pay/job/shop/18/",
        "number": 18,
        "timestamp": 1_795_424_531_000,
        "phase": "FINALIZED",
        "status": "SUCCESS",
        "scm": {"url": "https://forge.example/pay/shop.git", "branch": "main", "commit": "ab" * 20},
    },
}
HOOP = {
    "event_type": "session.open",
    "event_payload": {
        "id": "5701046a-7b7a-4a78-abb0-a24c95e6fe54",
        "user_email": "ann@acme.example",
        "connection": "prod-db",
        "verb": "connect",
        "start_date": "2026-11-23T09:07:30Z",
        "input": "select 1",
    },
}
INCIDENT = {
    "event": "incident",
    "id": 1,
    "at": "2026-11-23T09:00:00Z",
    "reason": "5xx",
    "repository": "https://forge.example/a",
}
SAMPLES: list[tuple[str, dict[str, str], Any]] = [
    *(("github", {"x-github-event": kind}, payload) for kind, payload in github.SAMPLES),
    *(("gitlab", {"x-gitlab-event": "x"}, payload) for payload in gitlab.SAMPLES),
    *(("bitbucket", {"x-event-key": kind}, payload) for kind, payload in bitbucket.SAMPLES),
    *(
        (name, {}, payload)
        for name, payload in (("jenkins", JENKINS), ("argocd", ARGOCD), ("cdevents", CDEVENT), ("hoop", HOOP))
    ),
    ("tekton", {"ce-id": "1", "ce-type": "dev.tekton.event.taskrun.successful.v1", "ce-specversion": "1.0"}, TEKTON),
    ("generic", {}, INCIDENT),
    ("generic", {}, {"event": "ping"}),
]
ODD: list[Any] = [
    None, True, 0, -1, 2**53, 2**70, 1e308, "", " ", "x" * 6000, "\x00", "https://", "http://[", "0" * 40, [], {}, [[]],
    {"": 0}, "2026-13-01T00:00:00Z", "sha256:", "\ud83d\ude00", {"a": {"b": {"c": []}}},
]  # fmt: skip


def mutations(count: int, run: str) -> Iterator[tuple[str, dict[str, str], bytes]]:
    """System, headers and body of damaged deliveries: places replaced or gone, bodies cut, doubled, or no JSON at all."""
    chance = random.Random(SEED)  # noqa: S311 - seeded, so that it can be repeated
    for number in range(count):
        system, headers, payload = chance.choice(SAMPLES)
        broken = copy.deepcopy(payload)
        for _ in range(chance.choice((0, 1, 1, 1, 2, 5))):
            _damage(broken, chance)
        body = json.dumps(broken, allow_nan=True).encode()
        kind = chance.random()
        if kind < 0.05:
            body = body[: chance.randrange(len(body) + 1)]
        elif kind < 0.07:
            body += body
        elif kind < 0.09:
            body = chance.randbytes(chance.randrange(200))
        elif kind < 0.10:
            body = b"[" * chance.randrange(5000)
        yield system, {**headers, "x-request-id": f"{run}-{number}", "content-type": "application/json"}, body


def _damage(payload: Any, chance: random.Random) -> None:
    inner = payload
    while isinstance(inner, dict | list) and inner:
        key: Any = chance.choice(list(inner)) if isinstance(inner, dict) else chance.randrange(len(inner))
        below = inner[key]
        if not isinstance(below, dict | list) or not below or chance.random() < 0.2:
            if isinstance(inner, dict) and chance.random() < 0.4:
                del inner[key]
            else:
                inner[key] = copy.deepcopy(chance.choice(ODD))
            return
        inner = below


def outcomes(page: str) -> Counter[str]:
    """What the collector counted: entries by their outcome."""
    found = re.findall(
        r'^pipetrail_collect_outcomes_total\{kind=.*,outcome="(\w+)",system=.*\} ([\d.e+]+)$', page, re.MULTILINE
    )
    counts: Counter[str] = Counter()
    for outcome, count in found:
        counts[outcome] += int(float(count))
    return counts


@pytest.mark.stack
def test_no_damaged_delivery_is_lost_or_a_fault(tmp_path: Path, stack: Any) -> None:
    """Each is answered with 2xx in time, and is an event, a dead letter or a count: the ledger closes, on the topics, too."""
    kafka = stack.connection.require_kafka()
    ensure_topics(kafka)
    before = {topic.name: _places(read_all(kafka, topic)) for topic in (EVENTS, DEAD_LETTERS)}
    with running(tmp_path, kafka, sources=SOURCES + GENERIC) as collector:
        statuses, late = send(collector, tmp_path.name)
        assert statuses == {202: COUNT}, f"seed {SEED}"
        assert late <= SELDOM
        wait_for(collector.delivered, timeout_s=300, what="Kafka to have all")
        counts = wait_for(lambda: _complete(collector.client), timeout_s=120, what="the counters")
    # Other tests may have written to the same topics before, and not only events.
    events, dead = (
        [message for message in read_all(kafka, topic) if not _places([message]) <= before[topic.name]]
        for topic in (EVENTS, DEAD_LETTERS)
    )
    assert counts["event"] + counts["dead"] + counts["silent"] == COUNT
    assert (len(events), len(dead)) == (counts["events"], counts["dead"])
    assert min(counts["event"], counts["dead"], counts["silent"]) > COUNT / 1000
    for message in events:
        codec.decode(message.value, message.headers)


def _places(messages: Iterable[Message]) -> set[tuple[int, int]]:
    """Where they stand: partition and offset."""
    return {(message.partition, message.offset) for message in messages}


def _complete(client: httpx.Client) -> Counter[str]:
    """The counters once they tell of all; nothing until then."""
    counts = outcomes(client.get("/metrics").text)
    return counts if counts["event"] + counts["dead"] + counts["silent"] >= COUNT else Counter()


def send(collector: Running, run: str) -> tuple[Counter[int], int]:
    """Send all, one after the other: how many had which status, and how many took too long."""
    connection = http.client.HTTPConnection(collector.client.base_url.host, collector.client.base_url.port, timeout=_GIVE_UP_S)
    statuses: Counter[int] = Counter()
    late = 0
    for system, headers, body in mutations(COUNT, run):
        began = time.monotonic()
        connection.request("POST", f"/hooks/{system}", body, headers)
        answer = connection.getresponse()
        answer.read()
        late += time.monotonic() - began > PATIENCE_S
        statuses[answer.status] += 1
    connection.close()
    return statuses, late
