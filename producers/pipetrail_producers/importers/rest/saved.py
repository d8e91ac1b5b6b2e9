"""Answers of a REST API that were saved as files, in the place of the API: for use and tests without the network.

The answer to `pulls/17/reviews` stands in `pulls/17/reviews.json`; where it has several pages, in `reviews.1.json`,
`reviews.2.json` … or one after the other in one file, as `gh api --paginate` writes them. What was not saved is not there.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipetrail_producers.importers.errors import NothingThereError, SavedAnswerError
from pipetrail_producers.importers.rest.source import Page, Params, members_of

_decode = json.JSONDecoder().raw_decode
_SPACE = re.compile(r"[ \t\r\n]*")


class SavedAnswers:
    """A `Source` out of a folder. Parameters do not matter: what was asked for was decided when it was saved."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, path: str, params: Params | None = None) -> Any:
        """One answer (`Source.get`).

        Raises:
            NothingThereError: it was not saved.
            SavedAnswerError: a file is not what it should be.
        """
        del params
        for _, answer in self._answers(path):
            return answer
        raise NothingThereError(f"{self._folder / path}.json is not there")

    def pages(self, path: str, params: Params | None = None, *, members: str = "", start: str | None = None) -> Iterator[Page]:
        """A list, page by page (`Source.pages`); a page's mark is its place among the saved ones."""
        del params
        answers = list(self._answers(path))
        if not answers:
            raise NothingThereError(f"{self._folder / path}.json is not there")
        first = int(start) if start and start.isascii() and start.isdigit() else 0
        found = [members_of(answer, members) for _, answer in answers[first:]]
        left = sum(map(len, found))
        for place, page in enumerate(found, start=first):
            yield Page(page, str(place + 1) if place + 1 < len(answers) else None, left)
            left -= len(page)

    def _answers(self, path: str) -> Iterator[tuple[int, Any]]:
        place = 0
        for file in self._files(path):
            for answer in _documents(file):
                yield place, answer
                place += 1

    def _files(self, path: str) -> list[Path]:
        whole = self._folder.joinpath(*path.split("/"))
        try:
            found = [file for file in whole.parent.iterdir() if _page_number(file.name, whole.name) is not None]
        except OSError:
            return []
        return sorted(found, key=lambda file: _page_number(file.name, whole.name) or 0)


def _page_number(file: str, name: str) -> int | None:
    """Which page of `name` a file holds, 0 for `name.json`; None where it is another's."""
    match = re.fullmatch(re.escape(name) + r"(?:\.(\d{1,9}))?\.json", file, re.ASCII)
    return int(match[1] or 0) if match else None


def _documents(file: Path) -> Iterator[Any]:
    try:
        text = file.read_text(encoding="utf-8-sig")
        place = _after_space(text, 0)
        while place < len(text):
            document, end = _decode(text, place)
            yield document
            place = _after_space(text, end)
    except OSError as exc:
        raise SavedAnswerError(f"{file}: {exc.strerror}") from exc
    except (ValueError, RecursionError) as exc:
        raise SavedAnswerError(f"{file} is no JSON: {exc}") from exc


def _after_space(text: str, start: int) -> int:
    match = _SPACE.match(text, start)
    return match.end() if match else start
