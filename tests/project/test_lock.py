"""requirements.lock: names, versions and hashes of all that the rooms ask for, and nothing else."""

import re
import subprocess
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from support.project import DISTRIBUTIONS, ROOT, pyproject

EVERYTHING = ("requirements.lock", "benchmarks/requirements.lock")
IMAGE = ("deploy/docker/requirements.lock", "deploy/docker/build.lock")
# A universal lock may name a library twice, each time under another marker.
PIN = re.compile(r"^(?P<name>[a-z0-9-]+)==(?P<version>\S+)(?: ; [^\\]+)?(?: \\)?$")
HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}(?: \\)?$")


def _pins(lock: str) -> dict[str, list[str]]:
    pins: dict[str, list[str]] = {}
    for line in (ROOT / lock).read_text(encoding="utf-8").splitlines():
        if pin := PIN.match(line):
            pins.setdefault(pin["name"], []).append(pin["version"])
    return pins


def _asked() -> list[Requirement]:
    groups = pyproject(".")["dependency-groups"]
    texts = [text for folder in DISTRIBUTIONS for text in pyproject(folder)["project"].get("dependencies", [])]
    groups_texts = [text for name in ("test", "dev", "build") for text in groups[name] if isinstance(text, str)]
    found = [Requirement(text) for text in (*texts, *groups_texts)]
    return [requirement for requirement in found if not requirement.name.startswith("pipetrail")]


@pytest.mark.parametrize("lock", EVERYTHING + IMAGE)
def test_a_lock_holds_names_versions_and_hashes_only(lock: str) -> None:
    """No address of a registry, no path, no option: every line is a pin or a hash, and every pin is followed by a hash."""
    lines = (ROOT / lock).read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not PIN.match(line) and not HASH.match(line)] == []
    assert [
        line for line, after in zip(lines, [*lines[1:], ""], strict=True) if PIN.match(line) and not HASH.match(after)
    ] == []


@pytest.mark.parametrize("lock", EVERYTHING)
@pytest.mark.parametrize("requirement", _asked(), ids=str)
def test_what_is_asked_for_is_pinned_within_its_bounds(lock: str, requirement: Requirement) -> None:
    """Every dependency of every room and group has a pin that its bounds allow."""
    versions = _pins(lock).get(canonicalize_name(requirement.name), [])
    assert versions
    assert all(requirement.specifier.contains(version, prereleases=True) for version in versions)


@pytest.mark.parametrize("lock", IMAGE)
def test_the_image_runs_what_was_tested(lock: str) -> None:
    """Every pin of the image is a pin of the main lock."""
    tested = _pins("requirements.lock")
    assert {name: versions for name, versions in _pins(lock).items() if versions != tested.get(name)} == {}


def test_uv_itself_is_the_version_that_the_makefile_installs() -> None:
    """The environment that the Makefile starts with and the one that the lock describes have one uv."""
    named = re.search(r"^UV_VERSION := (\S+)$", Path(ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert named is not None
    assert _pins("requirements.lock")["uv"] == [named[1]]


@pytest.mark.network
def test_the_locks_are_current() -> None:
    """`make lock` would change no pin."""
    run = subprocess.run(["make", "--silent", "lock-check"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout.strip().splitlines()[-1:]) == (0, ["the locks are current"]), run.stderr
