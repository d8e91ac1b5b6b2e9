"""`pipetrail up`, `status` and `down` as people call them, and a stack of one's own within a program."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from confluent_kafka.admin import AdminClient
from pipetrail_deploy import places
from pipetrail_deploy.pidfile import end_running, running_server
from pipetrail_deploy.places import Home, remove_data
from pipetrail_deploy.ports import HOST, accepts
from pipetrail_deploy.process import Process
from pipetrail_deploy.stack import opened, running
from pipetrail_schemas import connection
from support.wait import wait_for

OWNER = """
import sys, time
from pathlib import Path
from pipetrail_deploy.stack import running
with running(Path(sys.argv[1]), opensearch=False) as stack:
    print("ready", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def home() -> Iterator[Home]:
    """A home that the servers' account can reach; whatever runs there is ended."""
    with tempfile.TemporaryDirectory(prefix="pipetrail-test-") as name:
        Path(name).chmod(0o755)
        home = Home(Path(name) / "home")
        yield home
        for server in ("opensearch", "kafka"):
            end_running(home, server)
        remove_data(home)


def _pipetrail(home: Home, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pipetrail", *arguments, "--home", str(home.root)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _cluster(home: Home) -> str:
    """The id that Kafka's storage was formatted with."""
    kafka = connection.load({"PIPETRAIL_HOME": str(home.root)}, home.root).require_kafka()
    return str(AdminClient(kafka.client_config()).list_topics(timeout=120).cluster_id)


def test_nothing_was_ever_started(home: Home) -> None:
    """`status` and `down` say so, and make no folders."""
    status, down = _pipetrail(home, "status"), _pipetrail(home, "down")
    assert (status.returncode, down.returncode) == (3, 0)
    assert "Nothing was ever started" in status.stdout
    assert "was ever started" in down.stdout
    assert json.loads(_pipetrail(home, "status", "--json").stdout)["servers"] == []
    assert not home.root.exists()


def test_a_taken_port_ends_in_one_line(home: Home) -> None:
    """The message names the port and the option that changes it; nothing is left running."""
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        run = _pipetrail(home, "up", "--kafka-port", str(port), "--opensearch-port", "0")
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr.startswith(f"pipetrail: port {port} for Kafka is in use")
    assert "--kafka-port" in run.stderr
    assert _pipetrail(home, "status").returncode == 3


@pytest.mark.parametrize("port", ["-1", "65536", "x"])
def test_an_impossible_port_is_a_usage_error(home: Home, port: str) -> None:
    """As with any other command."""
    run = _pipetrail(home, "up", "--kafka-port", port)
    assert (run.returncode, "--kafka-port" in run.stderr) == (2, True)


@pytest.mark.stack
def test_a_stack_is_started_seen_and_stopped(home: Home) -> None:
    """It outlives the command that started it, keeps ports and data from one time to the next, and is gone after `down`."""
    up = _pipetrail(home, "up", "--insecure", "--kafka-port", "0", "--opensearch-port", "0")
    assert up.returncode == 0, up.stderr
    assert [line.split()[0] for line in up.stdout.splitlines() if not line.startswith("Fetching")] == [
        "Kafka",
        "OpenSearch",
        "Home",
    ]

    status = _pipetrail(home, "status", "--json")
    servers = {server["name"]: server for server in json.loads(status.stdout)["servers"]}
    assert (status.returncode, set(servers)) == (0, {"kafka", "opensearch"})
    assert all(server["running"] and server["memory_bytes"] > 10**8 and server["data_bytes"] for server in servers.values())
    assert "runs since" in _pipetrail(home, "status").stdout

    url = connection.load({"PIPETRAIL_HOME": str(home.root)}, home.root).require_opensearch().url
    assert url == f"http://{servers['opensearch']['address']}"
    assert requests.put(f"{url}/kept/_doc/1", json={"n": 1}, timeout=120).status_code == 201
    cluster = _cluster(home)

    again = _pipetrail(home, "up")
    assert again.stdout.count("runs already") == 2
    down = _pipetrail(home, "down")
    assert [line.split() for line in down.stdout.splitlines()] == [["OpenSearch", "stopped"], ["Kafka", "stopped"]]
    stopped = _pipetrail(home, "status")
    assert (stopped.returncode, stopped.stdout.count("stopped")) == (3, 2)
    assert not accepts(int(servers["kafka"]["address"].rpartition(":")[2]))

    assert _pipetrail(home, "up").returncode == 0
    assert requests.get(f"{url}/kept/_doc/1", timeout=120).json()["_source"] == {"n": 1}
    assert _cluster(home) == cluster
    _pipetrail(home, "down", "--delete-data")
    assert not home.data.exists()
    assert "did not run" in _pipetrail(home, "down").stdout


@pytest.mark.stack
def test_two_that_start_the_same_stack_start_one(home: Home) -> None:
    """The second waits for the first, and finds it running."""
    with ThreadPoolExecutor() as pool:
        starts = [pool.submit(opened, home.root, kafka_port=0, opensearch=False) for _ in range(2)]
        first, second = (start.result() for start in starts)
    assert first.kafka.process == second.kafka.process
    assert first.connection == second.connection


@pytest.mark.stack
def test_kafka_alone_is_a_stack(home: Home) -> None:
    """What needs no OpenSearch does not pay for one, and data outlives the block."""
    with running(home.root, opensearch=False) as stack:
        first = _cluster(home)
        assert stack.connection.opensearch is None
        with pytest.raises(LookupError):
            _ = stack.opensearch
    assert running_server(home, "kafka") is None
    with running(home.root, opensearch=False):
        assert _cluster(home) == first


@pytest.mark.stack
@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the servers as somebody else")
def test_root_can_keep_a_stack_in_a_closed_folder(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in its own home, which the servers' account cannot enter: their data is kept elsewhere, and found again."""
    monkeypatch.setattr(places, "SYSTEM_DATA", home.root.parent / "system")
    closed = home.root.parent / "closed"
    closed.mkdir(mode=0o700)
    for _ in range(2):
        with running(closed / "home", opensearch=False) as stack:
            assert stack.kafka.process
    (data,) = places.SYSTEM_DATA.iterdir()
    assert (closed / "home" / "data").resolve() == data


@pytest.mark.stack
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_stack_ends_with_the_program_that_opened_it(home: Home, number: signal.Signals) -> None:
    """Ctrl-C, a polite end and kill -9 leave no broker behind."""
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(home.root)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"ready\n"
        record = json.loads((home.run / "kafka.pid").read_text(encoding="utf-8"))
        broker = Process(record["pid"], record["started"])
        assert broker.is_alive()
        os.kill(owner.pid, number)
    wait_for(lambda: not broker.is_alive(), timeout_s=120, what="the broker to end with its owner")
