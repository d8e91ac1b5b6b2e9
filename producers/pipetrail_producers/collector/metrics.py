"""What the collector counts, in Prometheus' format. Kinds are only those that systems have: strangers cannot make up labels."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

# Around the goal of 50 ms for the 99th percentile.
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """One collector's counters, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._answers: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self.requests = Counter(
            "pipetrail_collect_requests",
            "Requests by door, source and status",
            ("door", "source", "status"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "pipetrail_collect_answer_seconds",
            "From the first byte of a request to its answer",
            ("door",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.seen = Counter(
            "pipetrail_collect_deliveries",
            "Deliveries that are new, again or altered",
            ("source", "seen"),
            registry=self.registry,
        )
        self.masked = Counter("pipetrail_collect_masked", "Bodies that held secrets", ("source",), registry=self.registry)
        self.outcomes = Counter(
            "pipetrail_collect_outcomes",
            "What became of entries: event, dead or silent; and the events that were made",
            ("system", "kind", "outcome"),
            registry=self.registry,
        )
        self.store_bytes = Gauge("pipetrail_collect_store_bytes", "Bytes of the store", registry=self.registry)
        self.store_limit = Gauge("pipetrail_collect_store_limit_bytes", "Bound of the store", registry=self.registry)
        self.waiting_bytes = Gauge(
            "pipetrail_collect_waiting_bytes", "Bytes that Kafka does not have yet", registry=self.registry
        )
        self.waiting_seconds = Gauge(
            "pipetrail_collect_waiting_seconds", "Age of the oldest entry that Kafka does not have yet", registry=self.registry
        )
        self.restarts = Counter(
            "pipetrail_collect_delivery_restarts", "Deaths of the delivering process", registry=self.registry
        )

    def answered(self, door: str, source: str, status: int, seconds: float) -> None:
        """Count an answer. The counters are looked up once: that costs more than counting."""
        key = (door, source, status)
        counters = self._answers.get(key)
        if counters is None:
            counters = self._answers[key] = (self.requests.labels(door, source, status), self.seconds.labels(door))
        counters[0].inc()
        counters[1].observe(seconds)

    def count_outcomes(self, counts: Sequence[tuple[str, str, str, int]]) -> None:
        """Add what the delivering process tells."""
        for system, kind, outcome, count in counts:
            self.outcomes.labels(system, kind, outcome).inc(count)

    def page(self) -> bytes:
        """All of it, as text."""
        return generate_latest(self.registry)
