"""What is read out of files on its way to becoming events: shown while it goes, and missed where there is nothing at all.

One damaged line costs itself and is told in the summary. Files in which nothing whatsoever can be read are the wrong files:
that import has not succeeded.
"""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from pipetrail_producers.importers.errors import SavedAnswerError
from pipetrail_producers.importers.rest.backfill import Summary
from pipetrail_producers.importers.rest.display import Display

# A display that is moved for every value costs more than the value.
_EVERY = 200

_Value = TypeVar("_Value")


def watched(values: Iterable[_Value], what: str, shown: Display, told: Summary) -> Iterator[_Value]:
    """The values, as they come.

    Args:
        values: what is read.
        what: they are called, for people.
        shown: is moved while they go.
        told: holds in `left_out` what could not be read.

    Raises:
        SavedAnswerError: there was something, and nothing of it could be read.
    """
    number = 0
    for number, value in enumerate(values, start=1):
        yield value
        if number % _EVERY == 0:
            shown.moved(what, _EVERY)
    shown.moved(what, number % _EVERY)
    if number == 0 and told.left_out:
        raise SavedAnswerError(f"nothing could be read: {told.left_out[0]}")
