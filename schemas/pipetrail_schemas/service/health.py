"""Whether a program is alive and whether it is ready, and if not, why not. Pure but for its clock; safe for several threads.

Alive: its main loop turns. What is not alive is to be killed and started again. Ready: it does its work now. What is not ready
is to be waited for: a state that is being recovered, a Kafka that is away. A restart would not help, and recovery would start
anew.
"""

import threading
from collections.abc import Callable, Iterable, Mapping
from time import monotonic


class Health:
    """What a program knows of its own state."""

    def __init__(
        self,
        *,
        starting: Mapping[str, str],
        needs: Iterable[str],
        stuck_after_s: float,
        away_after_s: float,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """Make it not ready.

        Args:
            starting: what is not so far yet, and why, until `set` says otherwise.
            needs: the systems that it cannot work without; `answered` and `failed` tell how they are.
            stuck_after_s: seconds without a beat after which the main loop counts as stuck, from the first beat on.
            away_after_s: seconds without an answer after which a system counts as away.
            clock: seconds that only grow.
        """
        self._clock = clock
        self._stuck_after_s = stuck_after_s
        self._away_after_s = away_after_s
        self._lock = threading.Lock()
        self._beat: float | None = None
        self._problems = dict(starting)
        self._answers = dict.fromkeys(needs, clock())
        self._failures: dict[str, str] = {}

    def beat(self) -> None:
        """The main loop has turned."""
        self._beat = self._clock()

    def set(self, what: str, problem: str) -> None:
        """How a part of the program is; an empty problem: well."""
        with self._lock:
            self._problems[what] = problem

    def answered(self, system: str) -> None:
        """A system has answered."""
        with self._lock:
            self._answers[system] = self._clock()
            self._failures.pop(system, None)

    def failed(self, system: str, reason: str) -> None:
        """A system has not answered."""
        with self._lock:
            self._failures[system] = reason

    def not_alive(self) -> dict[str, str]:
        """Why the program is to be started anew; nothing when it is alive."""
        if self._beat is None:
            return {}
        silent_s = self._clock() - self._beat
        return {"main loop": f"has not turned for {silent_s:.0f} s"} if silent_s > self._stuck_after_s else {}

    def not_ready(self) -> dict[str, str]:
        """Why the program does not do its work now; nothing when it does."""
        with self._lock:
            found = {what: problem for what, problem in self._problems.items() if problem}
            for system, answered in self._answers.items():
                silent_s = self._clock() - answered
                if silent_s > self._away_after_s:
                    reason = f": {self._failures[system]}" if system in self._failures else ""
                    found[system] = f"has not answered for {silent_s:.0f} s{reason}"
        return found | self.not_alive()
