"""The squashes of an imported history: git's refs and changes, looked at by `squash`, with the commits that became of them."""

import tempfile
from collections.abc import Iterable
from typing import NamedTuple

from pipetrail_producers.importers.commit import Commit, parse_commit
from pipetrail_producers.importers.difference import GitChanges
from pipetrail_producers.importers.graph import Graph
from pipetrail_producers.importers.history import Repository, Revisions, objects
from pipetrail_producers.importers.refs import heads, trunk
from pipetrail_producers.importers.squash import Squash, find_squashes


class Squashed(NamedTuple):
    """The squashes, each with what its commit says; how many more are ambiguous, and were not looked at (`squash.Found`)."""

    squashes: list[tuple[Squash, Commit]]
    ambiguous: int
    left_out: int


def squashed(repository: Repository, graph: Graph) -> Squashed:
    """The squashes of a repository.

    Args:
        repository: where git is asked.
        graph: the commits that were imported.

    Raises:
        GitError: git failed.
    """
    found = find_squashes(graph, heads(repository), trunk(repository), GitChanges(repository))
    said = _said(repository, {name for one in found.squashes for name in (one.commit, one.head)})
    squashes = [(one, said[one.commit]) for one in found.squashes if not _is_rebased(one, said)]
    return Squashed(squashes, found.ambiguous, found.left_out)


def _is_rebased(squash: Squash, said: dict[str, Commit]) -> bool:
    """Whether it is the one commit of the branch again: whoever compares author, time and message knows it by these."""
    one, other = said[squash.commit], said[squash.head]
    return squash.commits == 1 and one.author == other.author and one.message.strip() == other.message.strip()


def _said(repository: Repository, commits: Iterable[str]) -> dict[str, Commit]:
    names = sorted(commits)
    with tempfile.TemporaryFile() as file:
        file.write("".join(f"{name}\n" for name in names).encode("ascii"))
        return {sha: parse_commit(content) for sha, content in objects(repository, Revisions(file, len(names)))}
