"""The root of pipetrail's exceptions. Standard library only.

Every exception that a caller may see derives from `PipetrailError`; a third-party exception that leaks is a bug.
Rooms add their own branches in their own `errors` module. The tree that this module defines:

    PipetrailError
    ├── SettingError       a setting or settings file is wrong: names the setting and what is allowed
    └── InvalidEventError  an event breaks the contract: names the field and what is allowed
"""


class PipetrailError(Exception):
    """Base of all. `str()` of it is a sentence for people; the command line prints it and exits with `exit_code`."""

    exit_code = 1


class SettingError(PipetrailError):
    """Raised at start, when a setting is missing, malformed or out of bounds; never later, never replaced by a default."""

    exit_code = 2

    def __init__(self, setting: str, problem: str) -> None:
        super().__init__(f"setting {setting}: {problem}")
        self.setting = setting
        self.problem = problem


class InvalidEventError(PipetrailError):
    """Raised when bytes or an object are no valid event.

    `problems` lists every violation as (field, what is wrong and what is allowed), field in dotted notation.
    """

    exit_code = 65  # EX_DATAERR of sysexits.h

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        super().__init__("invalid event: " + "; ".join(f"{field}: {problem}" for field, problem in problems))
        self.problems = problems
