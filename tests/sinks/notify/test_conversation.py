"""What is told of findings, when, and once."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from pipetrail_schemas.finding import SEVERITY_NUMBERS
from pipetrail_sinks.notify.conversation import CLOSED, Act, Conversation, Kind, Sight, advance, observe
from support.alerts import NOON

STATUSES = st.sampled_from(["open", "acknowledged", "justified", "resolved", "withdrawn", "excluded"])
SIGHTS = st.lists(
    st.builds(
        Sight,
        finding=st.sampled_from("abc"),
        revision=st.integers(1, 6),
        status=STATUSES,
        severity=st.sampled_from(["low", "medium", "high", "critical"]),
    ),
    max_size=12,
)
WAITS = st.integers(0, 3)


def seen(status: str = "open", revision: int = 1, finding: str = "a", severity: str = "high") -> Sight:
    """What the topic says."""
    return Sight(finding, revision, status, severity)  # type: ignore[arg-type]


def told(*sights: Sight, wait_s: int = 0) -> list[tuple[Kind, ...]]:
    """The kinds of messages after each sight."""
    conversation, kinds = Conversation(), []
    for second, sight in enumerate(sights):
        now = NOON + timedelta(seconds=second)
        conversation = observe(conversation, sight, now + timedelta(seconds=wait_s))
        conversation, acts = advance(conversation, now)
        kinds.append(tuple(act.kind for act in acts))
    return kinds


def test_open() -> None:
    """An open finding is told once, however often it is seen."""
    assert told(seen(), seen(), seen()) == [("opened",), (), ()]


def test_more() -> None:
    """A further finding of a conversation that was begun is told as that."""
    assert told(seen(), seen(finding="b")) == [("opened",), ("more",)]


def test_acknowledged() -> None:
    """That somebody takes care is told once, and a resolution after it."""
    sights = seen(), seen("acknowledged", 2), seen("acknowledged", 3), seen("resolved", 4)
    assert told(*sights) == [("opened",), ("acknowledged",), (), ("resolved",)]


def test_withdrawn_before_told() -> None:
    """What is withdrawn before it was told is not told at all."""
    assert told(seen(), seen("withdrawn", 2), seen("withdrawn", 3), wait_s=2) == [(), (), ()]


def test_acknowledged_before_told() -> None:
    """What somebody takes care of before it was told is nobody else's call."""
    assert told(seen(), seen("acknowledged", 2), seen("acknowledged", 3), wait_s=2) == [(), (), ()]


def test_reopened() -> None:
    """What is opened anew is told anew."""
    assert told(seen(), seen("resolved", 2), seen("open", 3)) == [("opened",), ("resolved",), ("opened",)]


def test_grew_worse() -> None:
    """What grew worse is told again, what grew better is not."""
    sights = seen(severity="medium"), seen(revision=2, severity="critical"), seen(revision=3, severity="low")
    assert told(*sights) == [("opened",), ("more",), ()]


def test_old_revision() -> None:
    """An older revision says nothing new."""
    assert told(seen(), seen("resolved", 3), seen("open", 2)) == [("opened",), ("resolved",), ()]


def test_resolved_when_all_are() -> None:
    """A conversation is resolved when nothing that was told is open any more, not before."""
    sights = seen(), seen(finding="b"), seen("resolved", 2), seen("justified", 2, "b")
    assert told(*sights) == [("opened",), ("more",), (), ("resolved",)]


def test_siblings_together() -> None:
    """What waits in a conversation is told along with what is due, the worst first."""
    conversation = observe(Conversation(), seen(severity="low"), NOON)
    conversation = observe(conversation, seen(finding="b"), NOON + timedelta(hours=8))
    assert advance(conversation, NOON)[1] == (Act("opened", ("b", "a")),)


def test_escalated_each_in_its_time() -> None:
    """An escalation is of what has waited that long, not of its younger siblings."""
    conversation = observe(Conversation(), seen(), NOON)
    conversation = observe(conversation, seen(finding="b"), NOON + timedelta(minutes=29))
    assert advance(conversation, NOON, step=1)[1] == (Act("escalated", ("a",)),)


@given(SIGHTS, WAITS)
def test_replay_tells_nothing(sights: list[Sight], wait: int) -> None:
    """Seen again, in any order and number, after all was told: not a word."""
    conversation = Conversation()
    for sight in sights:
        conversation = observe(conversation, sight, NOON + timedelta(seconds=wait))
        conversation, _ = advance(conversation, NOON)
    later = NOON + timedelta(days=1)
    conversation, _ = advance(conversation, later)
    conversation, _ = advance(conversation, later)
    for sight in [*sights, *reversed(sights)]:
        conversation = observe(conversation, sight, later)
        conversation, acts = advance(conversation, later)
        assert acts == ()


@given(SIGHTS, WAITS)
def test_told_what_is_open(sights: list[Sight], wait: int) -> None:
    """In the end, every finding that is open was told, with no less than its severity, and nothing is told that is not open."""
    conversation = Conversation()
    for second, sight in enumerate(sights):
        now = NOON + timedelta(seconds=second)
        conversation = observe(conversation, sight, now + timedelta(seconds=wait))
        before = conversation
        conversation, acts = advance(conversation, now)
        for act in acts:
            if act.kind in {"opened", "more"}:
                assert {before.members[name].status for name in act.findings} == {"open"}
    conversation, _ = advance(conversation, NOON + timedelta(days=1))
    for member in conversation.members.values():
        if member.status == "open":
            assert member.told is not None
            assert SEVERITY_NUMBERS[member.told] >= SEVERITY_NUMBERS[member.severity]
        assert member.due is None


@given(SIGHTS)
def test_closed_in_the_end(sights: list[Sight]) -> None:
    """Openings and resolutions take turns, and a conversation of closed findings is never left open."""
    conversation, open_now = Conversation(), False
    for sight in sights:
        conversation, acts = advance(observe(conversation, sight, NOON), NOON)
        for act in acts:
            if act.kind == "opened":
                assert not open_now
                open_now = True
            elif act.kind == "resolved":
                assert open_now
                open_now = False
    if all(member.status in CLOSED for member in conversation.members.values()):
        assert not open_now
