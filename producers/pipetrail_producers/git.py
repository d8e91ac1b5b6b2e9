"""What git says of a working folder, in as few calls as possible. Without git, or outside a repository, it says nothing.

Reading never fails: what a build is about must not break the build. Standard library only.
"""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from pipetrail_producers.ci.context import repository_url

# A hanging network folder or credential helper must not hold up a build for ever. On a machine that is busy building, git may
# take seconds for what is usually milliseconds, and an event without its commit is worth little.
_TIMEOUT_S = 10.0
_SETTINGS = r"^(user\.(name|email)|remote\.origin\.url|url\..*\.insteadof)$"


@dataclass(frozen=True, slots=True)
class Checkout:
    """A working folder. `origin` is the remote's URL as configured, `top` the work tree's root; None is not known."""

    top: Path | None = None
    origin: str | None = None
    commit: str | None = None
    branch: str | None = None
    user_name: str | None = None
    user_email: str | None = None

    @property
    def repository(self) -> str | None:
        """The canonical URL of the remote, else a file URL of the work tree on this host."""
        return repository_url(self.origin) or (local_url(self.top) if self.top else None)


def checkout(env: Mapping[str, str], cwd: Path) -> Checkout:
    """The checkout that `cwd` lies in; both calls to git run at the same time."""
    calls = (
        ("rev-parse", "--show-toplevel", "HEAD", "--symbolic-full-name", "HEAD"),
        ("config", "--null", "--get-regexp", _SETTINGS),
    )
    processes = [_start(env, cwd, call) for call in calls]
    revisions, settings = (_output(process) for process in processes)
    lines = revisions.splitlines()
    if not lines or not lines[0]:
        return _with_settings(Checkout(), settings)
    commit, ref = (lines[1], lines[2]) if len(lines) == 3 else (None, "")  # noqa: PLR2004  # top, commit, ref; no commit yet: one
    branch = ref.removeprefix("refs/heads/") if ref.startswith("refs/heads/") else None
    return _with_settings(Checkout(Path(lines[0]), commit=commit, branch=branch), settings)


def local_url(folder: Path) -> str:
    """The URL of a repository that only this host has."""
    return f"file://{host_name()}{quote(folder.as_posix())}"


def host_name() -> str:
    """This machine's name, in lower case as in URLs."""
    return os.uname().nodename.lower() or "localhost"


def _with_settings(found: Checkout, output: str) -> Checkout:
    values: dict[str, str] = {}
    shorthands: list[tuple[str, str]] = []
    for entry in filter(None, output.split("\0")):
        key, _, value = entry.partition("\n")
        if key.startswith("url."):
            shorthands.append((value, key[len("url.") : -len(".insteadof")]))
        else:
            values[key] = value
    origin = values.get("remote.origin.url") if found.top else None
    return Checkout(
        top=found.top,
        origin=_expanded(origin, shorthands) if origin else None,
        commit=found.commit,
        branch=found.branch,
        user_name=values.get("user.name"),
        user_email=values.get("user.email"),
    )


def _expanded(url: str, shorthands: list[tuple[str, str]]) -> str:
    """The URL as git would use it: `url.BASE.insteadOf`, the longest match wins (git-config)."""
    matching = [pair for pair in shorthands if url.startswith(pair[0])]
    if not matching:
        return url
    short, base = max(matching, key=lambda pair: len(pair[0]))
    return base + url[len(short) :]


def _start(env: Mapping[str, str], cwd: Path, arguments: tuple[str, ...]) -> subprocess.Popen[str] | None:
    try:
        return subprocess.Popen(
            ("git", *arguments),
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
            errors="replace",
        )
    except OSError:
        return None


def _output(process: subprocess.Popen[str] | None) -> str:
    if process is None:
        return ""
    with process:
        try:
            return process.communicate(timeout=_TIMEOUT_S)[0]
        except subprocess.TimeoutExpired:
            process.kill()
            return ""
