"""How many trails a partition's state holds, kept up to date as they come and go: a state cannot be looked through."""

from pipetrail_processors.state.state import State

_TRAILS = b"#trails"


def is_trail(key: str) -> bool:
    """Whether a node's key is a commit's; those of aliases (`run:…`, `sha256:…`) have a colon."""
    return ":" not in key


def count_trails(state: State, change: int) -> None:
    """Note that so many trails came, or, below zero, went."""
    if change:
        state.set(_TRAILS, b"%d" % max(0, trails(state) + change))


def trails(state: State) -> int:
    """How many there are."""
    return int(state.get(_TRAILS) or 0)
