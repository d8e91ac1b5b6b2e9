"""Where a system's REST answers come from: its API (`client.Client`), or files saved of it (`saved.SavedAnswers`).

An importer is written once, over a `Source`, with paths relative to what it imports from: `pulls`, `pulls/17/reviews`.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Protocol

from pipetrail_producers.webhook.payload import at

Params = Mapping[str, str]


class Page(NamedTuple):
    """A page of a list: its members, and where the next one begins; None after the last.

    `left` is how many members there are from here to the end, this page's among them; None where nobody tells. It is
    measured in pages: the last one may be shorter than the others.
    """

    items: list[Any]
    next: str | None
    left: int | None = None


class Source(Protocol):
    """Answers of one REST API below one base address."""

    def get(self, path: str, params: Params | None = None) -> Any:
        """One answer, decoded from JSON.

        Raises:
            NothingThereError: there is no such thing (404), or no such file.
            RestError: it cannot be had.
        """

    def pages(self, path: str, params: Params | None = None, *, members: str = "", start: str | None = None) -> Iterator[Page]:
        """A list, page by page.

        Args:
            path: of the list.
            params: of the first page; the links to the others have their own.
            members: dotted path of the list in each answer; empty where the answer is the list.
            start: a `Page.next` of an earlier reading: where to go on.

        Raises:
            NothingThereError: there is no such list.
            RestError: a page cannot be had.
        """


def members_of(answer: Any, members: str) -> list[Any]:
    """The list in an answer; empty where there is none."""
    found = at(answer, members) if members else answer
    return found if isinstance(found, list) else []
