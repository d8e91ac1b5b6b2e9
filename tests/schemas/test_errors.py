"""The tree of errors."""

import re

import pytest
from pipetrail_schemas import errors
from pipetrail_schemas.errors import InvalidEventError, PipetrailError, SettingError


def _drawn() -> set[str]:
    return set(re.findall(r"^\s+(?:[├└]── )?(\w+Error)\b", errors.__doc__ or "", re.MULTILINE))


def test_the_drawn_tree_is_the_real_one() -> None:
    """Every class of the module stands in its docstring, and nothing else does."""
    real = {name for name, thing in vars(errors).items() if isinstance(thing, type)}
    assert _drawn() == real
    assert all(issubclass(getattr(errors, name), PipetrailError) for name in real)


@pytest.mark.parametrize("error", [PipetrailError("x"), SettingError("S", "x"), InvalidEventError([("f", "x")])])
def test_every_error_says_when_it_is_raised_and_how_the_command_ends(error: PipetrailError) -> None:
    """A docstring, a sentence and an exit code that is a failure and no shell's own."""
    assert len(type(error).__doc__ or "") > 40
    assert str(error).endswith("x")
    assert 0 < error.exit_code < 126
