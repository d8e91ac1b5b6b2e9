"""A finding's life in the pure core: what people decide about findings, whatever comes first."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pipetrail_processors.detect.labelled import START, messages
from pipetrail_processors.detect.ruleset import RuleSet
from pipetrail_processors.guard.policy import Policy
from pipetrail_processors.lifecycle.duties import Duties
from pipetrail_schemas.errors import SettingError
from pipetrail_schemas.finding import Finding
from pipetrail_schemas.times import format_time
from pipetrail_schemas.topics import FINDINGS, RECORDS, TRAILS
from support.world import PARTITIONS, World

RULES = RuleSet.load()
OVERRIDE: dict[str, Any] = {
    "type": "policy.bypassed",
    "pipetrail.control": "gate",
    "user.name": "Ann",
    "event.reason": "hot fix",
    "key": "override",
}
# Over a dossier: many overrides by one actor.
BURST = [{**OVERRIDE, "key": f"override-{number}", "minute": number} for number in range(12)]


def decision(verb: str, finding: str, *, by: str | None = "Ben", minute: int = 60, **more: Any) -> dict[str, Any]:
    """Somebody's decision about a finding."""
    named = {"user.name": by} if by else {}
    return {
        "type": f"finding.{verb}",
        "pipetrail.finding.id": finding,
        "event.reason": f"{verb} for a reason",
        "vcs.ref": None,
        "minute": minute,
        "key": f"{verb} {minute}",
        **named,
        **more,
    }


def told(events: Sequence[dict[str, Any]], policy: Policy | None = None) -> World:
    """A world in which the events happened."""
    world = World(policy, RULES)
    world.take(messages(events))
    return world


def the_finding(world: World, rule: str = "gate-overridden") -> dict[str, Any]:
    """The state of the only finding of the rule, as it was published last."""
    found = [orjson.loads(value) for value in world.latest(FINDINGS).values()]
    (state,) = (one["pipetrail"]["finding"] for one in found if one["rule"]["id"] == rule)
    Finding.model_validate(next(one for one in found if one["rule"]["id"] == rule), extra="forbid")
    return dict(state)


def id_of(events: Sequence[dict[str, Any]], rule: str = "gate-overridden") -> str:
    """The id of the finding of the events."""
    return str(the_finding(told(events), rule)["id"])


FINDING = id_of([OVERRIDE])


@pytest.mark.parametrize(
    ("verb", "status"), [("acknowledged", "acknowledged"), ("justified", "justified"), ("resolved", "resolved")]
)
def test_a_decision_is_shown_in_the_finding(verb: str, status: str) -> None:
    """By whom, when, why, for which ticket, and which event tells it; the finding's revision grows."""
    before = the_finding(told([OVERRIDE]))
    ticket: dict[str, Any] = {"pipetrail.ticket.id": "PAY-7"}
    state = the_finding(told([OVERRIDE, decision(verb, FINDING, **ticket)]))
    assert (state["status"], state["revision"]) == (status, before["revision"] + 1)
    shown = state[verb]
    assert shown.pop("event_id")
    assert shown == {
        "by": {"name": "Ben"},
        "time": format_time(START + timedelta(minutes=60)),
        "reason": f"{verb} for a reason",
        "ticket": "PAY-7",
    }


def test_a_decision_that_comes_before_its_finding_is_there_when_it_comes() -> None:
    """The finding is published once, decided."""
    world = told([decision("justified", FINDING), OVERRIDE])
    assert the_finding(world)["status"] == "justified"
    assert the_finding(world)["revision"] == 1


def test_the_latest_decision_by_its_own_time_holds() -> None:
    """Told in another order, it ends alike; what is reopened is open, and its review is due anew."""
    events = [OVERRIDE, decision("justified", FINDING, minute=60), decision("reopened", FINDING, minute=90)]
    one, other = the_finding(told(events)), the_finding(told([events[2], events[1], events[0]]))
    assert (one["status"], other["status"]) == ("open", "open")
    assert one["review_due"] == format_time(START + timedelta(minutes=90, days=7))


