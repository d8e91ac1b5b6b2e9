"""Reads a repository's history through git itself: which commits there are, and their objects, in two processes.

`git rev-list` writes the commits' ids to a temporary file, oldest first and parents before children, which also tells how many
there are; `git cat-file --batch` reads that file and writes the objects. None of git's own settings (replaced objects, output
encodings, locales) alters what is read.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

from pipetrail_producers import git
from pipetrail_producers.ci.context import repository_url
from pipetrail_producers.importers.commit_event import Signature
from pipetrail_producers.importers.errors import GitError, NoRepositoryError

if sys.platform == "linux":
    import fcntl

# Large reads: a history is tens of megabytes in objects of a few hundred bytes.
_BUFFER_BYTES = 1 << 20
# What nobody committed to the repository, though it has a ref: the merges by which forges try an open request (GitHub and Azure
# DevOps, GitLab and its trains, Bitbucket), which would tell as merged what never was; git's notes, and what was put aside.
_NO_HISTORY = (
    "refs/pull/*/merge",
    "refs/merge-requests/*/merge",
    "refs/merge-requests/*/train",
    "refs/pull-requests/*/merge",
    "refs/notes/*",
    "refs/stash",
)
# The digits of a commit's id, by the repository's object format.
_DIGITS = {"sha1": 40, "sha256": 64}
# `%G?` of git-log. U is a valid signature by a key that nobody vouches for, E one whose key is missing; X and Y expired since.
_VERDICTS = {"G": "good", "X": "good", "Y": "good", "B": "bad", "R": "bad", "U": "unknown_key", "E": "unknown_key"}


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository on this machine. `url` is canonical; `shallow` tells that its history was cut off when it was cloned."""

    folder: Path
    url: str
    shallow: bool
    digits: int


@dataclass(frozen=True, slots=True)
class Selection:
    """Which commits: those reachable from HEAD, from `branches`, or from `all_refs`; not those committed before `since`.

    All refs are those that people commit to: see `_NO_HISTORY`.
    """

    branches: tuple[str, ...] = ()
    all_refs: bool = False
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Revisions:
    """The ids of commits, one a line, in a file that lasts as long as the context that made it."""

    file: IO[bytes]
    count: int


def open_repository(folder: Path, url: str | None = None) -> Repository:
    """The repository that a folder belongs to, bare or not.

    Args:
        folder: the repository or a folder inside it.
        url: canonical URL to record it under; else the remote `origin`'s, else a file URL with this host's name.

    Raises:
        NoRepositoryError: there is none, git does not want to read it, or git is not installed.
    """
    arguments = ("rev-parse", "--is-shallow-repository", "--show-object-format", "--absolute-git-dir")
    try:
        run = subprocess.run(_command(folder, arguments), env=_environment(), capture_output=True, check=False)
    except OSError as exc:
        raise NoRepositoryError(f"git cannot be run: {exc.strerror}") from exc
    if run.returncode:
        raise NoRepositoryError(f"{folder} is no git repository that can be read: {_end(run.stderr)}")
    shallow, digits, git_folder = os.fsdecode(run.stdout).splitlines()
    return Repository(folder, url or _url(folder, Path(git_folder)), shallow == "true", _DIGITS[digits])


@contextmanager
def revisions(repository: Repository, selection: Selection) -> Iterator[Revisions]:
    """The commits of a selection, parents before children.

    Raises:
        GitError: a branch does not exist, or git failed.
    """
    with tempfile.TemporaryFile() as file:
        _walk(repository, selection, file)
        count = file.seek(0, os.SEEK_END) // (repository.digits + 1)
        yield Revisions(file, count)


def objects(repository: Repository, found: Revisions) -> Iterator[tuple[str, bytes]]:
    """Each commit's id and the content of its object, in the order of the revisions.

    Raises:
        GitError: an object is missing or git failed.
    """
    found.file.seek(0)
    with reading(repository.folder, ("cat-file", "--batch", "--buffer"), found.file) as output:
        while header := output.readline():
            parts = header.split()
            if len(parts) != 3 or parts[1] != b"commit":  # noqa: PLR2004  # id, type, size
                raise GitError(f"git has not the commit that it listed: {header.decode(errors='replace').strip()}")
            content = output.read(int(parts[2]) + 1)
            yield parts[0].decode("ascii"), content[:-1]


