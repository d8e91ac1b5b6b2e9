"""Where the collector keeps what, and the key of its redaction."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipetrail_producers.collector.backlog import write_whole
from pipetrail_producers.collector.errors import StoreError
from pipetrail_producers.collector.masking import QuickRedactor
from pipetrail_producers.redact import KEY_VARIABLE

_FOLDER = "collector"
_KEY_FILE = "redaction-key"
_KEY_BYTES = 32


def folder(home: Path, store: Path | None) -> Path:
    """The folder of the store."""
    return (home / _FOLDER if store is None else store).absolute()


def redactor(store: Path, secrets: Sequence[str], env: Mapping[str, str]) -> QuickRedactor:
    """What takes secrets out, with a key that lasts: a replay must make the same bytes. None of the sources' own gets through.

    Raises:
        StoreError: the key cannot be read or written.
    """
    key = env.get(KEY_VARIABLE) or _key(store / _KEY_FILE)
    return QuickRedactor({KEY_VARIABLE: key, **{f"SECRET_{number}": secret for number, secret in enumerate(secrets)}})


def _key(path: Path) -> str:
    try:
        if not path.exists():
            write_whole(path, os.urandom(_KEY_BYTES).hex().encode())
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as exc:
        raise StoreError(f"cannot use {path}: {exc}") from exc
