"""As whom the servers run, and which folders that user can reach.

OpenSearch refuses to run as root, so root runs both servers as the unprivileged account `nobody`; any other user runs them as
itself. A folder below one that is closed to others (root's home, say) is out of reach for that account, whatever its own mode.
"""

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from pipetrail_deploy.errors import AccountError

UNPRIVILEGED = "nobody"


@dataclass(frozen=True, slots=True)
class Account:
    """An account that the servers are run as in place of root."""

    name: str
    uid: int
    gid: int


def server_account() -> Account | None:
    """The account to run the servers as; None to run them as whoever we are.

    Raises:
        AccountError: we are root, and there is no such account.
    """
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(UNPRIVILEGED)
    except KeyError as exc:
        raise AccountError(f"the servers must not run as root, and there is no account {UNPRIVILEGED} to run as") from exc
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def can_enter(account: Account | None, folder: Path) -> bool:
    """Whether `account` can open files below `folder`; of a folder that does not exist yet, what exists of its path counts.

    Goes by the mode bits, not by access control lists.
    """
    if account is None:
        return True
    existing = [path for path in (folder.absolute(), *folder.absolute().parents) if path.exists()]
    return all(_allowed(account, path.stat(), stat.S_IXUSR) for path in existing)


def can_run(account: Account | None, file: Path) -> bool:
    """Whether `account` can reach, read and execute `file`."""
    if account is None:
        return True
    status = file.stat()
    return can_enter(account, file.parent) and all(_allowed(account, status, bit) for bit in (stat.S_IRUSR, stat.S_IXUSR))


def give(account: Account | None, *paths: Path) -> None:
    """Make `account` the owner of files and folders (not of what is in them)."""
    if account is not None:
        for path in paths:
            os.chown(path, account.uid, account.gid, follow_symlinks=False)


def _allowed(account: Account, status: os.stat_result, bit: int) -> bool:
    """`bit` is the owner's; the group's and the others' are three and six bits to its right."""
    if status.st_uid == account.uid:
        return bool(status.st_mode & bit)
    if status.st_gid == account.gid:
        return bool(status.st_mode & bit >> 3)
    return bool(status.st_mode & bit >> 6)
