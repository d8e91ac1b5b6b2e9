"""What a program counts and measures, for Prometheus: read when somebody asks, from what the program knows anyway.

Nothing is added to the way of an event: a figure is a function that gives a number, or a number a label. Names are
`pipetrail_PROGRAM_NAME`; counters get `_total` at the end.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Literal, NamedTuple

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

Numbers = float | Mapping[str, float]
# Seconds that a rate is the average of: short enough to see a change, long enough to be calm.
_RATE_WINDOW_S = 60.0


class _Figure(NamedTuple):
    name: str
    says: str
    kind: Literal["counter", "gauge"]
    label: str
    read: Callable[[], Numbers]


class Figures(Collector):
    """The figures of one program, in a registry of their own, with those of its process (memory, files, CPU)."""

    def __init__(self, program: str) -> None:
        self.registry = CollectorRegistry()
        self._prefix = f"pipetrail_{program}"
        self._figures: list[_Figure] = []
        ProcessCollector(registry=self.registry)
        self.registry.register(self)

    def counter(self, name: str, says: str, read: Callable[[], Numbers], *, label: str = "") -> None:
        """Show what only grows. With a label, `read` gives the numbers by its values."""
        self._figures.append(_Figure(f"{self._prefix}_{name}", says, "counter", label, read))

    def gauge(self, name: str, says: str, read: Callable[[], Numbers], *, label: str = "") -> None:
        """Show what goes up and down. With a label, `read` gives the numbers by its values."""
        self._figures.append(_Figure(f"{self._prefix}_{name}", says, "gauge", label, read))

    def collect(self) -> Iterator[Metric]:
        """What Prometheus' client asks for."""
        for figure in self._figures:
            family = CounterMetricFamily if figure.kind == "counter" else GaugeMetricFamily
            metric = family(figure.name, figure.says, labels=(figure.label,) if figure.label else ())
            try:
                numbers = figure.read()
            except Exception:  # noqa: BLE001, S112 - one that cannot be had now is missing, and hides none of the others
                continue
            if isinstance(numbers, Mapping):
                for value, number in sorted(numbers.items()):
                    metric.add_metric((value,), number)
            else:
                metric.add_metric((), numbers)
            yield metric


class Rate:
    """How much a number grew a second, over the last minute. Looked at from time to time by one thread, read by others."""

    def __init__(self, read: Callable[[], float], clock: Callable[[], float]) -> None:
        self._read = read
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: deque[tuple[float, float]] = deque([(clock(), read())])

    def look(self) -> None:
        """Note the number; what is older than the window is forgotten, but for one."""
        now = self._clock()
        with self._lock:
            self._seen.append((now, self._read()))
            while len(self._seen) > 2 and self._seen[1][0] <= now - _RATE_WINDOW_S:  # noqa: PLR2004 - the two ends
                self._seen.popleft()

    def per_second(self) -> float:
        """The average growth."""
        with self._lock:
            (first, before), (last, after) = self._seen[0], self._seen[-1]
        return (after - before) / (last - first) if last > first else 0.0