def test_acknowledging_does_not_open_what_is_closed() -> None:
    """Who says too late that they look into it changes nothing of what others decided."""
    state = the_finding(told([OVERRIDE, decision("resolved", FINDING), decision("acknowledged", FINDING, minute=70)]))
    assert state["status"] == "resolved"


def test_nobody_justifies_their_own_override() -> None:
    """It does not count, and the finding says so; to acknowledge it, and to open it again, is theirs."""
    own = [OVERRIDE, decision("justified", FINDING, by="Ann"), decision("resolved", FINDING, by="ann", minute=61)]
    state = the_finding(told(own))
    assert state["status"] == "open"
    assert [(one["status"], one["why"]) for one in state["uncounted"]] == [
        ("justified", "who did it may not decide this"),
        ("resolved", "who did it may not decide this"),
    ]
    assert the_finding(told([OVERRIDE, decision("acknowledged", FINDING, by="Ann")]))["status"] == "acknowledged"
    both = [OVERRIDE, decision("justified", FINDING), decision("reopened", FINDING, by="Ann", minute=70)]
    assert the_finding(told(both))["status"] == "open"


def test_a_policy_may_do_without_four_eyes() -> None:
    """Where it says so, one's own word counts."""
    policy = Policy(findings=Duties(four_eyes=()))
    state = the_finding(told([OVERRIDE, decision("justified", FINDING, by="Ann")], policy))
    assert (state["status"], "uncounted" in state) == ("justified", False)


def test_who_acts_for_somebody_is_that_one() -> None:
    """A bot that overrode on behalf of Ann: she may not justify it, and neither may another bot on her behalf."""
    behalf: dict[str, Any] = {"pipetrail.actor.type": "app", "pipetrail.actor.on_behalf_of": {"name": "Ann"}}
    override = {**OVERRIDE, "user.name": "deploy-bot", **behalf}
    finding = id_of([override])
    assert the_finding(told([override, decision("justified", finding, by="Ann")]))["status"] == "open"
    assert the_finding(told([override, decision("justified", finding, by="chat-bot", **behalf)]))["status"] == "open"
    assert the_finding(told([override, decision("justified", finding, by="Ben")]))["status"] == "justified"


def test_a_bots_word_does_not_close_an_override() -> None:
    """Unless the policy says that it does."""
    bot: dict[str, Any] = {"pipetrail.actor.type": "service_account"}
    events = [OVERRIDE, decision("resolved", FINDING, by="sweeper", **bot)]
    assert the_finding(told(events))["uncounted"][0]["why"] == "it is a bot's word"
    assert the_finding(told(events, Policy(findings=Duties(bots=True))))["status"] == "resolved"


def test_only_members_of_the_groups_close() -> None:
    """Where the policy names groups, somebody else's word does not count."""
    policy = Policy.parse("groups: {leads: {members: [Cem]}}\nfindings: {groups: [leads]}\n", name="policy.yaml")
    assert the_finding(told([OVERRIDE, decision("justified", FINDING)], policy))["status"] == "open"
    assert the_finding(told([OVERRIDE, decision("justified", FINDING, by="Cem")], policy))["status"] == "justified"


def test_a_group_that_is_not_there_stops_the_policy() -> None:
    """With the name of the part."""
    with pytest.raises(SettingError, match="findings: 'leads' is no group"):
        Policy.parse("findings: {groups: [leads]}\n", name="policy.yaml")


def test_a_decision_of_nobody_does_not_count() -> None:
    """Also one that anybody may take."""
    state = the_finding(told([OVERRIDE, decision("acknowledged", FINDING, by=None)]))
    assert (state["status"], state["uncounted"][0]["why"]) == ("open", "nobody is named who decided it")


def test_what_goes_on_after_it_was_resolved_is_open_again() -> None:
    """A burst that is not over: the resolution does not count any more, and the finding says why."""
    finding = id_of(BURST, "many-overrides")
    early = decision("resolved", finding, minute=10, by="Ben")
    assert the_finding(told([*BURST[:9], early]), "many-overrides")["status"] == "resolved"
    state = the_finding(told([*BURST[:9], early, *BURST[9:]]), "many-overrides")
    assert (state["status"], state["uncounted"][0]["why"]) == ("open", "it went on afterwards")


