"""The agent and the collector: what `pipetrail emit` sends over HTTP is taken, and what it is told is what it says."""

import os
import subprocess
import sys
from pathlib import Path

from pipetrail_producers.collector.making import EVENT, make
from pipetrail_producers.redact import Redactor
from pipetrail_schemas import codec
from support.collector import AGENT_TOKEN, Collector
from support.patience import PATIENT

SPOOLED = 75


def emit(collector: Collector, home: Path, token: str) -> subprocess.CompletedProcess[str]:
    """Run `pipetrail emit` with a token."""
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "PIPETRAIL_SPOOL": str(home / "spool"),
        "PIPETRAIL_COLLECTOR_URL": collector.url,
        "PIPETRAIL_COLLECTOR_TOKEN": token,
        **PATIENT,
    }
    arguments = ("emit", "incident.reported", "--reason", "5xx", "--repository", "https://git.acme.example/shop")
    command = (sys.executable, "-m", "pipetrail", *arguments)
    return subprocess.run(command, cwd=home, env=env, capture_output=True, text=True, check=False)


def test_an_emitted_event_is_taken(collector: Collector, tmp_path: Path) -> None:
    """Exit code 0: the event is in the store, numbered, with who proved to have sent it."""
    done = emit(collector, tmp_path, AGENT_TOKEN)
    assert (done.returncode, done.stderr) == (0, "")
    (one,) = (make(entry, 0, None, Redactor({})) for entry in collector.entries())
    event = codec.decode(one.messages[0].value)
    assert (one.outcome, event.kind.name, event.authid) == (EVENT, "incident.reported", "build-agents")
    assert [number for _, number in one.numbers] == [0]


def test_an_agent_that_is_not_known_is_told(collector: Collector, tmp_path: Path) -> None:
    """With a wrong token the event is spooled, and the agent says what the collector said; nothing is stored."""
    done = emit(collector, tmp_path, "another-token-of-enough-length")
    assert done.returncode == SPOOLED
    assert "401" in done.stderr
    assert collector.entries() == []
