"""The errors of the review room. All derive from `PipetrailError`: the command line prints the sentence and exits with 1.

PipetrailError
└── ReviewError            OpenSearch said something that has no better name
    ├── UnreachableError   no answer: wrong address, not started, TLS refused, timeout
    ├── RefusedError       an answer, but no: 401 (who are you) or 403 (you may not)
    ├── NothingIndexedError  the indices that were asked are not there yet
    ├── BadQueryError      the query does not parse; carries the parser's reason in one line
    ├── BadDocumentError   a document in the index is not what its index is for
    ├── NotFoundError      nothing goes by the name that was given
    └── AmbiguousError     several things go by it; lists them
"""

from pipetrail_schemas.errors import PipetrailError


class ReviewError(PipetrailError):
    """Base of the room's errors, raised itself when OpenSearch fails in a way that none of the others names."""


class UnreachableError(ReviewError):
    """Raised when OpenSearch cannot be reached or does not answer in time."""


class RefusedError(ReviewError):
    """Raised when OpenSearch does not accept the credentials, or the user may not read what was asked for."""


class NothingIndexedError(ReviewError):
    """Raised when an index that was asked does not exist: nothing was written to it yet."""


class BadQueryError(ReviewError):
    """Raised when a query does not parse. Its message is the parser's reason, on one line."""

    exit_code = 2


class BadDocumentError(ReviewError):
    """Raised when a document does not follow the schema of its index, which only somebody else's writing explains."""


class NotFoundError(ReviewError):
    """Raised when no trail or finding goes by the name that was given."""


class AmbiguousError(ReviewError):
    """Raised when a shortened id fits several. `candidates` are the lines that the message lists."""

    def __init__(self, name: str, candidates: list[str]) -> None:
        super().__init__("\n  ".join([f"{name} is ambiguous; it fits:", *candidates]))
        self.candidates = candidates
