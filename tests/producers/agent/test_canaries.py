"""A hundred secrets go into every text that the agent takes; none comes out, be it in the spool, Kafka, HTTP or on stderr."""

import json
import os
import random
import string
import subprocess
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pipetrail_schemas.topics import EVENTS
from support.kafka import ensure_topics, read_all
from support.patience import PATIENT
from support.stand_in_collector import stand_in

SEED = 20261123
CANARIES = 100
_LETTERS = string.ascii_letters + string.digits
# How a secret looks by which it is known; {} is the part that nobody can guess, of as many characters as are given.
_SHAPES = (
    ("ghp_{}", 36),
    ("github_pat_{}", 40),
    ("glpat-{}", 24),
    ("xoxb-{}", 24),
    ("npm_{}", 36),
    ("hvs.{}", 30),
    ("sk_live_{}", 24),
    ("eyJhbGciOiJub25lIn0.eyJ{}.c2lnbmF0dXJl", 24),
    ("https://ada:{}@git.acme.example/shop", 20),
    ("Authorization: Bearer {}", 30),
    ("password={}", 16),
    ("postgres://shop:{}@db.acme.example/shop", 18),
)


class Canaries:
    """Secrets, handed out one by one, and what holds them."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.secrets: list[str] = []

    def _secret(self, length: int) -> str:
        self.secrets.append("".join(self._chance.choices(_LETTERS, k=length)))
        return self.secrets[-1]

    def shaped(self) -> str:
        """A text that holds a secret that is known by its shape."""
        shape, length = _SHAPES[len(self.secrets) % len(_SHAPES)]
        return f"see {shape.format(self._secret(length))} there"

    def environment(self) -> dict[str, str]:
        """Variables with telling names."""
        names = ("DEPLOY_TOKEN", "DB_PASSWORD", "SIGNING_KEY", "MY_SECRET", "NPM_AUTH", "AWS_SECRET_ACCESS_KEY", "REGISTRY_PAT")
        return {name: self._secret(20) for name in names}


def commands(folder: Path, canaries: Canaries, env: Mapping[str, str]) -> list[tuple[tuple[str, ...], str]]:
    """Commands, and their standard input, that hold canaries wherever a text can be said."""
    known = list(env.values())
    report = "".join(
        f"<testcase name='{canaries.shaped()}'><failure message='{canaries.shaped()}'/></testcase>" for _ in range(8)
    )
    (folder / "report.xml").write_text(f"<testsuite name='{known[0]}'>{report}</testsuite>")
    print_all = "print(" + ", ".join(repr(canaries.shaped()) for _ in range(8)) + ", " + repr(known[1]) + ")"
    labels = [part for number in range(8) for part in ("--label", f"l{number}={canaries.shaped()}")]
    fields = [
        part for name in ("pipetrail.trigger", "cicd.pipeline.name") for part in ("--field", f"{name}={canaries.shaped()}")
    ]
    whole = {
        "type": "incident.reported",
        "source": "https://pager.acme.example",
        "data": {"event": {"reason": canaries.shaped()}},
    }
    raw = {f"part{number}": [canaries.shaped(), {"deep": known[number % len(known)]}] for number in range(16)}
    found: list[tuple[tuple[str, ...], str]] = [
        (("emit", "incident.reported", "--reason", canaries.shaped(), *labels, *fields), ""),
        (("emit", "build.started", "--data", json.dumps({"pipetrail": {"raw": raw}})), ""),
        (("emit", "-"), json.dumps(whole)),
        (("override", canaries.shaped(), "--reason", known[2]), ""),
        (("intervention", canaries.shaped(), "--reason", canaries.shaped(), "--job", known[3]), ""),
        (("test-report", "report.xml", "--name", canaries.shaped()), ""),
        (("run", "--output-tail", "50", "--name", "n", "--", sys.executable, "-c", print_all), ""),
        (("run", "--name", canaries.shaped(), "--", "true", "--password", canaries._secret(12), f"--api-key={known[4]}"), ""),
    ]
    while len(canaries.secrets) < CANARIES:
        reasons = (canaries.shaped() for _ in range(min(10, CANARIES - len(canaries.secrets))))
        found.append((("approve", "--reason", "; ".join(reasons)), ""))
    return found


def sing(folder: Path, repository: str, **env: str) -> tuple[list[str], bytes]:
    """Run all commands; the secrets that went in, and everything that came out on stderr, or out of `emit` on stdout."""
    canaries = Canaries(random.Random(SEED))  # noqa: S311  # no real secrets
    secret = canaries.environment()
    said = b""
    base = {"PATH": os.environ["PATH"], "HOME": str(folder), "PIPETRAIL_SPOOL": str(folder / "spool")}
    base |= {"PIPETRAIL_REPOSITORY": repository, **PATIENT, **secret, **env}
    for arguments, stdin in commands(folder, canaries, secret):
        command = (sys.executable, "-m", "pipetrail", *arguments)
        done = subprocess.run(command, cwd=folder, env=base, input=stdin.encode(), capture_output=True, check=False)
        assert done.returncode in {0, 75}, done.stderr
        said += done.stderr + (b"" if arguments[0] == "run" else done.stdout)
    assert len(canaries.secrets) >= CANARIES
    return canaries.secrets, said


def found(secrets: list[str], content: bytes) -> list[str]:
    """The secrets that stand somewhere."""
    return [secret for secret in secrets if secret.encode() in content]


def test_no_secret_is_in_the_spool_or_on_stderr(tmp_path: Path) -> None:
    """Without a broker everything waits on the disk, and holds none of them."""
    secrets, said = sing(tmp_path, "https://git.acme.example/shop")
    records = b"".join(path.read_bytes() for path in (tmp_path / "spool").iterdir() if path.is_file())
    assert records.count(b"[redacted:") >= CANARIES
    assert found(secrets, records + said) == []


def test_no_secret_is_posted_to_a_collector(tmp_path: Path) -> None:
    """What a collector gets holds none of them, but for its own token, which is in the header and nowhere else."""
    with stand_in() as collector:
        env = {"PIPETRAIL_COLLECTOR_URL": collector.url, "PIPETRAIL_COLLECTOR_TOKEN": "the-collectors-own"}
        secrets, said = sing(tmp_path, "https://git.acme.example/shop", **env)
    bodies = b"".join(request.body for request in collector.posted)
    assert bodies.count(b"[redacted:") >= CANARIES
    assert found([*secrets, "the-collectors-own"], bodies + said) == []


@pytest.mark.stack
def test_no_secret_is_on_the_topic(tmp_path: Path, stack: Any) -> None:
    """What stands on the topic holds none of them."""
    kafka = stack.connection.require_kafka()
    ensure_topics(kafka)
    repository = f"https://git.acme.example/{uuid.uuid4().hex}"
    secrets, said = sing(tmp_path, repository, PIPETRAIL_KAFKA_BOOTSTRAP_SERVERS=kafka.bootstrap_servers)
    values = b"".join(message.value or b"" for message in read_all(kafka, EVENTS) if message.key == repository.encode())
    assert values.count(b"[redacted:") >= CANARIES - 2  # one event came whole, under a key of its own
    assert found(secrets, values + said) == []
