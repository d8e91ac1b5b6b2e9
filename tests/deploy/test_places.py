"""Where things are kept, who may read them, and who must wait."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from pipetrail_deploy import places
from pipetrail_deploy.account import Account
from pipetrail_deploy.errors import LockedError, NoSpaceError
from pipetrail_deploy.places import Home, cache_folder, locked, make_folder, make_home, remove_data, require_space

STRANGER = Account("stranger", os.getuid() + 4_000, os.getgid() + 4_000)


@pytest.fixture
def closed_umask() -> Iterator[None]:
    """New folders are closed to others, as some administrators have it."""
    before = os.umask(0o077)
    yield
    os.umask(before)


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_the_cache_is_where_the_user_keeps_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """XDG_CACHE_HOME, else ~/.cache."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder({}, None) == tmp_path / ".cache" / "pipetrail"
    assert cache_folder({"XDG_CACHE_HOME": "/caches"}, None) == Path("/caches/pipetrail")


def test_a_cache_that_the_servers_cannot_reach_is_not_used(tmp_path: Path) -> None:
    """Root's closed home is out of their reach; the system's cache folder is not."""
    tmp_path.chmod(0o700)
    assert cache_folder({"XDG_CACHE_HOME": str(tmp_path)}, STRANGER) == places.SYSTEM_CACHE


@pytest.mark.usefixtures("closed_umask")
def test_folders_have_their_mode_whatever_the_umask(tmp_path: Path) -> None:
    """Those above a new folder are open, it has the mode that was asked for, and what existed keeps its own."""
    made = make_folder(tmp_path / "a" / "b" / "c", 0o700)
    assert [_mode(path) for path in (made, made.parent, made.parent.parent)] == [0o700, 0o755, 0o755]
    make_folder(tmp_path / "a" / "b", 0o777)
    assert _mode(made.parent) == 0o755


def test_a_home_closes_what_is_secret(tmp_path: Path) -> None:
    """Keys, logs, and the servers' data are for their owners only."""
    home = make_home(tmp_path / "home", None)
    assert {
        path.name: _mode(path) for path in (home.tls, home.logs, home.run, home.data / "kafka", home.data / "opensearch")
    } == {
        "tls": 0o700,
        "logs": 0o700,
        "run": 0o700,
        "kafka": 0o700,
        "opensearch": 0o700,
    }


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the servers as somebody else")
def test_data_of_a_closed_home_is_kept_where_the_servers_can_reach_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """`data` is then a link, found again by the home's path, and removed through it."""
    system = tmp_path_factory.mktemp("system")
    monkeypatch.setattr(places, "SYSTEM_DATA", system)
    tmp_path.chmod(0o700)
    home = make_home(tmp_path / "home", STRANGER)
    assert home.data.is_symlink()
    assert home.data.resolve().parent == system
    assert (home.data / "kafka").stat().st_uid == STRANGER.uid
    (home.data / "kafka" / "log").touch()
    home.data.unlink()
    assert (make_home(tmp_path / "home", STRANGER).data / "kafka" / "log").exists()
    remove_data(home)
    assert (list(system.iterdir()), home.data.is_symlink()) == ([], False)


def test_removing_data_leaves_the_rest(tmp_path: Path) -> None:
    """Credentials and certificates stay; a home whose data is gone can be used again."""
    home = make_home(tmp_path, None)
    (home.tls / "ca.pem").touch()
    remove_data(home)
    assert (home.data.exists(), (home.tls / "ca.pem").exists()) == (False, True)
    remove_data(home)
    assert (make_home(tmp_path, None).data / "kafka").is_dir()


def test_a_lock_is_held_by_one(tmp_path: Path) -> None:
    """A second one waits, and is told when it takes too long; afterwards the lock is free."""
    file = tmp_path / "lock"
    with locked(file), pytest.raises(LockedError, match="another pipetrail is at work"), locked(file, timeout_s=0.2):
        pytest.fail("two held the lock")
    with locked(file, timeout_s=0.2):
        pass


def test_too_little_room_is_told_in_megabytes(tmp_path: Path) -> None:
    """Also for a folder that is not there yet."""
    free = shutil.disk_usage(tmp_path).free
    require_space(tmp_path / "x" / "y", 1)
    with pytest.raises(NoSpaceError, match=rf"{tmp_path} has \d+ MB of room, and \d+ MB are needed"):
        require_space(tmp_path / "x" / "y", 2 * free)


def test_a_home_is_made_of_absolute_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The servers are started in folders of their own, where a relative path would mean another place."""
    monkeypatch.chdir(tmp_path)
    assert make_home(Path("home"), None) == Home(tmp_path / "home")
