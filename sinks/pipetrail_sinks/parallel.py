"""The same work on several things at once, in threads that do not keep the program alive.

concurrent.futures joins its threads when the interpreter ends, so a request in flight would hold up a SIGTERM for as long as
its timeout. Here an abandoned request dies with the program; what it wrote is found to be there at the next start.
"""

import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def each(work: Callable[[Item], Result], items: Sequence[Item], *, threads: int) -> list[Result]:
    """The results of `work` on every item, in the items' order, worked off by at most so many threads.

    Raises:
        Exception: the first that `work` raised, after the others have come to their end.
    """
    if threads == 1 or len(items) < 2:  # noqa: PLR2004 - one item needs no second thread
        return [work(item) for item in items]
    waiting: SimpleQueue[int] = SimpleQueue()
    for index in range(len(items)):
        waiting.put(index)
    results: dict[int, Result] = {}
    failures: list[Exception] = []

    def toil() -> None:
        while not failures:
            try:
                index = waiting.get_nowait()
            except Empty:
                return
            try:
                results[index] = work(items[index])
            except Exception as exc:  # noqa: BLE001 - raised again by the caller's thread
                failures.append(exc)

    workers = [threading.Thread(target=toil, daemon=True) for _ in range(min(threads, len(items)))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if failures:
        raise failures[0]
    return [results[index] for index in range(len(items))]