def signatures(repository: Repository, found: Revisions) -> Iterator[Signature | None]:
    """What git says of each commit's signature, in the order of the revisions; None where there is none. Slow: it asks gpg.

    Raises:
        GitError: git failed.
    """
    found.file.seek(0)
    arguments = ("log", "--no-walk=unsorted", "--stdin", "--no-show-signature", "--format=%G?%x00%GS%x00%GK")
    with reading(repository.folder, arguments, found.file) as output:
        for line in output:
            verdict, name, key = line.decode("utf-8", "replace").rstrip("\n").split("\0")
            signer = name or key
            state = _VERDICTS.get(verdict)
            yield None if state is None else {"state": state, "signer": signer} if signer else {"state": state}


def commit_of(repository: Repository, name: str) -> str | None:
    """The commit that a revision names; None where there is none, as on a branch that is not born yet."""
    command = _command(repository.folder, ("rev-parse", "--quiet", "--verify", f"{name}^{{commit}}"))
    run = subprocess.run(command, env=_environment(), capture_output=True, check=False)
    return run.stdout.decode("ascii").strip() if run.returncode == 0 else None


def _walk(repository: Repository, selection: Selection, file: IO[bytes]) -> None:
    limits = (f"--since={int(selection.since.timestamp())}",) if selection.since else ()
    every = (*(f"--exclude={pattern}" for pattern in _NO_HISTORY), "--all")
    chosen: Sequence[str] = every if selection.all_refs else ("--end-of-options", *(selection.branches or ("HEAD",)))
    if not (selection.all_refs or selection.branches) and commit_of(repository, "HEAD") is None:
        return
    command = _command(repository.folder, ("rev-list", "--topo-order", "--reverse", *limits, *chosen))
    run = subprocess.run(command, env=_environment(), stdout=file, stderr=subprocess.PIPE, check=False)
    if run.returncode:
        raise GitError(f"git rev-list: {_end(run.stderr)}")


def _url(folder: Path, git_folder: Path) -> str:
    checkout = git.checkout(os.environ, folder)
    # A bare repository has no work tree to be named by.
    return repository_url(checkout.origin) or git.local_url(checkout.top or git_folder)


@contextmanager
def reading(folder: Path, arguments: Sequence[str], source: IO[bytes] | int) -> Iterator[IO[bytes]]:
    """The output of a git command in a folder, as it comes; `source` is its input.

    Raises:
        GitError: on leaving, when git failed.
    """
    command = _command(folder, arguments)
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(
            command, env=_environment(), stdin=source, stdout=subprocess.PIPE, stderr=complaints, bufsize=_BUFFER_BYTES
        )
        if process.stdout is None:  # never: it was asked for
            raise GitError("git gives no output")
        _widen(process.stdout)
        with process:
            try:
                yield process.stdout
            except BaseException:
                process.kill()
                raise
        if process.returncode:
            complaints.seek(0)
            raise GitError(f"git {arguments[0]}: {_end(complaints.read())}")


def _widen(pipe: IO[bytes]) -> None:
    """Let git run ahead by more than the 64 KiB that a pipe holds: waiting for each other cost a third of the time."""
    if sys.platform == "linux":
        with suppress(OSError):  # an ordinary user has a limit, and no harm is done by staying below
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _BUFFER_BYTES)


def _command(folder: Path, arguments: Sequence[str]) -> list[str]:
    # Replaced objects (git-replace) are somebody's view; the id is the hash of what is really there.
    return ["git", "--no-replace-objects", "-C", str(folder), *arguments]


def _environment() -> dict[str, str]:
    return {**os.environ, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"}


def _end(complaints: bytes) -> str:
    """What git complains of: its first fatal line, since advice follows it, else the last line."""
    lines = complaints.decode("utf-8", "replace").strip().splitlines()
    fatal = [line.removeprefix("fatal: ") for line in lines if line.startswith("fatal: ")]
    return (fatal or lines[-1:] or ["it does not say why"])[0]
