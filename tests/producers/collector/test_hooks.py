"""The door for webhooks: who is let in, what is kept of what they bring, and how it is answered."""

import gzip
import hashlib
import json
import socket
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote_plus

import pytest
from support import gitlab
from support.collector import GITHUB_SECRET, SOURCES, Collector, listening, signed

BODY = b'{ "ref": "refs/heads/main",\n  "number": 1.0 }'
CANARY = "ghp_" + "c4n4ry" * 6


def test_what_is_accepted_is_kept_as_it_came(collector: Collector) -> None:
    """An accepted delivery is in the store before the answer: its bytes, its hash, who proved to have sent it, and when."""
    answer = collector.github(BODY, {"x-github-delivery": "d-1", "x-unknown": "x"})
    assert (answer.status_code, answer.json()) == (202, {"status": "stored"})
    (entry,) = collector.entries()
    assert (entry.body, entry.sha256, entry.masked) == (BODY, hashlib.sha256(BODY).hexdigest(), False)
    assert (entry.system, entry.source, entry.path) == ("github", "forge", "/hooks/github")
    assert (entry.authtype, entry.authid) == ("hmac", "forge")
    assert abs((datetime.now(UTC) - entry.received).total_seconds()) < 400
    assert entry.headers["x-github-event"] == "push"
    assert entry.headers["x-github-delivery"] == "d-1"
    assert "x-unknown" not in entry.headers
    assert "x-hub-signature-256" not in entry.headers


@pytest.mark.parametrize("headers", [{}, signed(BODY, "another secret, long enough"), signed(BODY + b" ")])
def test_what_is_not_proven_is_refused_and_not_kept(collector: Collector, headers: dict[str, str]) -> None:
    """Without a good signature nothing is stored, and the sender is told what is missing."""
    answer = collector.post("/hooks/github", BODY, headers)
    assert (answer.status_code, answer.json()["detail"]) == (401, "x-hub-signature-256 is missing or wrong")
    assert collector.entries() == []


def test_a_delivery_of_anybody_is_marked(collector: Collector) -> None:
    """A source that the settings call unsigned takes everything, and its entries say that nobody proved anything."""
    assert collector.post("/hooks/tekton", b"{}").status_code == 202
    (entry,) = collector.entries()
    assert entry.authtype == "unauthenticated"


def test_a_stream_of_gitlabs_audit_events_is_taken(tmp_path: Path) -> None:
    """It has its token in a header of its own, and says of its JSON that it is a form."""
    token = "a stream's token, long enough"
    (tmp_path / "token").write_text(token, encoding="utf-8")
    text = f"sources:\n  - {{name: lab, system: gitlab, secrets: [{{file: {tmp_path / 'token'}}}]}}\n"
    body = json.dumps(gitlab.audit("protected_branch_removed")).encode()
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        "x-gitlab-event-streaming-token": token,
        "x-gitlab-audit-event-type": "protected_branch_removed",
    }
    with listening(tmp_path, text) as collector:
        assert collector.post("/hooks/gitlab/lab", body, headers).status_code == 202
        assert collector.post("/hooks/gitlab/lab", body, headers | {"x-gitlab-event-streaming-token": "x"}).status_code == 401
        (entry,) = collector.entries()
        assert (entry.body, entry.authtype) == (body, "token")
        assert "x-gitlab-event-streaming-token" not in entry.headers


def test_headers_that_the_settings_name_are_kept(collector: Collector) -> None:
    """A generic source's mapping may need headers that no known system has."""
    collector.post("/hooks/generic", b"{}", {"X-Team": "pay"})
    assert collector.entries()[0].headers["x-team"] == "pay"


def test_a_source_has_a_path_of_its_own(tmp_path: Path) -> None:
    """Several sources of a system are told apart by name; the system's own path is there only for a single one."""
    text = SOURCES + "  - {name: other, system: tekton, unsigned: true}\n"
    with listening(tmp_path, text) as collector:
        assert collector.post("/hooks/tekton/other", b"{}").status_code == 202
        assert collector.post("/hooks/tekton/cluster", b"{}").status_code == 202
        assert collector.post("/hooks/tekton", b"{}").status_code == 404
        assert [entry.source for entry in collector.entries()] == ["other", "cluster"]


def test_an_unknown_path_is_no_source(collector: Collector) -> None:
    """What no source has is not found, and other methods are not allowed."""
    assert collector.post("/hooks/gitlab", b"{}").status_code == 404
    assert collector.client.get("/hooks/github").status_code == 405


def test_too_large_a_body_is_refused_unread(tmp_path: Path) -> None:
    """A body over the bound is refused by what it announces, and by what comes when nothing was announced."""
    with listening(tmp_path, body_bytes=1024) as collector:
        assert collector.github(b"x" * 1024).status_code == 202
        assert collector.github(b"x" * 1025).status_code == 413
        pieces = (b"x" * 512 for _ in range(3))
        answer = collector.client.post("/hooks/tekton", content=pieces)
        assert answer.status_code == 413
        assert len(collector.entries()) == 1


