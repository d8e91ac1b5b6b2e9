"""Waiting that a signal ends: who wants this process to end gets what was sent into the spool first, and then an end.

Standard library only.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# What CI systems and people send to end a job.
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def until_signalled() -> Iterator[Callable[[], bool]]:
    """Within this, signals that would end the process only make the yielded question true.

    Ignored signals stay ignored. Only the main thread gets signals; in another thread the answer is always no.
    """
    seen: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    before = {
        number: signal.signal(number, lambda number, _: seen.append(number))
        for number in _ENDING
        if signal.getsignal(number) != signal.SIG_IGN
    }
    try:
        yield lambda: bool(seen)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
