"""The files of deploy/ci do what they say: their own scripts are run, by the shells that the CI systems run them with."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from pipetrail_producers.packaging.system import content
from pipetrail_producers.spool import Entry, Spool

BIN = Path(sys.executable).parent
# A pip that finds nothing: what a job without a network sees.
NOTHING = "/nowhere/at-all"


def spooled(folder: Path) -> list[dict[str, Any]]:
    """The events that wait in a spool, oldest first."""
    spool = Spool(folder, max_bytes=1 << 28)
    return [json.loads(one.message.value) for path in spool.paths() if isinstance(one := spool.read(path), Entry)]


def told(events: list[dict[str, Any]]) -> list[tuple[str, str | None]]:
    """Short type and result of events."""
    return [(event["type"].split("pipetrail.")[1][:-3], event["data"]["pipetrail"].get("result")) for event in events]


class Job:
    """A job on this machine: a folder, and an environment that its steps share."""

    def __init__(self, folder: Path, **env: str) -> None:
        self.folder = folder
        self.env = {"HOME": str(folder), "PATH": os.environ["PATH"], "PIPETRAIL_SPOOL": str(folder / "spool"), **env}

    def bash(self, script: str, *options: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run a script as GitHub and GitLab do, which stop at the first command that fails."""
        command = ("bash", "--noprofile", "--norc", "-e", "-o", "pipefail", *options, "-c", script)
        return subprocess.run(command, cwd=self.folder, env={**self.env, **env}, capture_output=True, text=True, check=False)


def action_step(number: int, **given: str) -> tuple[str, dict[str, str]]:
    """Script and environment of a step of the action, with inputs filled in as GitHub would."""
    action = yaml.safe_load(content("action.yml"))
    inputs = {name: given.get(name, str(described["default"])) for name, described in action["inputs"].items()}
    step = action["runs"]["steps"][number]
    env = {name: inputs[re.fullmatch(r"\$\{\{ inputs\.(\w+) \}\}", text)[1]] for name, text in step.get("env", {}).items()}  # type: ignore[index]  # no match fails the test
    return step["run"], env


def test_no_input_of_the_action_becomes_a_part_of_a_script() -> None:
    """What a workflow hands over is data: it stands in variables, and no script holds an expression of GitHub's."""
    for step in yaml.safe_load(content("action.yml"))["runs"]["steps"]:
        assert "${{" not in step["run"]


def test_the_action_runs_and_records_a_command(tmp_path: Path) -> None:
    """The command's output and exit code are its own; start, end and artifact are recorded."""
    job = Job(tmp_path, PATH=f"{BIN}:{os.environ['PATH']}", GITHUB_ACTIONS="true", GITHUB_REPOSITORY="a/b")
    script, env = action_step(
        1, command="echo 'it''s made' > made; cat made; exit 3", stage="build", name="shop", artifact="made"
    )
    done = job.bash(script, **env)
    assert (done.returncode, done.stdout) == (3, "its made\n")
    assert told(spooled(tmp_path / "spool")) == [("build.started", None), ("build.finished", "failure")]
    assert "::warning title=pipetrail::" in done.stderr


def test_a_command_of_the_action_stops_at_its_first_failure(tmp_path: Path) -> None:
    """As in a step of GitHub's own: `false; echo on` fails and says nothing, with and without the agent."""
    for path in (f"{BIN}:{os.environ['PATH']}", "/usr/bin:/bin"):
        script, env = action_step(1, command="false\necho on", name="n")
        done = Job(tmp_path, PATH=path).bash(script, **env)
        assert (done.returncode, done.stdout) == (1, "")


def test_the_action_is_no_risk_where_the_agent_cannot_be_installed(tmp_path: Path) -> None:
    """The step ends well, says in GitHub's words what is not recorded, and the command runs all the same."""
    job = Job(tmp_path, RUNNER_TEMP=str(tmp_path), GITHUB_ACTION_PATH=str(tmp_path))
    job.env |= {"GITHUB_PATH": str(tmp_path / "path"), "GITHUB_ENV": str(tmp_path / "env"), "PIP_NO_INDEX": "1"}
    script, env = action_step(0, package=NOTHING, collector="https://collector.acme.example")
    installed = job.bash(script, **env)
    assert (installed.returncode, "::warning title=pipetrail::" in installed.stdout) == (0, True)
    assert not (tmp_path / "path").exists()
    assert (tmp_path / "env").read_text() == "PIPETRAIL_COLLECTOR_URL=https://collector.acme.example\n"
    forged = job.bash(script, **{**env, "PIPETRAIL_URL": "https://x\nLD_PRELOAD=evil.so"})
    assert forged.returncode == 2
    assert "LD_PRELOAD" not in (tmp_path / "env").read_text()


