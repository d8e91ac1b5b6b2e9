"""Files of a home that people and programs read: `stack.toml`, `credentials`, `connection.toml`. All private to their owner.

`stack.toml` is what the stack was last started with, so that `down` and `up` give the same ports.
"""

import json
import os
import secrets
import tempfile
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path

from pipetrail_schemas.errors import SettingError

from pipetrail_deploy.places import Home
from pipetrail_deploy.ports import HOST, free_port

USERS = ("admin", "auditor", "indexer")  # admin first: a client that names no user acts as the first one
KAFKA_PORT, OPENSEARCH_PORT = 9092, 9200
_HIGHEST_PORT = 65_535
_SALT_CHARACTERS = 16  # exactly as many as the security plugin wants
_SECRET = 0o600


@dataclass(frozen=True, slots=True)
class Settings:
    """What a stack is started with. Ports are real ones; `salt` is for the security plugin's field masking."""

    kafka_port: int
    opensearch_port: int
    insecure: bool
    opensearch: bool
    salt: str


def load_settings(home: Home) -> Settings | None:
    """What the stack was last started with; None if it never was.

    Raises:
        SettingError: the file is damaged.
    """
    try:
        return Settings(**tomllib.loads(home.settings.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as exc:
        raise SettingError(str(home.settings), f"cannot be read ({exc}): delete it to start with default ports") from exc


def decide(
    last: Settings | None,
    *,
    kafka_port: int | None,
    opensearch_port: int | None,
    insecure: bool | None,
    opensearch: bool = True,
) -> Settings:
    """Settings from what was asked for (None: as last time, else the default; port 0: any free one).

    Raises:
        SettingError: a port is out of bounds.
    """
    base = last or Settings(KAFKA_PORT, OPENSEARCH_PORT, insecure=False, opensearch=True, salt=_salt())
    return replace(
        base,
        kafka_port=_port("--kafka-port", kafka_port, base.kafka_port),
        opensearch_port=_port("--opensearch-port", opensearch_port, base.opensearch_port),
        insecure=base.insecure if insecure is None else insecure,
        opensearch=opensearch,
    )


def keep(running: Settings, *, kafka_port: int | None, opensearch_port: int | None, insecure: bool | None) -> Settings:
    """The settings of a stack that runs, if nothing else was asked for (None: whatever it has; port 0: any).

    Raises:
        SettingError: something else was asked for.
    """
    asked = {"kafka_port": kafka_port or None, "opensearch_port": opensearch_port or None, "insecure": insecure}
    for name, value in asked.items():
        current = getattr(running, name)
        if value is not None and value != current:
            option = f"--{name.replace('_', '-')}"
            raise SettingError(option, f"is {json.dumps(current)} as long as the stack runs: `pipetrail down` comes first")
    return running


def save_settings(home: Home, settings: Settings) -> None:
    """Remember what the stack is started with."""
    values = {name: getattr(settings, name) for name in Settings.__slots__}
    write_private(home.settings, "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items()))


def ensure_credentials(home: Home) -> dict[str, str]:
    """User → password: what the file says, with new passwords for users that it lacks.

    Raises:
        SettingError: the file is damaged.
    """
    try:
        known = tomllib.loads(home.credentials.read_text(encoding="utf-8")) if home.credentials.exists() else {}
    except (OSError, ValueError) as exc:
        raise SettingError(str(home.credentials), f"cannot be read ({exc}): delete it to have new passwords") from exc
    passwords = {user: str(known.get(user) or secrets.token_urlsafe(18)) for user in USERS}
    write_private(home.credentials, "".join(f"{user} = {json.dumps(word)}\n" for user, word in passwords.items()))
    return passwords


def save_connection(home: Home, settings: Settings) -> None:
    """Write `connection.toml`, by which every other room finds the servers (format: pipetrail_schemas.connection)."""
    tables = {"kafka": {"bootstrap_servers": f"{HOST}:{settings.kafka_port}"}}
    if settings.opensearch and settings.insecure:
        tables["opensearch"] = {"url": f"http://{HOST}:{settings.opensearch_port}"}
    elif settings.opensearch:
        tables["opensearch"] = {
            "url": f"https://{HOST}:{settings.opensearch_port}",
            "ca_file": "tls/ca.pem",
            "credentials_file": "credentials",
        }
    sections = (
        f"[{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())
        for name, table in tables.items()
    )
    write_private(home.connection, "\n".join(sections))


def write_private(path: Path, text: str) -> None:
    """Replace a file at once, readable by its owner only."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # made with mode 0600
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    Path(temporary).replace(path)


def _port(option: str, asked: int | None, otherwise: int) -> int:
    if asked is None:
        return otherwise
    if not 0 <= asked <= _HIGHEST_PORT:
        raise SettingError(option, f"{asked} is no port: 1 to {_HIGHEST_PORT}, or 0 for any free one")
    return asked or free_port()


def _salt() -> str:
    return secrets.token_hex(_SALT_CHARACTERS // 2)
