"""Says on stderr what was not delivered: a line for people, an annotation in the CI's own syntax. Standard library only."""

import sys
from collections.abc import Mapping


def warn(env: Mapping[str, str], message: str) -> None:
    """Write the warning; a stderr that is gone is no reason to fail."""
    lines = [f"pipetrail: {message}"]
    if env.get("GITHUB_ACTIONS") == "true":
        lines.append(f"::warning title=pipetrail::{_github(message)}")
    elif env.get("TF_BUILD"):
        lines.append(f"##vso[task.logissue type=warning]pipetrail: {_one_line(message)}")
    try:
        print("\n".join(lines), file=sys.stderr, flush=True)
    except OSError:
        return


def _github(text: str) -> str:
    # GitHub's workflow commands, "Escaping": these three end or alter a command.
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _one_line(text: str) -> str:
    return " ".join(text.split())
