"""The wheels that a release would publish."""

import zipfile
from pathlib import Path

import pytest
from support.project import DISTRIBUTIONS, ROOT, package, pyproject, tracked


def _names(wheels: Path, folder: str) -> list[str]:
    (wheel,) = wheels.glob(f"{package(folder)}-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


@pytest.mark.parametrize("folder", DISTRIBUTIONS)
def test_a_wheel_holds_its_package_and_nothing_else(wheels: Path, folder: str) -> None:
    """Every tracked file of the package, data files too, is in the wheel; no test and no other package is."""
    names = _names(wheels, folder)
    base = (ROOT / folder).resolve()
    sources = {str(path.relative_to(base)) for path in tracked(str(base / package(folder)))}
    assert sources <= set(names)
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {package(folder)}


@pytest.mark.parametrize("folder", DISTRIBUTIONS)
def test_a_wheel_carries_licence_and_readme(wheels: Path, folder: str) -> None:
    """The licence's text travels with every room, and the index page of a room has something to show."""
    version = pyproject(folder)["project"]["version"]
    info = f"{package(folder)}-{version}.dist-info"
    assert f"{info}/licenses/LICENSE" in _names(wheels, folder)
    (wheel,) = wheels.glob(f"{package(folder)}-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        metadata = archive.read(f"{info}/METADATA").decode()
    assert "License-Expression: Apache-2.0" in metadata
    assert metadata.partition("\n\n")[2].strip() == (ROOT / folder / "README.md").read_text(encoding="utf-8").strip()
