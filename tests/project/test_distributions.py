"""The rooms' distributions keep in step: versions, pins, licences, names."""

import re
from itertools import combinations

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from support.project import DISTRIBUTIONS, ROOMS, ROOT, package, pyproject

PROJECTS = {folder: pyproject(folder)["project"] for folder in DISTRIBUTIONS}
VERSION = PROJECTS["."]["version"]
OWN = {project["name"] for project in PROJECTS.values()}


def _requirements(folder: str) -> list[Requirement]:
    project = PROJECTS[folder]
    extras = project.get("optional-dependencies", {}).values()
    return [Requirement(text) for text in (*project.get("dependencies", []), *(text for extra in extras for text in extra))]


@pytest.mark.parametrize("folder", DISTRIBUTIONS)
def test_every_distribution_has_the_same_version_and_terms(folder: str) -> None:
    """One version, one Python, one licence, one build backend for all."""
    for key in ("version", "requires-python", "license", "license-files"):
        assert PROJECTS[folder][key] == PROJECTS["."][key]
    assert pyproject(folder)["build-system"] == pyproject(".")["build-system"]


@pytest.mark.parametrize("folder", DISTRIBUTIONS)
def test_rooms_ask_for_exactly_each_others_version(folder: str) -> None:
    """A pin between rooms is `==` the common version: rooms of two releases never meet in one environment."""
    pins = {str(requirement.specifier) for requirement in _requirements(folder) if requirement.name in OWN}
    assert pins <= {f"=={VERSION}"}


@pytest.mark.parametrize("room", ROOMS)
def test_folder_distribution_and_package_correspond(room: str) -> None:
    """schemas/ ↔ pipetrail-schemas ↔ pipetrail_schemas, with a typed package, a README that names it and the licence."""
    assert PROJECTS[room]["name"] == f"pipetrail-{room}"
    assert (ROOT / room / package(room) / "py.typed").is_file()
    assert PROJECTS[room]["name"] in (ROOT / room / "README.md").read_text(encoding="utf-8").splitlines()[0]
    assert (ROOT / room / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


def test_two_rooms_never_ask_for_one_library_in_two_ways() -> None:
    """Bounds of a shared dependency are the same wherever it is named."""
    for one, other in combinations(DISTRIBUTIONS, 2):
        mine = {canonicalize_name(requirement.name): requirement.specifier for requirement in _requirements(one)}
        theirs = {canonicalize_name(requirement.name): requirement.specifier for requirement in _requirements(other)}
        assert {name: mine[name] for name in mine.keys() & theirs.keys()} == {
            name: theirs[name] for name in mine.keys() & theirs.keys()
        }


def test_every_list_of_rooms_names_all_of_them() -> None:
    """Workspace, sources, `all` extra, Makefile, import contracts and mypy know every room."""
    root = pyproject(".")
    uv = root["tool"]["uv"]
    assert set(uv["workspace"]["members"]) == set(ROOMS)
    assert set(uv["sources"]) == OWN
    # schemas comes with every other room.
    wanted = OWN - {"pipetrail", "pipetrail-schemas"}
    assert {Requirement(text).name for text in root["project"]["optional-dependencies"]["all"]} == wanted
    rooms = re.search(r"^ROOMS := (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert rooms is not None
    assert tuple(rooms[1].split()) == ROOMS
    assert set(root["tool"]["importlinter"]["root_packages"]) == {package(folder) for folder in DISTRIBUTIONS}
    assert set(ROOMS) <= set(root["tool"]["mypy"]["files"])
