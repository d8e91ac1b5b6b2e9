"""Wheels of every distribution, built once, and an agent's environment made of them."""

import subprocess
import sys
import venv
from pathlib import Path

import pytest
from support.project import DISTRIBUTIONS, ROOT


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel of every distribution, as a release would build them."""
    folder = tmp_path_factory.mktemp("wheels")
    for distribution in DISTRIBUTIONS:
        command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
        subprocess.run(command, cwd=ROOT / distribution, capture_output=True, check=True)
    return folder


@pytest.fixture(scope="session")
def agent(wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of a clean environment into which pip installed the producers' wheel, and what it asks for."""
    folder = tmp_path_factory.mktemp("agent")
    venv.create(folder, with_pip=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--find-links", str(wheels), "pipetrail-producers"], check=True, capture_output=True)
    return folder / "bin"
