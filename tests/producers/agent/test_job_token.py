"""A CI job's own token, from the CI system through the agent to the real collector: the job is proven, the token not kept."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from time import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from support.collector import Collector, listening
from support.patience import PATIENT

AUDIENCE = "https://collector.acme.example"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Ci:
    """A CI system that makes out tokens for its jobs, as GitHub's service and GitLab's variables do."""

    def __init__(self) -> None:
        self.url = ""
        self.given: list[str] = []

    def token(self, audience: str) -> str:
        """A token of one job; each has an id of its own."""
        now = int(time())
        claims = {"iss": self.url, "aud": audience, "sub": "job", "jti": uuid.uuid4().hex, "iat": now, "exp": now + 300}
        claims |= {"repository_id": "74", "run_id": "18", "run_attempt": "1", "actor_id": "5"}
        self.given.append(jwt.encode(claims, KEY, algorithm="RS256", headers={"kid": "one"}))
        return self.given[-1]

    def page(self, path: str) -> dict[str, Any] | None:
        """What stands at a path."""
        parts = urlsplit(path)
        if parts.path == "/.well-known/openid-configuration":
            return {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
        if parts.path == "/keys":
            public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key()))
            return {"keys": [{**public, "kid": "one", "use": "sig", "alg": "RS256"}]}
        return {"value": self.token(parse_qs(parts.query)["audience"][0])} if parts.path == "/token" else None


@contextmanager
def ci_system() -> Iterator[Ci]:
    """One that listens on this machine."""
    ci = Ci()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(ci.page(self.path)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        ci.url = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield ci
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def ci() -> Iterator[Ci]:
    """A CI system."""
    with ci_system() as found:
        yield found


def emit(cwd: Path, reason: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Emit an event in a folder that is its home."""
    clean = {"PATH": os.environ["PATH"], "HOME": str(cwd), "PIPETRAIL_SPOOL": str(cwd / "spool"), **PATIENT, **env}
    command = (sys.executable, "-m", "pipetrail", "emit", "incident.reported", "--reason", reason)
    return subprocess.run(command, cwd=cwd, env=clean, capture_output=True, text=True, check=False)


def sources(ci: Ci, more: str = "") -> str:
    """The collector's sources: the jobs of one repository."""
    return (
        f"events:\n  audience: {AUDIENCE}\n  issuers:\n    - {{issuer: '{ci.url}', allow: {{repository_id: ['74']}}{more}}}\n"
    )


def proven(collector: Collector, ci: Ci) -> list[tuple[str, bool]]:
    """How each request's sender was established, and whether it is that job."""
    return [(one.authtype, (one.authid or "").startswith(f"{ci.url}/repository_id/74")) for one in collector.entries()]


def test_a_github_job_proves_itself_with_every_event(tmp_path: Path, ci: Ci) -> None:
    """Each request has a fresh token for the collector's audience; none of them stands anywhere afterwards."""
    env = {
        "ACTIONS_ID_TOKEN_REQUEST_URL": f"{ci.url}/token?api-version=2",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "request-token",
        "PIPETRAIL_COLLECTOR_AUDIENCE": AUDIENCE,
    }
    with listening(tmp_path, sources(ci)) as collector:
        done = [emit(tmp_path, reason, PIPETRAIL_COLLECTOR_URL=collector.url, **env) for reason in ("one", "two")]
        assert [one.returncode for one in done] == [0, 0], done
        assert proven(collector, ci) == [("oidc", True)] * 2
        kept = b"".join(path.read_bytes() for path in collector.folder.iterdir())
    assert len(set(ci.given)) == 2
    assert not [token for token in ci.given if token.encode() in kept]


def test_a_gitlab_job_uses_its_one_token_for_all_that_it_sends(tmp_path: Path, ci: Ci) -> None:
    """Where the collector lets one token serve a job (`single_use: false`), it does; where not, the second event waits."""
    env = {"PIPETRAIL_ID_TOKEN": ci.token(AUDIENCE)}
    with listening(tmp_path, sources(ci, ", single_use: false")) as collector:
        assert [emit(tmp_path, reason, PIPETRAIL_COLLECTOR_URL=collector.url, **env).returncode for reason in "ab"] == [0, 0]
        assert proven(collector, ci) == [("oidc", True)] * 2
    with listening(tmp_path, sources(ci), folder="strict") as collector:
        done = [emit(tmp_path, reason, PIPETRAIL_COLLECTOR_URL=collector.url, **env) for reason in "cd"]
        assert [one.returncode for one in done] == [0, 75]
        assert "used before" in done[1].stderr
