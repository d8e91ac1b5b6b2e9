"""Which job tokens were used, so that none is used twice. On disk, bounded, and lasting.

A token may come again with the very same body: then somebody repeats a request whose answer was lost, and the events' ids make
that harmless. With any other body it may be stolen, and is refused. What has expired is forgotten, since it is refused anyway;
while as many are held as there is room for, further ones are refused rather than any forgotten.
"""

import hashlib
import os
from pathlib import Path

from pipetrail_producers.collector.errors import RefusedTokenError, StoreError, StoreFullError
from pipetrail_producers.collector.jobtoken import LEEWAY_S
from pipetrail_producers.collector.store import FILE_MODE
from pipetrail_producers.durable import sync

NAME = "used-tokens"
# A line has some 160 bytes: 32 MB at most. At one token a second, each an hour long, 3,600 are held.
MAX_TOKENS = 200_000


class UsedTokens:
    """The used tokens in a folder. For one thread at a time; `use` blocks for a sync."""

    def __init__(self, folder: Path, *, now: float, most: int = MAX_TOKENS) -> None:
        """Read what is there.

        Raises:
            StoreError: it cannot be read or written.
        """
        self._path = folder / NAME
        self._most = most
        # Hash of issuer and token id → expiry in seconds since 1970, and hash of the body.
        self._used: dict[str, tuple[int, str]] = {}
        try:
            self._read()
            self._rewrite(now)
        except OSError as exc:
            raise StoreError(f"cannot use {self._path}: {exc.strerror or exc}") from exc

    def use(self, issuer: str, token_id: str, body_sha256: str, *, expires: int, now: float) -> None:
        """Note a token as used; it is lasting when this returns.

        Raises:
            RefusedTokenError: it was used before, for something else.
            StoreFullError: as many are held as there is room for.
            StoreError: it cannot be written.
        """
        name = hashlib.sha256(f"{issuer}\n{token_id}".encode()).hexdigest()
        if (before := self._used.get(name)) is not None:
            if before[1] != body_sha256:
                raise RefusedTokenError("the token was used before: ask for a new one for each request")
            return
        try:
            if len(self._used) >= self._most:
                self._rewrite(now)
            if len(self._used) >= self._most:
                raise StoreFullError(f"{len(self._used)} job tokens that have not expired are held; there is no room for more")
            self._append(f"{name} {expires} {body_sha256}\n")
        except OSError as exc:
            raise StoreError(f"cannot write {self._path}: {exc.strerror or exc}") from exc
        self._used[name] = (expires, body_sha256)

    def _read(self) -> None:
        if not self._path.exists():
            return
        for line in self._path.read_text(encoding="ascii", errors="replace").splitlines():
            parts = line.split()
            # A torn last line was never acknowledged.
            if len(parts) == 3 and parts[1].isdigit() and len(parts[2]) == hashlib.sha256().digest_size * 2:  # noqa: PLR2004
                self._used[parts[0]] = (int(parts[1]), parts[2])

    def _rewrite(self, now: float) -> None:
        self._used = {name: told for name, told in self._used.items() if told[0] + LEEWAY_S > now}
        temporary = self._path.with_suffix(".tmp")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FILE_MODE)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.writelines(f"{name} {expires} {body}\n" for name, (expires, body) in self._used.items())
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(self._path)
        sync(self._path.parent)

    def _append(self, line: str) -> None:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, FILE_MODE)
        try:
            os.write(descriptor, line.encode("ascii"))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