def test_nothing_is_installed_that_nobody_named(tmp_path: Path) -> None:
    """Without a word on what to install, neither asks an index for a name that is not ours: the log says what to do."""
    (tmp_path / "index").mkdir()
    nowhere = {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(tmp_path / "index"),
        "PATH": f"{Path(sys.executable).resolve().parent}:/usr/bin:/bin",
    }
    job = Job(
        tmp_path, RUNNER_TEMP=str(tmp_path), GITHUB_ACTION_PATH=str(tmp_path), GITHUB_PATH=str(tmp_path / "path"), **nowhere
    )
    script, env = action_step(0, package="", collector="")
    installed = job.bash(script, **env)
    assert (installed.returncode, installed.stdout.count("(the input package)")) == (0, 1), installed.stdout
    job = Job(tmp_path, PIPETRAIL_VENV=str(tmp_path / "venv"), PIPETRAIL_PACKAGE="", **nowhere)
    ran = job.bash(gitlab("before_script") + "\npipetrail run --stage test -- echo ran")
    assert (ran.returncode, ran.stdout.splitlines()[0]) == (0, "pipetrail: PIPETRAIL_PACKAGE does not say what to install")
    assert ran.stdout.splitlines()[-1] == "ran"
    assert not list(tmp_path.rglob("pyvenv.cfg"))


def gitlab(part: str) -> str:
    """A script of the GitLab template."""
    (script,) = yaml.safe_load(content("gitlab.yml"))[".pipetrail"][part]
    return str(script)


def with_agent(folder: Path) -> str:
    """A virtual environment's folder as the templates expect it, with the agent of these tests in it."""
    venv = folder / "venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "pipetrail").symlink_to(BIN / "pipetrail")
    return str(venv)


@pytest.mark.parametrize(
    ("stage", "status", "expected"),
    [
        ("test", "success", [("testsuiterun.finished", "success")]),
        ("build", "failed", [("build.finished", "failure")]),
        ("deploy", "canceled", [("deployment.finished", "cancellation")]),
        ("lint", "success", [("taskrun.finished", "success")]),
        ("", "success", []),
    ],
)
def test_the_gitlab_template_records_a_job_by_its_end(tmp_path: Path, stage: str, status: str, expected: list[Any]) -> None:
    """With PIPETRAIL_STAGE the job as a whole is recorded as what GitLab says of it; without, nothing is."""
    job = Job(tmp_path, PIPETRAIL_VENV=with_agent(tmp_path), CI_JOB_STATUS=status, CI_JOB_ID="7", CI_JOB_NAME="job")
    job.env |= {"GITLAB_CI": "true", "CI_PIPELINE_ID": "5", "CI_PROJECT_URL": "https://git.acme.example/a/b"}
    done = job.bash(gitlab("after_script"), PIPETRAIL_STAGE=stage)
    assert (done.returncode, told(spooled(tmp_path / "spool"))) == (0, expected), done.stderr


def test_a_gitlab_job_runs_its_commands_through_the_agent(tmp_path: Path) -> None:
    """before_script puts the agent on the path; the command's exit code is the job's."""
    job = Job(tmp_path, PIPETRAIL_VENV=with_agent(tmp_path), PIPETRAIL_PACKAGE=NOTHING)
    done = job.bash(gitlab("before_script") + "\npipetrail run --stage test -- sh -c 'echo ran; exit 3'")
    assert (done.returncode, done.stdout) == (3, "ran\n")
    assert told(spooled(tmp_path / "spool"))[-1] == ("testsuiterun.finished", "failure")


def test_a_gitlab_job_without_the_agent_runs_and_its_gate_is_closed(tmp_path: Path) -> None:
    """Where it cannot be installed the commands run as they are, events are passed over, and `check` lets nothing through."""
    job = Job(
        tmp_path, PIPETRAIL_VENV=str(tmp_path / "venv"), PIPETRAIL_PACKAGE=NOTHING, PIP_NO_INDEX="1", PATH="/usr/bin:/bin"
    )
    job.env["PATH"] = f"{Path(sys.executable).resolve().parent}:/usr/bin:/bin"
    script = 'pipetrail emit build.started; pipetrail run --stage test -- sh -c \'echo "ran $1"; exit 3\' - "a b"'
    done = job.bash(f"{gitlab('before_script')}\n{script}")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (3, "ran a b")
    assert "not recorded" in done.stdout
    gate = job.bash(f"{gitlab('before_script')}\npipetrail check; echo open")
    assert (gate.returncode, "open" in gate.stdout) == (1, False)