def test_a_finding_over_a_dossier_is_decided_about_like_one_over_a_trail() -> None:
    """It is published again with the decision, and keeps it when more of it comes."""
    finding = id_of(BURST, "many-overrides")
    state = the_finding(told([*BURST[:9], decision("acknowledged", finding, minute=9), *BURST[9:]]), "many-overrides")
    assert (state["status"], state["acknowledged"]["by"]) == ("acknowledged", {"name": "Ben"})


def test_a_finding_whose_events_the_dossier_forgot_can_still_be_decided_about() -> None:
    """Weeks later nothing of the burst is kept; the finding is."""
    weeks = 60 * 24 * 30
    finding = id_of(BURST, "many-overrides")
    later = {**OVERRIDE, "key": "later", "minute": weeks}
    state = the_finding(told([*BURST, later, decision("justified", finding, minute=weeks + 1)]), "many-overrides")
    assert state["status"] == "justified"


def test_a_finding_without_ground_is_withdrawn_whatever_was_decided() -> None:
    """And what was decided stays to be seen."""
    early = {
        "type": "deployment.finished",
        "deployment.environment.name": "staging",
        "pipetrail.result": "success",
        "minute": 9,
    }
    before = [{"type": "build.finished", "pipetrail.result": "success", "minute": 1}, early]
    (missing,) = (one for one in told(before).findings() if one["rule"]["id"] == "required-stage-skipped")
    finding = missing["pipetrail"]["finding"]["id"]
    tests = {"type": "testsuiterun.finished", "pipetrail.result": "success", "minute": 2}
    state = the_finding(told([*before, decision("justified", finding), tests]), "required-stage-skipped")
    assert (state["status"], state["justified"]["by"]) == ("withdrawn", {"name": "Ben"})
    assert "review_due" not in state


def test_the_review_of_a_finding_is_due_by_its_severity() -> None:
    """From the policy; where the policy says nothing of a severity, nothing is due."""
    state = the_finding(told([OVERRIDE]))
    assert (state["severity"], state["review_due"]) == ("medium", format_time(START + timedelta(days=7)))
    other = Policy.parse("findings: {review: {medium: 12h}}\n", name="policy.yaml")
    assert the_finding(told([OVERRIDE], other))["review_due"] == format_time(START + timedelta(hours=12))
    none = Policy.parse("findings: {review: {medium: null}}\n", name="policy.yaml")
    assert "review_due" not in the_finding(told([OVERRIDE], none))


def test_a_finding_without_a_repository_says_by_which_key_it_is_reached() -> None:
    """An event of a whole organisation: its key is the one that decisions need, and they find it there."""
    owner = {
        "type": "role.changed",
        "vcs.repository": None,
        "vcs.ref": None,
        "partitionkey": "github.com/acme",
        "user.name": "Ann",
        "user.target.name": "Eve",
        "user.changes.roles": ["owner"],
        "event.action": "org.add_member",
    }
    world = told([owner])
    (found,) = (orjson.loads(value) for value in world.latest(FINDINGS).values())
    state = found["pipetrail"]["finding"]
    assert state["key"] == "github.com/acme"
    keyed: dict[str, Any] = {"vcs.repository": None, "partitionkey": state["key"]}
    world.take(list(messages([decision("resolved", state["id"], **keyed)])))
    assert the_finding(world, found["rule"]["id"])["status"] == "resolved"


