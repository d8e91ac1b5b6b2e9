"""Reference data follow the folder without a restart, and the last good ones outlive a bad file."""

import os
from pathlib import Path

import pytest
from pipetrail_processors.directory.watcher import LOOK_EVERY_S, Watcher
from pipetrail_schemas.errors import SettingError

ANN = "people: [{id: ann}]"


class Clock:
    """Seconds that a test lets pass."""

    now = 100.0

    def __call__(self) -> float:
        """The time."""
        return self.now


def _write(folder: Path, text: str, moment: int) -> None:
    path = folder / "people.yaml"
    path.write_text(text, encoding="utf-8")
    os.utime(path, ns=(moment, moment))


def test_a_change_is_in_force_after_the_next_look(tmp_path: Path) -> None:
    """Not before it, so that looking costs nothing for every event."""
    clock = Clock()
    _write(tmp_path, ANN, 1)
    watcher = Watcher(tmp_path, clock=clock)
    _write(tmp_path, "people: [{id: bob}]", 2)
    assert watcher.current().person("ann")
    clock.now += LOOK_EVERY_S
    assert watcher.current().person("bob")
    assert watcher.current().person("ann") is None


def test_a_bad_file_keeps_the_last_good_data_and_it_is_said_so(tmp_path: Path) -> None:
    """Until it is mended; the problem names file and line."""
    clock = Clock()
    _write(tmp_path, ANN, 1)
    watcher = Watcher(tmp_path, clock=clock)
    _write(tmp_path, "people: [{id: ann, email: x}]", 2)
    clock.now += LOOK_EVERY_S
    assert watcher.current().person("ann")
    assert "people.yaml:1" in watcher.problem
    _write(tmp_path, "people: [{id: cem}]", 3)
    clock.now += LOOK_EVERY_S
    assert watcher.current().person("cem")
    assert watcher.problem == ""


def test_a_folder_that_went_away_and_came_back_is_read_again(tmp_path: Path) -> None:
    """A checkout replaces folders; nobody has to restart anything."""
    clock = Clock()
    folder = tmp_path / "reference"
    folder.mkdir()
    _write(folder, ANN, 1)
    watcher = Watcher(folder, clock=clock)
    folder.rename(tmp_path / "away")
    clock.now += LOOK_EVERY_S
    assert watcher.current().person("ann")
    assert "no folder" in watcher.problem
    (tmp_path / "away").rename(folder)
    clock.now += LOOK_EVERY_S
    watcher.current()
    assert watcher.problem == ""


def test_bad_data_at_the_start_stop_the_program(tmp_path: Path) -> None:
    """There is no last good one."""
    _write(tmp_path, "people: 7", 1)
    with pytest.raises(SettingError, match=r"people.yaml:1"):
        Watcher(tmp_path)
