"""Lists in the state that may become long: lines in pages, so that adding one costs the same however many there are.

Under the list's key stands how many pages there are, under that key and a number each page. Lines are added to the last page
and taken from it.
"""

from collections.abc import Iterable

from pipetrail_processors.state.state import State

# A page is read and written with each new line: short beside what the line is about, and long beside the line.
_PAGE_BYTES = 2048


def append(state: State, key: bytes, lines: Iterable[bytes]) -> bool:
    """Add lines; they have no line break in them. Returns whether there were none before."""
    before = pages = _count(state, key)
    page = state.get(_page(key, pages - 1)) if pages else None
    for line in lines:
        if page is not None and len(page) < _PAGE_BYTES:
            page = b"%b\n%b" % (page, line)
            continue
        if page is not None:
            state.set(_page(key, pages - 1), page)
        page = line
        pages += 1
    if page is not None:
        state.set(_page(key, pages - 1), page)
    if pages != before:
        state.set(key, b"%d" % pages)
    return before == 0


def take(state: State, key: bytes, least: int) -> tuple[list[bytes], bool]:
    """Take out so many lines, or some more, since pages are taken whole; and whether some are left."""
    pages = _count(state, key)
    lines: list[bytes] = []
    while pages and len(lines) < least:
        pages -= 1
        lines += (state.get(_page(key, pages)) or b"").splitlines()
        state.delete(_page(key, pages))
    if pages:
        state.set(key, b"%d" % pages)
    else:
        state.delete(key)
    return lines, pages > 0


def _count(state: State, key: bytes) -> int:
    return int(state.get(key) or 0)


def _page(key: bytes, number: int) -> bytes:
    return b"%b\0%d" % (key, number)
