"""What can go wrong with the local stack. Every message says what to do about it.

The tree that this module defines:

    PipetrailError
    └── StackError                 base of all below
        ├── FetchError             an artifact cannot be had: no network, or the repository refuses
        │   └── CorruptError       what came, or what is kept, is not what is pinned
        ├── NoSpaceError           the disk has less room than is needed, found out before anything is written
        ├── AccountError           root finds no account to run the servers as, or an unsafe folder for their data
        ├── LockedError            another `pipetrail up` or `down` holds the same folder for too long
        ├── PortInUseError         somebody else listens on a port
        ├── StartError             a server died while starting; holds the end of its log
        │   └── StartTimeoutError  it lives, but does not answer in time
        ├── StopError              a server cannot be ended
        └── RefusedError           OpenSearch answered a request of ours with an error
"""

from pathlib import Path

from pipetrail_schemas.errors import PipetrailError


class StackError(PipetrailError):
    """Base of everything that `pipetrail up`, `down` and `status` may raise."""


class FetchError(StackError):
    """Raised when an artifact can be downloaded neither at first nor on a second try."""


class CorruptError(FetchError):
    """Raised when a file's SHA-256 is not the pinned one. The file has been removed."""


class NoSpaceError(StackError):
    """Raised before anything is written, when `folder` has less than `needed` bytes of room."""

    def __init__(self, folder: Path, needed: int, free: int) -> None:
        mb = 1_000_000
        super().__init__(
            f"{folder} has {free // mb} MB of room, and {needed // mb} MB are needed: free some, or choose another "
            "place (XDG_CACHE_HOME for downloads, --home for data)"
        )


class AccountError(StackError):
    """Raised when root finds no account to run the servers as, or a folder in the servers' way is not safe."""


class LockedError(StackError):
    """Raised when the lock on a folder was not released in time."""

    def __init__(self, lock: Path, waited_s: float) -> None:
        super().__init__(f"another pipetrail is at work in {lock.parent} and was not done after {waited_s:.0f} s")


class PortInUseError(StackError):
    """Raised before a server is started on a port that somebody else listens on."""

    def __init__(self, title: str, port: int, option: str) -> None:
        super().__init__(
            f"port {port} for {title} is in use by another program: stop that, or use {option} PORT (0 takes a free one)"
        )


class StartError(StackError):
    """Raised when a server's process ends before it is ready."""

    def __init__(self, title: str, why: str, log: Path, tail: str) -> None:
        super().__init__(f"{title} {why}; the end of {log}:\n{tail}")


class StartTimeoutError(StartError):
    """Raised when a server lives but is not ready in time. It has been ended."""


class StopError(StackError):
    """Raised when a server outlives SIGKILL, or belongs to a user whose processes we may not signal."""


class RefusedError(StackError):
    """Raised when OpenSearch answers with an error, or not at all. `status` is the HTTP status, 0 for no answer."""

    def __init__(self, what: str, status: int, answer: str) -> None:
        super().__init__(f"OpenSearch refused {what}: {status or 'no answer'} {answer}".rstrip())
        self.status = status