def test_a_decision_is_recorded_and_shown_in_the_trail_that_it_names_and_in_no_other() -> None:
    """With the commit of the finding it is a line of its trail; the run in which somebody decides proves nothing."""
    where: dict[str, Any] = {"vcs.ref": {"head": {"revision": "c1"}}, "cicd.pipeline.run.id": "77"}
    named = decision("justified", FINDING, **where)
    world = told([OVERRIDE, named, {"type": "build.finished", "pipetrail.result": "success", "cicd.pipeline.run.id": "77"}])
    (trail,) = world.trails()
    lines = [(entry["type"], entry.get("name")) for entry in trail["pipetrail"]["trail"]["entries"]]
    assert ("finding.justified", FINDING[:8]) in lines
    run = {"type": "build.finished", "pipetrail.result": "success", "vcs.ref": None, "cicd.pipeline.run.id": "77"}
    world = told([OVERRIDE, named, run])
    world.wait_until(START + timedelta(days=1))
    assert len(world.trails()) == 2
    record = orjson.loads(world.published[RECORDS][1].value or b"")
    assert record["pipetrail"]["finding"] == {"id": FINDING}


def test_a_decision_without_a_commit_makes_no_trail() -> None:
    """It is about a finding, not about a change."""
    world = told([decision("acknowledged", FINDING)])
    world.wait_until(START + timedelta(days=1))
    assert (world.latest(TRAILS), world.latest(FINDINGS)) == ({}, {})


def test_a_repeated_decision_publishes_the_finding_again_and_changes_nothing() -> None:
    """What was lost on the way out comes again; the revision does not grow by it."""
    world = told([OVERRIDE, decision("justified", FINDING)])
    before, count = world.latest(FINDINGS), len(world.published[FINDINGS])
    world.take(list(messages([decision("justified", FINDING)])))
    assert world.latest(FINDINGS) == before
    assert len(world.published[FINDINGS]) == count + 1


def test_the_state_forgets_findings_no_sooner_than_what_holds_them() -> None:
    """A trail that goes on keeps its findings open to decisions; when it is over, nothing of it is left."""
    world = told([OVERRIDE])
    year = START + timedelta(days=410)
    late = {"type": "build.finished", "pipetrail.result": "success", "minute": 60 * 24 * 300, "key": "late"}
    world.take(list(messages([late])))
    world.wait_until(year)
    world.take(list(messages([decision("justified", FINDING, minute=60 * 24 * 405)])))
    assert the_finding(world)["status"] == "justified"
    for _ in range(3):
        year += timedelta(days=800)
        world.wait_until(year)
    assert not [key for number in range(PARTITIONS) for key in world.states[number].values if b"finding:" in key]


_VERBS = ("acknowledged", "justified", "resolved", "reopened")
_BURST_FINDING = id_of(BURST, "many-overrides")


@st.composite
def _history(draw: st.DrawFn) -> list[dict[str, Any]]:
    events = list(BURST[: draw(st.integers(1, 12))])
    for number in range(draw(st.integers(1, 6))):
        finding = draw(st.sampled_from([id_of([BURST[0]]), _BURST_FINDING]))
        by = draw(st.sampled_from(["Ann", "Ben", None]))
        one = decision(draw(st.sampled_from(_VERBS)), finding, by=by, minute=draw(st.integers(0, 20)))
        events.append({**one, "key": f"decision {number}"})
    return events


@given(_history(), st.data())
@settings(max_examples=100, deadline=None)
def test_any_order_and_repetition_ends_in_the_same_findings(events: list[dict[str, Any]], data: st.DataObject) -> None:
    """Of overrides and of what is decided about them; only how often a finding changed differs."""
    values = list(messages(events))
    again = data.draw(st.lists(st.sampled_from(values), max_size=4))
    one, other = World(rules=RULES), World(rules=RULES)
    one.take(values)
    other.take(data.draw(st.permutations(values + again)))
    assert _end(one) == _end(other)


def _end(world: World) -> list[dict[str, Any]]:
    """The findings that stand: one that was found before all was told is withdrawn in one order, and never was in another."""
    found = [orjson.loads(value) for _, value in sorted(world.latest(FINDINGS).items())]
    found = [one for one in found if one["pipetrail"]["finding"]["status"] != "withdrawn"]
    for one in found:
        Finding.model_validate(one, extra="forbid")
        del one["pipetrail"]["finding"]["revision"]
        one["pipetrail"]["finding"].pop("correction", None)
    return found
