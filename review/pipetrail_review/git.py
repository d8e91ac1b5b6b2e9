"""Names that a git repository gives to commits: `HEAD`, branches, tags, abbreviations. Asks git itself; never fails."""

import subprocess
from pathlib import Path

# Seconds. Resolving a name reads a file or two; a repository on a dead network drive must not hang the command.
_TIMEOUT_S = 10


def commit_of(name: str, folder: Path) -> str | None:
    """The full id of the commit that `name` means in the repository of `folder`; None where it means none or git is absent."""
    command = ["git", "-C", str(folder), "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        # No git; a name with a NUL byte, which can be no argument; no answer.
        return None
    return found.stdout.strip() or None if found.returncode == 0 else None


def content_of(revision: str, path: Path) -> str | None:
    """The text that a file had at a revision; None where it was not there, or is no text."""
    command = ["git", "-C", str(path.parent), "show", "--end-of-options", f"{revision}:./{path.name}"]
    try:
        found = subprocess.run(command, capture_output=True, timeout=_TIMEOUT_S, check=False)
        return found.stdout.decode() if found.returncode == 0 else None
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
