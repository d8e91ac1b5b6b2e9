"""`pipetrail init` writes what CI systems take, never over somebody's work, and says what to do next."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from pipetrail_producers.packaging.system import SYSTEMS, content
from support.project import ROOT

PLACES = {
    "github": ".github/actions/pipetrail/action.yml",
    "gitlab": ".gitlab/pipetrail.yml",
    "jenkins": "vars/pipetrail.groovy",
}
SHIPPED = {
    "action.yml": "github/action.yml",
    "gitlab.yml": "gitlab/pipetrail.yml",
    "pipetrail.groovy": "jenkins/vars/pipetrail.groovy",
}


def init(cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a folder."""
    command = (sys.executable, "-m", "pipetrail", "init", *arguments)
    return subprocess.run(command, cwd=cwd, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A git repository with a folder in it."""
    subprocess.run(("git", "init", "--quiet", str(tmp_path)), check=True)
    (tmp_path / "inner").mkdir()
    return tmp_path


@pytest.mark.parametrize("system", SYSTEMS)
def test_files_are_written_at_the_repositorys_root(repository: Path, system: str) -> None:
    """From any folder of a repository; what was done and what to do next is shown."""
    done = init(repository / "inner", system)
    assert done.returncode == 0, done.stderr
    assert (repository / PLACES[system]).is_file()
    assert PLACES[system] in done.stdout
    assert "PIPETRAIL_COLLECTOR_URL" in done.stdout
    assert {"github": "`package`", "gitlab": "PIPETRAIL_PACKAGE", "jenkins": "`package`"}[system] in done.stdout
    again = init(repository, system)
    assert (again.returncode, "unchanged" in again.stdout) == (0, True)


def test_a_file_that_differs_is_left_alone_without_force(repository: Path) -> None:
    """What somebody altered stays, and is named; --force replaces it; --dry-run writes nothing."""
    file = repository / PLACES["gitlab"]
    assert init(repository, "gitlab", "--dry-run").returncode == 0
    assert not file.exists()
    file.parent.mkdir()
    file.write_text("mine")
    refused = init(repository, "gitlab")
    assert (refused.returncode, file.read_text()) == (73, "mine")
    assert str(file) in refused.stderr
    assert json.loads(init(repository, "gitlab", "--force", "--json").stdout)["files"] == {str(file): "replaced"}
    assert file.read_text(encoding="utf-8") == content("gitlab.yml")


def test_outside_of_a_repository_it_asks_for_one(tmp_path: Path) -> None:
    """No file is written into a folder that is no repository, unless it is named."""
    done = init(tmp_path, "github")
    assert (done.returncode, "--into" in done.stderr, list(tmp_path.iterdir())) == (2, True, [])
    assert init(tmp_path, "github", "--into", str(tmp_path)).returncode == 0


@pytest.mark.parametrize(("template", "shipped"), SHIPPED.items())
def test_what_is_shipped_is_what_init_writes(template: str, shipped: str) -> None:
    """deploy/ci holds the same files, byte for byte."""
    assert (ROOT / "deploy" / "ci" / shipped).read_text(encoding="utf-8") == content(template)
    assert template in {name for system in SYSTEMS.values() for name in system.files.values()}


@pytest.mark.parametrize(
    ("file", "schema"),
    [("github/action.yml", "vendor.github-actions"), ("gitlab/pipetrail.yml", "vendor.gitlab-ci")],
)
def test_a_file_is_what_its_system_takes(file: str, schema: str) -> None:
    """Checked against the system's own published schema, offline."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(ROOT / "deploy" / "ci" / file)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout
