"""What commits change, each compared with another one: the files, and the lines. `git diff-tree --stdin` lists both.

Nothing of a user's or a repository's settings alters it: no renames are looked for, no external program shows a difference.
A patch is told by its lines with the lines around them, whatever their numbers; that of a binary file by its content before and
after.
"""

import hashlib
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import IO

from pipetrail_producers.importers.history import Repository, reading
from pipetrail_producers.importers.squash import Pair

# A change of more files (somebody else's code put in, say) is not compared: bytes of the names of its files.
_MAX_NAMES_BYTES = 1_000_000
_COMMIT = re.compile(rb"[0-9a-f]{40}(?:[0-9a-f]{24})?\n")
_PLAIN = ("--no-renames", "--no-ext-diff", "--no-textconv", "--full-index")


class GitChanges:
    """The changes in one repository; `squash.Changes`.

    Raises:
        GitError: in each method, when git failed.
    """

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    def files(self, pairs: Iterable[Pair]) -> dict[str, bytes]:
        """By the commit: a digest of the names of the files that it changes."""
        found: dict[str, bytes] = {}
        commit = ""
        names: list[bytes] = []
        with self._listed(pairs, "--raw", "-z") as output:
            fields = _fields(output)
            for field in fields:
                if field.startswith(b":"):
                    names.append(next(fields))
                    continue
                _keep(found, commit, names)
                commit, names = field.decode("ascii"), []
        _keep(found, commit, names)
        return found

    def patches(self, pairs: Iterable[Pair]) -> dict[str, bytes]:
        """By the commit: a digest of the lines that it takes away and adds, with those around them."""
        found = {}
        digest = hashlib.sha256()
        index = b""
        with self._listed(pairs, "--patch") as output:
            for line in output:
                # No line of a file stands at the beginning of a line: each has a sign before it.
                if _COMMIT.fullmatch(line):
                    digest = found[line[:-1].decode("ascii")] = hashlib.sha256()
                elif line.startswith(b"index "):
                    index = line
                elif line.startswith(b"Binary files "):
                    digest.update(index)
                elif not line.startswith(b"@@ "):
                    digest.update(line)
        return {commit: one.digest() for commit, one in found.items()}

    @contextmanager
    def _listed(self, pairs: Iterable[Pair], *how: str) -> Iterator[IO[bytes]]:
        with tempfile.TemporaryFile() as asked:
            asked.writelines(f"{commit} {base}\n".encode("ascii") for commit, base in pairs)
            asked.seek(0)
            with reading(self._repository.folder, ("diff-tree", "--stdin", "-r", *_PLAIN, *how), asked) as output:
                yield output


def _keep(found: dict[str, bytes], commit: str, names: list[bytes]) -> None:
    if names and sum(map(len, names)) <= _MAX_NAMES_BYTES:
        found[commit] = hashlib.sha256(b"\0".join(names)).digest()


def _fields(output: IO[bytes]) -> Iterator[bytes]:
    """What stands between NULs."""
    rest = b""
    while block := output.read(1 << 20):
        *whole, rest = (rest + block).split(b"\0")
        yield from whole
