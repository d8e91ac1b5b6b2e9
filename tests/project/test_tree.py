"""The tree that people clone: links, paths, empty packages."""

import ast
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest
from support.project import DISTRIBUTIONS, ROOT, package, tracked

# Folders of a developer's machine. A file may speak of what stands in a container or of a user's home, not of these.
MACHINE_PATH = re.compile(rb"(?<![\w.$})~])/(?:work|root|farm|tmp)/[\w.]")
REGISTRIES = re.compile(
    rb"\b(?:pypi\.(?:org)|pythonhosted\.(?:org)|repo1?\.maven\.(?:apache\.)?(?:org)|registry\.npmjs\.(?:org))\b"
)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?P<target>[^)\s]+)\)|!\[[^\]]*\]\((?P<image>[^)\s]+)\)")
MARKDOWN = tracked("*.md")


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", MARKDOWN, ids=_name)
def test_relative_links_lead_somewhere(path: Path) -> None:
    """Every link to a file of the project leads to one, and a link to a heading to a heading."""
    text = path.read_text(encoding="utf-8")
    for match in LINK.finditer(re.sub(r"```.*?```", "", text, flags=re.DOTALL)):
        target, _, anchor = unquote(match["target"] or match["image"]).partition("#")
        if "://" in target or target.startswith("mailto:"):
            continue
        file = (path.parent / target).resolve() if target else path
        assert file.exists(), f"{match[0]} leads nowhere"
        if anchor and file.suffix == ".md":
            assert anchor in _anchors(file), f"{match[0]} leads to no heading"


def _anchors(file: Path) -> set[str]:
    headings = re.findall(r"^#+ +(.+?)\s*$", file.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_no_tracked_file_speaks_of_a_developers_machine_or_a_registry() -> None:
    """Neither a path below a developer's folders nor the name of a package registry's host."""
    found = [
        f"{_name(path)}: {match[0].decode(errors='replace')}"
        for path in tracked()
        for pattern in (MACHINE_PATH, REGISTRIES)
        for match in pattern.finditer(path.read_bytes())
    ]
    assert found == []


@pytest.mark.parametrize("folder", DISTRIBUTIONS)
def test_a_package_runs_no_code_when_imported(folder: str) -> None:
    """An `__init__.py` holds a docstring and nothing else, so importing a room imports that room only."""
    program = f"import sys; before = set(sys.modules); import {package(folder)}; print(*sorted(set(sys.modules) - before))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.split() == [package(folder)]


@pytest.mark.parametrize("path", tracked("*/__init__.py"), ids=_name)
def test_an_init_file_is_a_docstring(path: Path) -> None:
    """A docstring and at most re-exports: code has a module of its own, with a name."""
    docstring, *rest = ast.parse(path.read_text(encoding="utf-8")).body
    assert isinstance(docstring, ast.Expr)
    assert [node for node in rest if not isinstance(node, ast.ImportFrom) and not _is_all(node)] == []


def _is_all(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["__all__"]
