"""Gathers what is to be judged: the commits of a range, or the message that git hands to its commit-msg hook.

Tickets are looked up here, too, where the rules say where: all that a check needs is known before the first is judged.
"""

import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import repeat
from pathlib import Path

from pipetrail_producers.ci.context import Context
from pipetrail_producers.importers.commit import Commit, Person, parse_commit, parse_person
from pipetrail_producers.importers.history import Selection, objects, open_repository, revisions, signatures
from pipetrail_producers.policy.checks import Subject, ticket_of
from pipetrail_producers.policy.errors import CheckError
from pipetrail_producers.policy.rules import Policy

# What `git commit --verbose` puts below the message (git-commit, `--cleanup=scissors`).
_SCISSORS = "------------------------ >8 ------------------------"


def of_range(folder: Path, span: str, *, verify: bool) -> Iterator[Subject]:
    """The commits of a range, parents first.

    Args:
        folder: a folder of the repository.
        span: as git writes ranges: `origin/main..HEAD`.
        verify: let git check the signatures; else one that is there is "unverified".

    Raises:
        GitError: the range does not exist, or git failed.
        NoRepositoryError: the folder is no repository.
    """
    repository = open_repository(folder)
    with revisions(repository, Selection(branches=(span,))) as found:
        checked = signatures(repository, found) if verify else repeat(None)
        for (sha, content), signature in zip(objects(repository, found), checked, strict=False):
            commit = parse_commit(content)
            state = signature["state"] if signature else ("unverified" if commit.signed else "none")
            yield Subject(commit, sha, state)


def of_message(folder: Path, file: Path) -> Subject:
    """The commit that is about to be made with the message in a file.

    Raises:
        CheckError: the file cannot be read, or the folder is no repository.
    """
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError as exc:
        raise CheckError(f"{file} cannot be read: {exc.strerror}") from exc
    message = _git(folder, "stripspace", "--strip-comments", stdin=_above_scissors(text))
    author = parse_person(_git(folder, "var", "GIT_AUTHOR_IDENT").encode())
    is_merge = bool(_git(folder, "rev-parse", "--quiet", "--verify", "MERGE_HEAD", may_fail=True))
    return Subject(Commit(["", ""] if is_merge else [], author, Person("", "", 0), message, signed=False), draft=True)


def with_tickets(subjects: Iterable[Subject], policy: Policy, env: Mapping[str, str]) -> list[Subject]:
    """The same, each with what the tracker says of the ticket that it names; unaltered where the rules name no tracker."""
    found = list(subjects)
    if policy.ticket_lookup is None:
        return found
    from pipetrail_producers.policy.tracker import look_up  # noqa: PLC0415  # who looks nothing up pays for no HTTP client

    named = [ticket_of(one, policy) for one in found]
    looked = look_up(policy.ticket_lookup, filter(None, named), env)
    return [
        replace(one, ticket=looked[ticket]) if ticket is not None else one for one, ticket in zip(found, named, strict=True)
    ]


def default_range(context: Context) -> str:
    """What a CI run is about: what a change would bring to its base, else the last commit alone."""
    if context.base_ref and context.change_id:
        return f"origin/{context.base_ref}..{context.change_head_revision or 'HEAD'}"
    return f"{context.commit or 'HEAD'}^!"


def add_trailer(folder: Path, file: Path, name: str, value: str) -> None:
    """Put a trailer below the message in a file, where git puts them.

    Raises:
        CheckError: git failed.
    """
    _git(folder, "interpret-trailers", "--in-place", "--trailer", f"{name}: {value}", str(file.resolve()))


def _above_scissors(text: str) -> str:
    lines = text.splitlines(keepends=True)
    end = next((number for number, line in enumerate(lines) if line.rstrip().endswith(_SCISSORS)), len(lines))
    return "".join(lines[:end])


def _git(folder: Path, *arguments: str, stdin: str = "", may_fail: bool = False) -> str:
    command = ("git", "-C", str(folder), *arguments)
    try:
        run = subprocess.run(command, input=stdin.encode(), capture_output=True, env=os.environ, check=False)
    except OSError as exc:
        raise CheckError(f"git cannot be run: {exc.strerror}") from exc
    if run.returncode and not may_fail:
        raise CheckError(f"git {arguments[0]}: {run.stderr.decode('utf-8', 'replace').strip()}")
    return run.stdout.decode("utf-8", "replace")
