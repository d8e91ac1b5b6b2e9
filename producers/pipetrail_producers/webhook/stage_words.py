"""Which stage of a trail a task belongs to, told by its name, where the name leaves no doubt. Pure.

A name says it when it is one of these words, or begins with one followed by a separator and what is built, tested or deployed
(`test`, `test:unit`, `deploy-production`). `build-and-test` says two things and so none; `latest` and `contest` say nothing.
"""

import re
from typing import Literal

TaskType = Literal["build", "test", "deploy"]

_WORDS: dict[str, TaskType] = {
    "build": "build",
    "builds": "build",
    "compile": "build",
    "test": "test",
    "tests": "test",
    "testing": "test",
    "deploy": "deploy",
    "deployment": "deploy",
    "deployments": "deploy",
}
_SEPARATORS = re.compile(r"[^a-z0-9]+")


def task_type(*names: str | None) -> TaskType | None:
    """The stage that the first name that says one says, the most telling name first; None where none does.

    A name in which two stages occur ends the search: the task does both, and is not to be counted as either.
    """
    for name in names:
        words = [word for word in _SEPARATORS.split((name or "").lower()) if word]
        found = {_WORDS[word] for word in words if word in _WORDS}
        if len(found) > 1:
            return None
        if words and words[0] in _WORDS:
            return _WORDS[words[0]]
    return None
