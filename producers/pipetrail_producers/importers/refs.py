"""What a repository's refs say: its annotated tags, the heads of branches and changes, and which branch is the trunk."""

import subprocess

from pipetrail_producers.importers.commit import parse_person
from pipetrail_producers.importers.commit_event import Tag
from pipetrail_producers.importers.history import Repository, commit_of, reading

# Branches, and the heads of changes as GitHub, GitLab and Bitbucket Data Center keep them.
_HEADS = ("refs/heads", "refs/remotes", "refs/pull/*/head", "refs/merge-requests/*/head", "refs/pull-requests/*/from")
_TAG_FORMAT = "%(refname:strip=2)%00%(objecttype)%00%(objectname)%00%(*objecttype)%00%(*objectname)%00%(tagger)"


def tags(repository: Repository) -> tuple[list[Tag], int]:
    """The annotated tags that point to a commit, and how many other tags there are: git knows no tagger and time of those.

    Raises:
        GitError: git failed.
    """
    found: list[Tag] = []
    others = 0
    with reading(repository.folder, ("for-each-ref", f"--format={_TAG_FORMAT}", "refs/tags"), subprocess.DEVNULL) as output:
        for line in output:
            name, kind, object_id, target, revision, tagger = line.rstrip(b"\n").split(b"\0")
            if kind == b"tag" and target == b"commit" and tagger:
                text = name.decode("utf-8", "replace")
                found.append(Tag(text, revision.decode("ascii"), object_id.decode("ascii"), parse_person(tagger)))
            else:
                others += 1
    return found, others


def heads(repository: Repository) -> list[str]:
    """The tips of branches, and the heads of changes where the forge's refs of them were fetched.

    Raises:
        GitError: git failed.
    """
    arguments = ("for-each-ref", "--format=%(objecttype) %(objectname)", *_HEADS)
    with reading(repository.folder, arguments, subprocess.DEVNULL) as output:
        told = [line.split() for line in output]
    return sorted({name.decode("ascii") for kind, name in told if kind == b"commit"})


def trunk(repository: Repository) -> str | None:
    """The tip of the branch that changes go into: the remote's default branch, else HEAD; None where there is no commit."""
    return commit_of(repository, "refs/remotes/origin/HEAD") or commit_of(repository, "HEAD")
