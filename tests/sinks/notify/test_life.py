"""A finding's whole life as people hear of it: the processor's own documents, decided about, told by the desk."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pipetrail_processors.detect.labelled import START, messages
from pipetrail_processors.detect.ruleset import RuleSet
from pipetrail_schemas.finding import Finding
from pipetrail_schemas.times import format_time
from pipetrail_schemas.topics import FINDINGS
from pipetrail_sinks.notify.channels import pagerduty
from pipetrail_sinks.notify.routes import Escalation, Route, Routes
from support.alerts import Office
from support.world import World

OVERRIDE = {"type": "policy.bypassed", "pipetrail.control": "gate", "user.name": "Bob", "event.reason": "hot fix"}
PAGER = Routes((Route("all", ("pager",), wait=timedelta(), escalate=(Escalation(timedelta(minutes=30), ("boss",)),)),))


class Story:
    """A world whose findings go to an office."""

    def __init__(self, office: Office, rules: RuleSet | None = None) -> None:
        self.world = World(rules=rules or RuleSet.load())
        self.office = office
        self.office.now = START
        self._told = 0
        self._number = 0

    def happen(self, event: dict[str, Any], *, after: timedelta = timedelta()) -> list[tuple[str, str]]:
        """Let time pass and an event happen. Returns what is told then: (channel, kind)."""
        self.office.later(after)
        self._number += 1
        minute = int((self.office.now - START).total_seconds() // 60)
        self.world.take(messages([{**event, "key": str(self._number), "minute": minute}]))
        return self.published()

    def pass_by(self, time: timedelta) -> list[tuple[str, str]]:
        """Time passes for the processor as well. Returns what is told by it."""
        self.office.later(time)
        self.world.wait_until(self.office.now)
        return self.published()

    def published(self) -> list[tuple[str, str]]:
        """What was found since the last look goes to the office. Returns what is told then."""
        published = self.world.published[FINDINGS]
        self.office.take(*(Finding.model_validate_json(output.value or b"") for output in published[self._told :]))
        self._told = len(published)
        return self.told()

    def decide(self, verb: str, *, by: str = "Ann", after: timedelta = timedelta()) -> list[tuple[str, str]]:
        """Somebody decides about the finding."""
        (finding_id,) = self.world.latest(FINDINGS)
        fields = {"pipetrail.finding.id": finding_id.decode(), "user.name": by, "event.reason": f"{verb} it"}
        return self.happen({"type": f"finding.{verb}", "vcs.ref": None, **fields}, after=after)

    def told(self) -> list[tuple[str, str]]:
        """What was told since the last look: (channel, what PagerDuty calls it)."""
        return [
            (channel, str(pagerduty.payload(alert, "key")["event_action"]))
            for channel in ("pager", "boss")
            for alert in self.office.sent((channel,))
        ]


@pytest.fixture
def story(open_office: Callable[..., Office]) -> Story:
    """A story with a pager, and a boss who is told when nobody acknowledges."""
    return Story(open_office(PAGER))


@pytest.fixture
def begun(story: Story) -> Story:
    """A story in which Bob passed over a gate."""
    assert story.happen(OVERRIDE) == [("pager", "trigger")]
    return story


def test_nobody_acknowledges(begun: Story) -> None:
    """Then the next one is told."""
    begun.office.later(timedelta(minutes=31))
    assert begun.told() == [("boss", "trigger")]


def test_somebody_acknowledges(begun: Story) -> None:
    """The incident is acknowledged, and nobody else is called."""
    assert begun.decide("acknowledged", after=timedelta(minutes=5)) == [("pager", "acknowledge")]
    begun.office.later(timedelta(days=1))
    assert begun.told() == []


@pytest.mark.parametrize("verb", ["justified", "resolved"])
def test_it_is_settled_and_opened_anew(begun: Story, verb: str) -> None:
    """The incident is resolved, triggered again, and escalated again when nobody acknowledges."""
    assert begun.decide(verb, after=timedelta(minutes=5)) == [("pager", "resolve")]
    assert begun.decide("reopened", by="Bob", after=timedelta(minutes=5)) == [("pager", "trigger")]
    begun.office.later(timedelta(minutes=31))
    assert begun.told() == [("boss", "trigger")]


def test_ones_own_word_settles_nothing(begun: Story) -> None:
    """Bob says that his override was right: the incident stays, and the boss is called."""
    assert begun.decide("justified", by="Bob", after=timedelta(minutes=5)) == []
    begun.office.later(timedelta(minutes=31))
    assert begun.told() == [("boss", "trigger")]


def test_what_lost_its_ground_is_resolved(story: Story) -> None:
    """A late report shows that the tests had run: the finding is withdrawn, and the incident over."""
    story.happen({"type": "build.finished", "pipetrail.result": "success"})
    tests = {"type": "testsuiterun.finished", "pipetrail.result": "success"}
    deployed = {"type": "deployment.finished", "deployment.environment.name": "staging", "pipetrail.result": "success"}
    story.office.later(timedelta(minutes=2))
    assert ("pager", "trigger") in story.happen(deployed, after=timedelta(minutes=2))
    late = next(iter(messages([{**tests, "minute": 1}])))
    story.world.take([late])
    withdrawn = [Finding.model_validate_json(output.value or b"") for output in story.world.published[FINDINGS]]
    story.office.take(*withdrawn)
    assert ("pager", "resolve") in story.told()


def test_what_is_excluded_is_told_when_that_ends(open_office: Callable[..., Office], tmp_path: Path) -> None:
    """Nobody hears of it while it is accepted; afterwards it is a finding, told once, with whose exclusion it was."""
    ends = START + timedelta(days=3)
    file = tmp_path / "exclusions.yaml"
    text = f"{{rules: [gate-overridden], actors: [bob], owner: ann, reason: known, expires: {format_time(ends)}}}"
    file.write_text(f"exclusions: [{text}]", encoding="utf-8")
    story = Story(open_office(PAGER), RuleSet.load(excluding=file))
    assert story.happen(OVERRIDE) == []
    assert [one["pipetrail"]["finding"]["exclusion"]["owner"] for one in story.world.findings("excluded")] == ["ann"]
    assert story.pass_by(timedelta(days=2)) == []
    assert story.pass_by(timedelta(days=1, minutes=2)) == [("pager", "trigger")]
    (found,) = story.world.findings()
    assert found["pipetrail"]["finding"]["exclusion"]["expires"] == format_time(ends)
    assert story.pass_by(timedelta(minutes=5)) == []


@pytest.mark.parametrize(
    ("event", "rule"),
    [
        ({"type": "policy.changed", "pipetrail.control": "pipetrail policy", "pipetrail.labels": {"weakened": "true"}},
         "policy-edited"),
        ({"type": "role.changed", "event.action": "added", "user": {"name": "Bob", "target": {"name": "Bob"},
          "changes": {"roles": ["administrator"]}}}, "owner-added"),
    ],
)  # fmt: skip
def test_who_weakens_the_policy_or_takes_a_role_is_told_of(story: Story, event: dict[str, Any], rule: str) -> None:
    """The edit is an event like any other, and people hear of it."""
    assert story.happen({"user.name": "Bob", "vcs.ref": None, **event}) == [("pager", "trigger")]
    assert [one["rule"]["id"] for one in story.world.findings()] == [rule]
