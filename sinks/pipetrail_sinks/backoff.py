"""How long to wait before trying again: doubling, capped, with jitter so that many sinks do not return at once."""

# A refused bulk request is usually a queue that is full for a moment.
FIRST_S = 0.25
# Longer would delay the recovery after an outage more than it spares the target.
LONGEST_S = 15.0


def delay_s(attempt: int, chance: float) -> float:
    """Seconds to wait after the `attempt`-th failure in a row (1 for the first); `chance` in [0, 1) spreads by half."""
    # The exponent is bounded before it is used: an outage of a day is many thousand attempts.
    whole = min(LONGEST_S, FIRST_S * 2.0 ** min(attempt - 1, 16))
    return whole * (0.5 + chance / 2)
