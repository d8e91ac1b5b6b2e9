"""`pipetrail notify` as a command: what it checks, tries and tells."""

import subprocess
import sys
from pathlib import Path

import pytest
from pipetrail_sinks.notify.file import load
from support.notify_bench import SECRET
from support.project import ROOT
from support.receiver import Receiver

ROUTES = """\
channels: {{hook: {{type: webhook, url: "{url}/hook", secrets: [{{env: TEST_SECRET}}]}}}}
routes: [{{name: all, to: [hook], escalate: [{{after: 90m, to: [hook]}}]}}]
"""


def notify(folder: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run it in an environment that has nothing but these settings."""
    command = [sys.executable, "-m", "pipetrail", "notify", *arguments]
    clean = {"PATH": "/usr/bin:/bin", "PIPETRAIL_HOME": str(folder), "TEST_SECRET": SECRET, **env}
    return subprocess.run(command, env=clean, cwd=folder, capture_output=True, text=True, timeout=240, check=False)


@pytest.fixture
def settings(tmp_path: Path, receiver: Receiver) -> dict[str, str]:
    """A routes file that leads to the receiver."""
    path = tmp_path / "routes.yaml"
    path.write_text(ROUTES.format(url=receiver.url), encoding="utf-8")
    return {"PIPETRAIL_NOTIFY_ROUTES": str(path), "PIPETRAIL_NOTIFY_ALLOW_LOOPBACK": "true"}


def test_check(tmp_path: Path, settings: dict[str, str]) -> None:
    """A routes file that is right is summed up, and nothing is sent."""
    done = notify(tmp_path, "--check", **settings)
    assert (done.returncode, done.stdout) == (0, "all: hook; after 90 min to hook\n"), done.stderr


def test_try(tmp_path: Path, settings: dict[str, str], receiver: Receiver) -> None:
    """An example arrives at the channel that is named."""
    done = notify(tmp_path, "--try", "hook", **settings)
    assert done.returncode == 0, done.stderr
    assert receiver.requests[0].json["type"] == "alert.test"


def test_try_fails(tmp_path: Path, settings: dict[str, str], receiver: Receiver) -> None:
    """A channel that does not take the example is an error, with what it says."""
    receiver.answers.append((403, {}, b"no such hook"))
    done = notify(tmp_path, "--try", "hook", **settings)
    assert (done.returncode, done.stderr) == (1, "pipetrail: the receiver answers 403: no such hook\n")


@pytest.mark.parametrize(
    ("arguments", "env", "said"),
    [
        ((), {}, "PIPETRAIL_NOTIFY_ROUTES: is not set"),
        (("--check",), {"PIPETRAIL_NOTIFY_ROUTES": "nowhere.yaml"}, "nowhere.yaml cannot be read"),
        (("--check", "--console"), {}, "exclude each other"),
        (("--status",), {}, "no notifier has run"),
        (("--console",), {}, "PIPETRAIL_KAFKA_BOOTSTRAP_SERVERS"),
        (("--console",), {"PIPETRAIL_NOTIFY_ROUTE": "x"}, "is no setting"),
        (("--console",), {"PIPETRAIL_NOTIFY_ALLOW_LOOPBACK": "perhaps"}, "PIPETRAIL_NOTIFY_ALLOW_LOOPBACK"),
    ],
)
def test_wrong(tmp_path: Path, arguments: tuple[str, ...], env: dict[str, str], said: str) -> None:
    """What is wrong is said in a sentence, and ends with 2."""
    done = notify(tmp_path, *arguments, **env)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_no_loopback_by_itself(tmp_path: Path, settings: dict[str, str]) -> None:
    """This machine is no target unless somebody says so."""
    done = notify(tmp_path, "--check", PIPETRAIL_NOTIFY_ROUTES=settings["PIPETRAIL_NOTIFY_ROUTES"])
    assert done.returncode == 2
    assert "only https is allowed" in done.stderr


def test_page(tmp_path: Path) -> None:
    """The routes file that docs/alerts.md shows is right, and every setting and kind of channel is described there."""
    page = (ROOT / "docs" / "alerts.md").read_text(encoding="utf-8")
    example = page.partition("```yaml\n")[2].partition("```")[0]
    path = tmp_path / "routes.yaml"
    path.write_text(example, encoding="utf-8")
    _, content, routes = load(path)
    assert len(routes.routes) == 3
    assert {one.type for one in content.channels.values()} == {
        *("slack", "teams", "pagerduty", "webhook", "mail", "console", "apprise"),
    }
