"""As whom the servers run, and what that account reaches."""

import os
import pwd
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from pipetrail_deploy.account import Account, can_enter, can_run, give, server_account
from pipetrail_deploy.errors import AccountError

STRANGER = Account("stranger", os.getuid() + 4_000, os.getgid() + 4_000)
COLLEAGUE = Account("colleague", os.getuid() + 4_000, os.getgid())
OURSELVES = Account("ourselves", os.getuid(), os.getgid())


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder below none that is closed, as pytest's own are."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_root_runs_the_servers_as_somebody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenSearch refuses to run as root; anybody else runs them as himself."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert server_account() is None
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    chosen = server_account()
    assert chosen is not None
    assert chosen.uid == pwd.getpwnam("nobody").pw_uid != 0


def test_without_such_an_account_root_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some small images have no account but root."""

    def none(name: str) -> None:
        raise KeyError(name)

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(pwd, "getpwnam", none)
    with pytest.raises(AccountError, match="no account nobody"):
        server_account()


@pytest.mark.parametrize(
    ("mode", "reached"),
    [
        (0o755, {OURSELVES, COLLEAGUE, STRANGER}),
        (0o750, {OURSELVES, COLLEAGUE}),
        (0o705, {OURSELVES, STRANGER}),
        (0o700, {OURSELVES}),
    ],
)
def test_a_folder_is_open_to_whom_its_mode_says(folder: Path, mode: int, reached: set[Account]) -> None:
    """The owner's bits count for the owner, the group's for the group, the others' for all others."""
    inner = folder / "outer" / "inner"
    inner.mkdir(parents=True)
    (folder / "outer").chmod(mode)
    assert {who for who in (OURSELVES, COLLEAGUE, STRANGER) if can_enter(who, inner)} == reached


def test_a_folder_yet_to_be_made_is_as_open_as_those_above(folder: Path) -> None:
    """What exists of the path decides."""
    (folder / "open").mkdir()
    (folder / "open").chmod(0o755)
    (folder / "closed").mkdir(mode=0o700)
    assert can_enter(STRANGER, folder / "open" / "x" / "y")
    assert not can_enter(STRANGER, folder / "closed" / "x" / "y")
    assert can_enter(None, folder / "closed" / "x" / "y")


def test_a_program_must_be_readable_too(folder: Path) -> None:
    """Java reads files beside its program; one that can only be executed would not start."""
    program = folder / "program"
    program.touch()
    folder.chmod(0o755)
    outcomes = {}
    for mode in (0o755, 0o711, 0o744):
        program.chmod(mode)
        outcomes[mode] = can_run(STRANGER, program)
    assert outcomes == {0o755: True, 0o711: False, 0o744: False}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_files_are_given_to_the_servers_account(tmp_path: Path) -> None:
    """It owns what it is given, and nothing beside."""
    for name in ("mine", "yours"):
        (tmp_path / name).touch()
    give(STRANGER, tmp_path / "yours")
    assert [(tmp_path / name).stat().st_uid for name in ("mine", "yours")] == [os.getuid(), STRANGER.uid]
