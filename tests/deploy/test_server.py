"""A server's life, with a small program in place of Kafka: everything but what is special to Kafka and OpenSearch."""

import json
import socket
import sys
from pathlib import Path

import pytest
from pipetrail_deploy import server as server_module
from pipetrail_deploy.errors import PortInUseError, StartError, StartTimeoutError
from pipetrail_deploy.pidfile import end_running, path_of, running_server
from pipetrail_deploy.places import Home, make_home
from pipetrail_deploy.ports import HOST, accepts, free_port
from pipetrail_deploy.server import Server
from support.wait import wait_for

LISTEN = (
    "import socket, sys, time; server = socket.create_server(('127.0.0.1', int(sys.argv[1]))); print('up'); time.sleep(600)"
)
DIE = "import sys; [print('line', n) for n in range(100)]; sys.exit('the reason')"
HANG = "import time; print('thinking', flush=True); time.sleep(600)"


class Program:
    """A program that listens, unless it is told to do something else (a `server.Program`)."""

    name = "kafka"
    title = "Kafka"
    option = "--kafka-port"

    def __init__(self, home: Home, code: str = LISTEN) -> None:
        self.port = free_port()
        self.folder = home.data / self.name
        self._code = code

    def prepare(self) -> list[str]:
        """Its command."""
        return [sys.executable, "-u", "-c", self._code, str(self.port)]

    def is_ready(self) -> bool:
        """Whether it listens."""
        return accepts(self.port)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with nothing in it but folders."""
    return make_home(tmp_path, None)


def _server(home: Home, code: str = LISTEN, *, owned: bool = True) -> Server:
    return Server(Program(home, code), home, None, owned=owned)


def test_a_server_is_started_stopped_and_started_again(home: Home) -> None:
    """It is ready when `start` returns, gone when `stop` does, and each of them is fine twice."""
    server = _server(home)
    server.start()
    first = server.process
    assert accepts(server.port)
    server.start()
    assert server.process == first
    assert (server.stop(), server.stop()) == (True, False)
    assert (accepts(server.port), running_server(home, "kafka")) == (False, None)
    server.start()
    assert accepts(server.port)
    server.kill()
    assert (accepts(server.port), running_server(home, "kafka")) == (False, None)
    server.kill()


def test_another_process_finds_and_ends_it(home: Home) -> None:
    """`pipetrail down` knows a server by its pid file, and nothing else."""
    server = _server(home, owned=False)
    server.start()
    found = running_server(home, "kafka")
    assert found is not None
    assert found.process == server.process
    assert (end_running(home, "kafka"), end_running(home, "kafka")) == (True, False)
    assert not accepts(server.port)


@pytest.mark.parametrize("text", ["", "{}", "[", '{"pid": 1, "started": "0", "since": "2026-01-01T00:00:00+00:00"}'])
def test_a_pid_file_of_nobody_is_no_server(home: Home, text: str) -> None:
    """One that is damaged, or of a process that is gone, is passed over and replaced."""
    path_of(home, "kafka").write_text(text, encoding="utf-8")
    assert running_server(home, "kafka") is None
    server = _server(home)
    server.start()
    assert json.loads(path_of(home, "kafka").read_text(encoding="utf-8"))["pid"] == (server.process and server.process.pid)
    server.stop()


def test_a_taken_port_is_told_with_the_way_out(home: Home) -> None:
    """Before anything is started."""
    program = Program(home)
    with socket.create_server((HOST, program.port)), pytest.raises(PortInUseError, match=rf"{program.port}.*--kafka-port PORT"):
        Server(program, home, None, owned=True).start()
    assert running_server(home, "kafka") is None


def test_a_server_that_dies_says_why(home: Home) -> None:
    """The end of its log is in the error, and not all of it."""
    with pytest.raises(StartError, match="Kafka died while starting") as failure:
        _server(home, DIE).start()
    lines = str(failure.value).splitlines()
    assert lines[-2:] == ["line 99", "the reason"]
    assert len(lines) < 20


def test_a_server_that_is_never_ready_is_ended(home: Home) -> None:
    """It is not left behind, and its log tells how far it came."""
    server = _server(home, HANG)
    server.begin()
    wait_for(lambda: server.log.read_text() == "thinking\n", timeout_s=120, what="the program to run")
    with pytest.raises(StartTimeoutError, match=r"was not ready after 0 s; the end of .*kafka\.log:\nthinking"):
        server.wait_ready(0.1)
    assert server.process is None


def test_the_last_log_is_kept(home: Home) -> None:
    """One log a start, and the one before it: what went wrong last time can still be read."""
    server = _server(home)
    for _ in range(2):
        server.start()
        server.stop()
    assert sorted(path.name for path in home.logs.iterdir()) == ["kafka.log", "kafka.log.1"]


def test_a_log_that_cannot_be_read_is_no_second_error(tmp_path: Path) -> None:
    """The error that is on its way is the one that matters."""
    assert "No such file" in server_module.tail(tmp_path / "absent.log")


def test_a_server_gets_none_of_our_environment(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """JAVA_TOOL_OPTIONS and the like, and secrets, stay with us."""
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-Dsurprise")
    server = _server(home, "import os; print(sorted(os.environ))")
    server.begin()
    wait_for(lambda: not server.process, timeout_s=120, what="the program to end")
    assert set(json.loads(server.log.read_text().replace("'", '"'))) <= {"HOME", "LANG", "LC_CTYPE", "PATH"}
    server.stop()
