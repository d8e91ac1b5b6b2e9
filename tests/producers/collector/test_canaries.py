"""A hundred secrets come in through every door; none is found in the store, in a log, on a topic or in an answer."""

import json
import random
import string
import uuid
from pathlib import Path
from typing import Any

import pytest
from pipetrail_schemas.topics import DEAD_LETTERS, EVENTS
from support import github
from support.collect import running
from support.collector import AGENT_TOKEN, GITHUB_SECRET, SOURCES, signed
from support.kafka import ensure_topics, read_all
from support.wait import wait_for

SEED = 20261123
CANARIES = 100
_LETTERS = string.ascii_letters + string.digits
# How issuers' secrets look, and what stands before those that have no look of their own; {} is the part that nobody can guess.
SHAPES = (
    "ghp_{}",
    "glpat-{}",
    "xoxb-{}",
    "npm_{}",
    "hvs.{}",
    "sk_live_{}",
    "eyJhbGciOiJub25lIn0.eyJ{}.c2lnbmF0dXJl",
    "https://ada:{}@git.acme.example/shop",
    "Authorization: Bearer {}",
    "deploy --password={}",
)


def deliveries(run: str, secrets: list[str]) -> list[tuple[str, dict[str, str], bytes]]:
    """Path, headers and body, each with one secret: in texts, under telling names, escaped, in what is broken, in headers."""
    made: list[tuple[str, dict[str, str], bytes]] = []
    for number, secret in enumerate(secrets):
        text = "see " + SHAPES[number % len(SHAPES)].format(secret)
        escaped = json.dumps(f"line\n{text}").replace("p", "\\u0070")
        incident = {"event": "incident", "id": f"{run}-{number}", "reason": text}
        push = json.dumps(
            {**github.push(), "head_commit": {**github.commit(github.HEAD), "message": text}, "run": run}
        ).encode()
        made.append(
            [
                ("/hooks/generic", {}, json.dumps(incident).encode()),
                ("/hooks/generic", {}, json.dumps({"run": run, "deep": [{"api_token": secret}]}).encode()),
                ("/hooks/generic", {}, json.dumps({"run": run, "env": [{"name": "DB_PASSWORD", "value": secret}]}).encode()),
                ("/hooks/generic", {}, f'{{"run": "{run}", "a": {escaped}}}'.encode()),
                ("/hooks/generic", {}, f"{run} is no JSON: {text}".encode()),
                ("/hooks/generic", {"user-agent": text, "x-api-key": secret, "cookie": secret}, f'{{"run": "{run}"}}'.encode()),
                ("/hooks/github", {"x-github-event": "push", **signed(push)}, push),
                ("/v1/events", {}, json.dumps(event(run, text)).encode()),
                ("/v1/events", {}, json.dumps({**event(run, text), "type": "nothing"}).encode()),
                ("/v1/events", {"authorization": f"Bearer {secret}"}, json.dumps(event(run, "stranger")).encode()),
            ][number // len(SHAPES)]
        )
    return made


def event(run: str, text: str) -> dict[str, Any]:
    """An event of an agent's that holds a text."""
    sample: dict[str, Any] = json.loads((Path(__file__).parents[3] / "schemas/samples/v1/incident.reported.json").read_bytes())
    return {**sample, "id": str(uuid.uuid4()), "subject": run, "data": {**sample["data"], "event": {"reason": text}}}


@pytest.mark.stack
def test_no_canary_is_found_anywhere(tmp_path: Path, stack: Any) -> None:
    """A hundred secrets through ten ways in: the store while Kafka is away, logs, events, dead letters, answers hold none."""
    kafka = stack.connection.require_kafka()
    ensure_topics(kafka)
    chance = random.Random(SEED)  # noqa: S311 - seeded, so that it can be repeated
    secrets = ["".join(chance.choices(_LETTERS, k=36)) for _ in range(CANARIES)]
    run = uuid.uuid4().hex
    said: list[bytes] = []
    with running(tmp_path, kafka, sources=SOURCES) as collector:
        stack.kafka.stop()
        try:
            for path, headers, body in deliveries(run, secrets):
                own = {"content-type": "application/cloudevents+json", "authorization": f"Bearer {AGENT_TOKEN}"}
                answer = collector.client.post(path, content=body, headers={**(own if path == "/v1/events" else {}), **headers})
                assert answer.status_code == (401 if "authorization" in headers else 400 if b'"nothing"' in body else 202)
                said.append(answer.content)
            said += [collector.client.get(page).content for page in ("/metrics", "/healthz", "/openapi.json")]
            said += [path.read_bytes() for path in collector.store.rglob("*") if path.is_file()]
        finally:
            stack.kafka.start()
        wait_for(collector.delivered, timeout_s=120, what="Kafka to have all")
    messages = [*read_all(kafka, EVENTS), *read_all(kafka, DEAD_LETTERS)]
    of_run = [message for message in messages if run.encode() in (message.value or b"") + (message.key or b"")]
    assert len(of_run) >= 80
    said += [(message.value or b"") + b"".join(value or b"" for _, value in message.headers) for message in messages]
    said += [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path.name != "sources.yaml"]
    everything = b"\n".join(said)
    assert [secret for secret in (*secrets, GITHUB_SECRET, AGENT_TOKEN) if secret.encode() in everything] == []
