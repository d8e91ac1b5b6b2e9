"""The agent's own settings, from the environment. Standard library only.

    PIPETRAIL_TIMEOUT           how long a command waits for Kafka before it spools: seconds, 0.1 to 300, default 5
    PIPETRAIL_SPOOL             the spool's folder; default `pipetrail/spool` in $XDG_STATE_HOME, else in ~/.local/state
    PIPETRAIL_SPOOL_MAX_BYTES   the spool's bound: bytes, at least 1 MiB, default 256 MiB

A malformed setting is reported by `SettingError`; `run` reports it, too, but only after the command that it runs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipetrail_schemas.errors import SettingError

# Longer than a broker's election of a new leader usually takes to answer, short enough not to be felt in a build.
DEFAULT_TIMEOUT_S = 5.0
MIN_TIMEOUT_S, MAX_TIMEOUT_S = 0.1, 300.0
# Some 300,000 events: days of an outage on one build machine.
DEFAULT_SPOOL_BYTES = 256 * 1024 * 1024
# Below this, one event of the largest size would not fit.
MIN_SPOOL_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """How long to wait (seconds), where to spool, and how much (bytes)."""

    timeout_s: float
    spool: Path
    spool_bytes: int


def load(env: Mapping[str, str]) -> AgentSettings:
    """Read the settings.

    Raises:
        SettingError: one is malformed or out of bounds; it names the setting and what is allowed.
    """
    return AgentSettings(_timeout(env), _spool(env), _spool_bytes(env))


def _timeout(env: Mapping[str, str]) -> float:
    text = env.get("PIPETRAIL_TIMEOUT")
    if not text:
        return DEFAULT_TIMEOUT_S
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not MIN_TIMEOUT_S <= seconds <= MAX_TIMEOUT_S:
        raise SettingError("PIPETRAIL_TIMEOUT", f"{text!r} is not a number of seconds from {MIN_TIMEOUT_S} to {MAX_TIMEOUT_S}")
    return seconds


def _spool(env: Mapping[str, str]) -> Path:
    if env.get("PIPETRAIL_SPOOL"):
        return Path(env["PIPETRAIL_SPOOL"]).absolute()
    state = env.get("XDG_STATE_HOME")
    try:
        base = Path(state) if state else Path.home() / ".local" / "state"
    except RuntimeError as exc:
        raise SettingError("PIPETRAIL_SPOOL", "is needed: this user has no home folder") from exc
    return (base / "pipetrail" / "spool").absolute()


def _spool_bytes(env: Mapping[str, str]) -> int:
    text = env.get("PIPETRAIL_SPOOL_MAX_BYTES")
    if not text:
        return DEFAULT_SPOOL_BYTES
    if not (text.isascii() and text.isdigit() and int(text) >= MIN_SPOOL_BYTES):
        raise SettingError("PIPETRAIL_SPOOL_MAX_BYTES", f"{text!r} is not a whole number of bytes from {MIN_SPOOL_BYTES}")
    return int(text)
