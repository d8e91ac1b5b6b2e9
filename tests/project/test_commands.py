"""Every command is documented, and the habits are what they say."""

import importlib
import re
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner
from support.project import ROOT

from pipetrail.cli import VERBS, root


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_is_a_command_of_its_room(verb: str) -> None:
    """What the front door lists exists where it says, is called what it is called there, and has help."""
    module, _, attribute = VERBS[verb].place.partition(":")
    command = getattr(importlib.import_module(module), attribute)
    assert isinstance(command, click.Command)
    assert command.name == verb
    assert command.help
    assert CliRunner().invoke(root, [verb, "--help"]).exit_code == 0


def test_the_commands_page_is_current() -> None:
    """docs/commands.md has every command and option as their help gives them."""
    # In a process of its own: a command that a test has called by itself keeps the help option that it had there.
    command = [sys.executable, str(ROOT / "docs" / "commands.py"), "--check"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_the_help_lists_every_verb_without_importing_a_room() -> None:
    """`pipetrail --help` answers at once: it reads the table of verbs, not the rooms."""
    program = "import sys; from pipetrail.cli import root; root(['--help'], standalone_mode=False); print(*sorted(sys.modules))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    *help_text, modules = run.stdout.splitlines()
    assert set(VERBS) <= {line.split()[0] for line in help_text if line.startswith("  ") and line.strip()}
    assert not [name for name in modules.split() if name.startswith("pipetrail_")]


def test_every_habit_is_listed_and_phony() -> None:
    """`make help` names every target that a person calls, and no file of that name can stand in its way."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    habits = set(re.findall(r"^([a-z-]+):.* ## ", makefile, re.MULTILINE))
    assert habits <= set(re.findall(r"^\.PHONY: (\S+)$", makefile, re.MULTILINE))
    listed = subprocess.run(["make", "--silent", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert habits == set(re.findall(r"^  make (\S+)", listed, re.MULTILINE))
    assert {"install", "demo", "test", "lint", "types", "bench", "docs", "schemas", "lock", "clean"} <= habits


def test_ci_runs_what_make_test_runs() -> None:
    """.ci/run ends in the very command of `make test`, so that the last line is pytest's own summary."""
    shown = subprocess.run(["make", "--dry-run", "test"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()[-1] == f"exec {shown.splitlines()[-1].strip()}"


@pytest.mark.parametrize(
    ("file", "schema"),
    [(".github/workflows/ci.yml", "vendor.github-workflows"), ("deploy/compose.yaml", "vendor.compose-spec")],
)
def test_a_file_for_another_tool_is_what_that_tool_takes(file: str, schema: str) -> None:
    """Checked against the tool's own published schema, offline."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(ROOT / file)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout
