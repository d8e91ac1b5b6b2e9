"""How far behind a consumer is, from what was seen of ends and commits."""

from hypothesis import given
from hypothesis import strategies as st
from pipetrail_schemas.service.lag import Lag, LagHistory, total

ONE, TWO = ("events", 0), ("events", 1)


def test_a_consumer_that_keeps_up_has_no_lag() -> None:
    """However long nothing came: an old commit is no old message."""
    history = LagHistory()
    for now in (0.0, 3600.0):
        history.look(now, {ONE: 7}, {ONE: 7})
        assert history.by_topic() == {"events": Lag(0, 0.0)}


def test_the_age_counts_from_when_the_oldest_uncommitted_message_was_first_seen() -> None:
    """Not from the last commit, and not from the newest message."""
    history = LagHistory()
    history.look(0.0, {ONE: 10}, {ONE: 10})
    history.look(3600.0, {ONE: 12}, {ONE: 10})
    history.look(3610.0, {ONE: 15}, {ONE: 10})
    assert history.by_topic() == {"events": Lag(5, 10.0)}
    history.look(3620.0, {ONE: 15}, {ONE: 12})
    assert history.by_topic() == {"events": Lag(3, 10.0)}
    history.look(3630.0, {ONE: 15}, {ONE: 15})
    assert history.by_topic() == {"events": Lag(0, 0.0)}


def test_what_was_there_before_the_first_look_has_its_own_age() -> None:
    """A backlog that was found is as old as its oldest message; of one partition only where there is one."""
    history = LagHistory()
    ends, committed = {ONE: 10, TWO: 4}, {ONE: 2, TWO: 4}
    assert history.unknown(ends, committed) == [ONE]
    history.seed(ONE, 50.0, 2)
    history.look(100.0, ends, committed)
    assert history.unknown(ends, committed) == []
    assert history.by_topic() == {"events": Lag(8, 50.0)}


def test_a_partition_that_went_to_another_worker_is_forgotten() -> None:
    """What it was behind by is that worker's lag now; when it comes back it is looked at anew."""
    history = LagHistory()
    history.look(0.0, {ONE: 5, TWO: 5}, {ONE: 0, TWO: 0})
    history.look(10.0, {TWO: 5}, {TWO: 5})
    assert history.by_topic() == {"events": Lag(0, 0.0)}
    assert history.unknown({ONE: 5}, {ONE: 0}) == [ONE]


def test_topics_are_told_apart_and_added_up() -> None:
    """Messages are added, of the ages the highest counts."""
    history = LagHistory()
    history.look(0.0, {ONE: 3, ("links", 0): 1}, {ONE: 0, ("links", 0): 0})
    history.look(5.0, {ONE: 3, ("links", 0): 1}, {ONE: 0, ("links", 0): 1})
    assert history.by_topic() == {"events": Lag(3, 5.0), "links": Lag(0, 0.0)}
    assert total(history.by_topic().values()) == Lag(3, 5.0)
    assert total([]) == Lag(0, 0.0)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 8)), max_size=1500))
def test_the_age_is_never_more_than_the_true_one_nor_less_by_more_than_thinning_costs(steps: list[tuple[int, int]]) -> None:
    """One look a second: the age that is told is at most the true age, and zero only when all is committed or just came."""
    history = LagHistory()
    end = committed = 0
    arrived: list[int] = []
    for now, (came, done) in enumerate(steps):
        end += came
        arrived += [now] * came
        committed = min(end, committed + done)
        history.look(float(now), {ONE: end}, {ONE: committed})
        (lag,) = history.by_topic().values()
        assert lag.messages == end - committed
        assert lag.seconds <= (now - arrived[committed] if committed < end else 0)
        if len(steps) < 512:
            assert lag.seconds == (now - arrived[committed] if committed < end else 0)
