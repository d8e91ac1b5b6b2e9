"""Patterns for names in reference files: with `*`, in lower case, at least one."""

import fnmatch
from collections.abc import Iterable
from typing import Annotated

from pydantic import Field, StringConstraints

Pattern = Annotated[str, StringConstraints(min_length=1, to_lower=True)]
Patterns = Annotated[tuple[Pattern, ...], Field(min_length=1)]


def matches(patterns: Iterable[str], name: str) -> bool:
    """Whether a name, in lower case, is like one of the patterns."""
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
