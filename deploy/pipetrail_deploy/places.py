"""Where things are kept: downloads and assembled servers in a cache, state in a home folder (`.pipetrail`).

    cache/   artifacts/GROUP/FILE   trees/NAME-VERSION-DIGEST/   lock
    home/    connection.toml  credentials  stack.toml  tls/  data/{kafka,opensearch}/  logs/  run/

The cache is `$XDG_CACHE_HOME/pipetrail`, else `~/.cache/pipetrail`. When we are root and the servers' account cannot reach
that, it is /var/cache/pipetrail; a home out of its reach keeps its `data` as a link into /var/lib/pipetrail. Both of these
have only root's folders above them, so nobody else can put anything there.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipetrail_deploy.account import Account, can_enter, give
from pipetrail_deploy.errors import AccountError, LockedError, NoSpaceError

SYSTEM_CACHE = Path("/var/cache/pipetrail")
SYSTEM_DATA = Path("/var/lib/pipetrail")
OPEN, PRIVATE = 0o755, 0o700
_LOCK_TIMEOUT_S = 600.0  # a cold download over a slow line takes minutes
_LOCK_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Home:
    """The folder of one stack's state."""

    root: Path

    @property
    def connection(self) -> Path:
        """Addresses for clients: read by every other room."""
        return self.root / "connection.toml"

    @property
    def credentials(self) -> Path:
        """Users and passwords, TOML, readable by its owner only."""
        return self.root / "credentials"

    @property
    def settings(self) -> Path:
        """What the stack was last started with."""
        return self.root / "stack.toml"

    @property
    def tls(self) -> Path:
        """Certificates and keys."""
        return self.root / "tls"

    @property
    def data(self) -> Path:
        """The servers' own files, one folder a server."""
        return self.root / "data"

    @property
    def logs(self) -> Path:
        """One log file a server."""
        return self.root / "logs"

    @property
    def run(self) -> Path:
        """Which processes run."""
        return self.root / "run"


def cache_folder(env: Mapping[str, str], account: Account | None) -> Path:
    """The cache folder; nothing is made."""
    base = Path(env["XDG_CACHE_HOME"]) if env.get("XDG_CACHE_HOME") else Path.home() / ".cache"
    folder = base / "pipetrail"
    return folder if can_enter(account, folder) else SYSTEM_CACHE


def make_home(root: Path, account: Account | None) -> Home:
    """Make the folders of a home, `data` where the servers' account can reach it.

    Raises:
        AccountError: the place for the data is not safe.
    """
    home = Home(root.absolute())
    make_folder(home.root)
    for folder, mode in ((home.tls, PRIVATE), (home.logs, PRIVATE), (home.run, PRIVATE)):
        make_folder(folder, mode)
    if not home.data.exists():
        if can_enter(account, home.root):
            make_folder(home.data)
        else:
            target = _system_data(home.root)
            home.data.unlink(missing_ok=True)  # a link whose target was removed
            home.data.symlink_to(target)
    for name in ("kafka", "opensearch"):
        make_folder(home.data / name, PRIVATE)
        give(account, home.data / name)
    return home


def remove_data(home: Home) -> None:
    """Delete the servers' data, wherever it is kept."""
    shutil.rmtree(home.data.resolve(), ignore_errors=True)
    home.data.unlink(missing_ok=True)


def make_folder(folder: Path, mode: int = OPEN) -> Path:
    """Make a folder and those above it, with this mode whatever the umask; one that exists stays as it is."""
    for path in reversed((folder, *folder.parents)):
        if not path.exists():
            with contextlib.suppress(FileExistsError):  # somebody else was quicker
                path.mkdir()
                path.chmod(mode if path == folder else OPEN)
    return folder


def require_space(folder: Path, needed: int) -> None:
    """Check the room on the disk of `folder`, which need not exist yet; `needed` in bytes.

    Raises:
        NoSpaceError: there is less.
    """
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise NoSpaceError(existing, needed, free)


@contextmanager
def locked(file: Path, timeout_s: float = _LOCK_TIMEOUT_S) -> Iterator[None]:
    """Hold an exclusive lock on `file` (made when missing), which ends with the process at the latest.

    Raises:
        LockedError: it was not to be had in time.
    """
    deadline = time.monotonic() + timeout_s
    with file.open("a") as handle:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as exc:
                if time.monotonic() > deadline:
                    raise LockedError(file, timeout_s) from exc
                time.sleep(_LOCK_POLL_S)
        yield


def _system_data(root: Path) -> Path:
    folder = make_folder(SYSTEM_DATA) / hashlib.sha256(os.fsencode(root)).hexdigest()[:16]
    make_folder(folder)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != 0:
        raise AccountError(f"{folder} is not a folder of root's: remove it, or choose a --home that every user can enter")
    return folder
