"""What a program knows of its own state: alive, ready, and why not."""

from pipetrail_schemas.service.health import Health


class Clock:
    """Seconds that grow when they are told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """The present."""
        return self.now


def healthy(clock: Clock) -> Health:
    """A program that needs Kafka and recovers a state first."""
    return Health(starting={"state": "recovering"}, needs=["Kafka"], stuck_after_s=20, away_after_s=15, clock=clock)


def test_a_program_is_not_ready_before_all_of_it_says_so() -> None:
    """The reason is told; alive it is from the start, since a restart would only begin anew."""
    health = healthy(Clock())
    assert health.not_ready() == {"state": "recovering"}
    assert health.not_alive() == {}
    health.set("state", "")
    assert health.not_ready() == {}


def test_a_system_that_is_away_for_long_makes_it_not_ready_and_stays_no_reason_to_kill_it() -> None:
    """A short silence is borne; the last failure is told; an answer makes it well again."""
    clock = Clock()
    health = healthy(clock)
    health.set("state", "")
    health.failed("Kafka", "connection refused")
    clock.now += 15
    assert health.not_ready() == {}
    clock.now += 1
    assert health.not_ready() == {"Kafka": "has not answered for 16 s: connection refused"}
    assert health.not_alive() == {}
    health.answered("Kafka")
    assert health.not_ready() == {}


def test_a_main_loop_that_stands_still_is_not_alive_and_not_ready() -> None:
    """From its first beat on: how long recovery takes, nobody can say."""
    clock = Clock()
    health = healthy(clock)
    health.set("state", "")
    clock.now += 1000
    health.answered("Kafka")
    assert health.not_alive() == {}
    health.beat()
    clock.now += 20
    health.answered("Kafka")
    assert (health.not_alive(), health.not_ready()) == ({}, {})
    clock.now += 1
    assert health.not_alive() == {"main loop": "has not turned for 21 s"}
    assert health.not_ready() == health.not_alive()
