"""The history of a repository of the user's own, so that the demo ends with something that they know."""

import json
import sys
from pathlib import Path

from pipetrail_deploy.demo.errors import DemoError
from pipetrail_deploy.demo.shell import PIPETRAIL, environment, run
from pipetrail_deploy.reporter import Reporter


def bring_in(home: Path, repo: Path | None, reporter: Reporter) -> None:
    """Import all commits that HEAD of a repository reaches; a line says how many.

    Args:
        home: of a stack that runs.
        repo: the repository; None is the current folder's, if it is in one.
        reporter: is told of it.

    Raises:
        DemoError: `repo` is none, or the import fails.
    """
    folder = (repo or Path.cwd()).absolute()
    if not _has_commits(home, folder):
        if repo:
            raise DemoError(f"--repo {repo} is no git repository with a commit")
        reporter.line("Import", "no history: this folder is in no git repository with a commit (--repo PATH names one)")
        return
    command = (*PIPETRAIL, "import", "git", str(folder), "--json")
    told = json.loads(run(command, folder=folder, env=environment(home), shown=sys.stderr.isatty()))
    reporter.line("Import", f"{told['repository']}: {told['commits']:,} commits", told["seconds"])


def _has_commits(home: Path, folder: Path) -> bool:
    try:
        run(("git", "rev-parse", "--verify", "--quiet", "HEAD"), folder=folder, env=environment(home))
    except DemoError:
        return False
    return True