def test_a_slow_body_is_not_waited_for(tmp_path: Path) -> None:
    """Who sends his body drop by drop is answered with 408 in time."""
    with listening(tmp_path, body_timeout_s=0.2) as collector:
        host, port = collector.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), 120) as connection:
            connection.sendall(b"POST /hooks/tekton HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{")
            assert connection.recv(4096).startswith(b"HTTP/1.1 408 ")
        assert collector.entries() == []


def test_a_compressed_body_is_refused(collector: Collector) -> None:
    """A compressed body could be of any size: it is told to come as it is."""
    answer = collector.post("/hooks/tekton", gzip.compress(b"{}"), {"content-encoding": "gzip"})
    assert answer.status_code == 415


def test_a_full_store_is_told_with_when_to_come_again(tmp_path: Path) -> None:
    """A store at its bound answers 503 and Retry-After, keeps what it has, and /healthz and /readyz say so."""
    with listening(tmp_path, store_bytes=1024 * 1024) as collector:
        body = json.dumps({"text": "x" * 340_000}).encode()
        answers = [collector.post("/hooks/tekton", body) for _ in range(5)]
        assert [answer.status_code for answer in answers] == [202, 202, 202, 503, 503]
        assert answers[-1].headers["retry-after"]
        assert "is full" in answers[-1].json()["detail"]
        assert len(collector.entries()) == 3
        for page in ("/healthz", "/readyz"):
            health = collector.client.get(page)
            assert (health.status_code, health.json()["ready"]) == (503, False)


def test_health_says_what_waits(collector: Collector) -> None:
    """/healthz tells the store's size and what Kafka does not have; /metrics counts requests by source and status."""
    collector.post("/hooks/tekton", b"{}")
    health = collector.client.get("/healthz")
    told = health.json()
    assert (health.status_code, told["ready"]) == (200, True)
    assert told["store"]["bytes"] == told["delivery"]["waiting_bytes"] > 0
    page = collector.client.get("/metrics").text
    assert 'pipetrail_collect_requests_total{door="hook",source="cluster",status="202"} 1.0' in page


def test_redeliveries_are_accepted_and_counted(collector: Collector) -> None:
    """The same id and body is a redelivery; the same id with another body is told apart, since ids are not signed."""
    for body in (BODY, BODY, b'{"other": 1}'):
        assert collector.github(body, {"x-github-delivery": "d-1"}).status_code == 202
    page = collector.client.get("/metrics").text
    for seen in ("new", "again", "altered"):
        assert f'pipetrail_collect_deliveries_total{{seen="{seen}",source="forge"}} 1.0' in page


def test_a_forms_payload_is_unwrapped(collector: Collector) -> None:
    """GitHub can send JSON as a form's field: its signature is over the form, and what is kept is the JSON."""
    body = f"payload={quote_plus(BODY.decode())}".encode()
    assert collector.github(body, {"content-type": "application/x-www-form-urlencoded"}).status_code == 202
    (entry,) = collector.entries()
    assert (entry.body, entry.headers["content-type"]) == (BODY, "application/json")
    assert entry.sha256 == hashlib.sha256(body).hexdigest()


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"text": f"token {CANARY}"}).encode(),
        json.dumps({"deep": [{"password": "hunter2-hunter2"}], "text": "x\n" + CANARY}).encode(),
        json.dumps({"variables": [{"key": "DB_PASSWORD", "value": "hunter2-hunter2"}]}).encode(),
        f'{{"a": "{GITHUB_SECRET}"}}'.encode(),
        f"not json, but {CANARY}".encode(),
        b"\xff\xfe not even text " + CANARY.encode(),
        f'{{"a": 1}}\n{{"b": "{CANARY}"}}'.encode(),
        ('{"a":' * 300 + f'"{CANARY}"' + "}" * 300).encode(),
    ],
)
def test_no_secret_gets_into_the_store(collector: Collector, body: bytes) -> None:
    """Whatever a body is, secrets in it are replaced before it is kept; what it was is still known by its hash."""
    assert collector.github(body).status_code == 202
    (entry,) = collector.entries()
    assert (entry.masked, entry.sha256) == (True, hashlib.sha256(body).hexdigest())
    assert b"[redacted:" in entry.body
    kept = b"".join(path.read_bytes() for path in collector.folder.iterdir())
    for secret in (CANARY, "hunter2", GITHUB_SECRET):
        assert secret.encode() not in kept


def test_a_masked_body_is_still_what_it_was(collector: Collector) -> None:
    """JSON stays JSON, lines stay lines, and all else in them stays."""
    collector.github(json.dumps({"token": CANARY, "number": 3, "list": [None, True, "text"]}).encode())
    collector.github(f'{{"a": 1}}\n{{"token": "{CANARY}"}}'.encode())
    one, lines = collector.entries()
    told = json.loads(one.body)
    assert told.pop("token").startswith("[redacted:")
    assert told == {"number": 3, "list": [None, True, "text"]}
    assert [sorted(json.loads(line)) for line in lines.body.splitlines()] == [["a"], ["token"]]
