"""Four eyes: whose approvals of a change count. Pure.

Judged as of the merge: the latest decision of each reviewer counts, unless it is the author's or a committer's own, was given
before the last push, was dismissed or edited afterwards, or comes from a bot or from outside of the groups that must approve.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, NamedTuple

from pydantic import Field

from pipetrail_processors.guard.freeze import Part, Pattern, Text, matches
from pipetrail_processors.guard.roles import Group, names_of
from pipetrail_processors.trail.fact import Fact
from pipetrail_processors.trail.people import same_person

# How a change stands when it is merged.
APPROVED, NONE, SELF, STALE, DISMISSED, EDITED, REJECTED, OUTSIDE, UNRESOLVED, TOO_FEW = (
    "approved", "none", "self", "stale", "dismissed", "edited", "rejected", "outside", "unresolved", "too_few",
)  # fmt: skip
_BOTS = frozenset({"app", "service_account", "system", "api_key"})
# What happened to a decision that somebody gave before.
_AFTERWARDS = frozenset({"dismissed", "edited"})
_DECISIONS = frozenset({"approved", "rejected"}) | _AFTERWARDS


_TO_THE_SECOND, _NO_MILLISECONDS = len("2026-11-23T09:02:11"), ".000Z"


class Reviews(Part):
    """What merges into some branches need. Empty `branches`: those that are released from (`trunk`)."""

    repositories: Annotated[tuple[Pattern, ...], Field(min_length=1)] = ("*",)
    branches: tuple[Pattern, ...] = ()
    approvals: int = Field(default=1, ge=0, le=20, description="how many approvals that count")
    groups: tuple[Text, ...] = Field(default=(), description="approvals count from members of these; empty: from everybody")
    authors: bool = Field(default=False, description="an author's own approval counts")
    committers: bool = Field(default=False, description="a committer's approval counts")
    stale: bool = Field(default=False, description="an approval from before the last push counts")
    bots: bool = Field(default=False, description="a bot's approval counts")
    edited: bool = Field(default=False, description="an approval whose words were changed afterwards counts")

    def applies(self, repository: str, branch: str, *, trunk: bool) -> bool:
        """Whether this is about merges into the branch."""
        return matches(self.repositories, repository) and (matches(self.branches, branch) if self.branches else trunk)


class Standing(NamedTuple):
    """How the reviews of a change stand: a state, whose approvals count, and whose do not and why."""

    state: str
    counting: Sequence[str]
    facts: Sequence[Fact]


class Writers(NamedTuple):
    """Who wrote the change and who committed to it, as far as it is known."""

    authors: Sequence[Mapping[str, str]]
    committers: Sequence[Mapping[str, str]]


def standing(facts: Iterable[Fact], merge: Fact, needs: Reviews, groups: Mapping[str, Group], writers: Writers) -> Standing:
    """How the reviews stand when the change is merged.

    Args:
        facts: of the change, in order of time.
        merge: the fact of the merge; what comes after it does not count.
        needs: what the policy wants.
        groups: of the policy.
        writers: of the change.
    """
    before = [fact for fact in facts if _counts_before(fact, merge)]
    latest = _latest(before, edited_counts=needs.edited)
    if not latest:
        return Standing(NONE, (), ())
    push = _last_push(before)
    states: dict[str, list[Fact]] = {}
    for fact in latest.values():
        states.setdefault(_state(fact, needs, groups, writers, push), []).append(fact)
    counting = [str(fact["e"].get("actor", {}).get("name", "")) for fact in states.get(APPROVED, ())]
    if len(counting) >= needs.approvals and REJECTED not in states:
        return Standing(APPROVED, counting, states.get(APPROVED, ()))
    # What tells most about why it does not stand.
    for state in (REJECTED, SELF, STALE, DISMISSED, EDITED, UNRESOLVED, OUTSIDE):
        if state in states:
            return Standing(state, counting, states[state])
    return Standing(TOO_FEW if counting else NONE, counting, states.get(APPROVED, ()))


def _latest(facts: Iterable[Fact], *, edited_counts: bool) -> dict[str, Fact]:
    """The latest decision of each reviewer, or what became of it."""
    found: dict[str, Fact] = {}
    for fact in facts:
        decision = fact["e"].get("decision")
        if decision not in _DECISIONS:
            continue
        if decision == "edited" and edited_counts:
            continue
        if decision in _AFTERWARDS:
            # Told with the one who did it as actor, the reviewer is the target; without, it is the reviewer's own.
            reviewer = fact.get("more", {}).get("t") or fact["e"].get("actor", {})
            key = next((key for key, known in found.items() if same_person(known["e"].get("actor", {}), reviewer)), None)
            if key is not None:
                found[key] = fact
            elif len(found) == 1:
                found[next(iter(found))] = fact
            continue
        actor = fact["e"].get("actor", {})
        found[str(actor.get("id") or actor.get("email") or actor.get("name") or fact["e"]["event_id"])] = fact
    return found


def _last_push(facts: Iterable[Fact]) -> tuple[str, str]:
    """When the change's head last moved, and to what; empty texts where nothing says so."""
    time = head = ""
    for fact in facts:
        revision = fact.get("more", {}).get("h") or fact.get("o", "")
        if fact["e"]["type"] in {"change.created", "change.updated"} and revision and revision != head:
            time, head = fact["e"]["time"], revision
    return time, head


def _state(fact: Fact, needs: Reviews, groups: Mapping[str, Group], writers: Writers, push: tuple[str, str]) -> str:
    entry = fact["e"]
    if entry["decision"] != "approved":
        return str(entry["decision"]) if entry["decision"] in _AFTERWARDS else REJECTED
    actor, behalf = entry.get("actor", {}), fact.get("u", {})
    if not actor:
        return UNRESOLVED
    if _wrote(actor, behalf, needs, writers):
        return SELF
    pushed, head = push
    reviewed = fact.get("more", {}).get("h") or fact.get("o", "")
    if not needs.stale and pushed and entry["time"] < pushed and reviewed != head:
        return STALE
    outside = needs.groups and not {name.lower() for name in needs.groups} & names_of(behalf or actor, groups)
    bot = not needs.bots and entry.get("actor_type") in _BOTS and not behalf
    return OUTSIDE if outside or bot else APPROVED


def _wrote(actor: Mapping[str, str], behalf: Mapping[str, str], needs: Reviews, writers: Writers) -> bool:
    excluded = [*(() if needs.authors else writers.authors), *(() if needs.committers else writers.committers)]
    return any(same_person(one, writer) for one in (actor, behalf) for writer in excluded)


def _counts_before(fact: Fact, merge: Fact) -> bool:
    """Forges tell times to the second: who approves and merges at once approved before. Nothing else has that benefit."""
    time, merged = fact["e"]["time"], merge["e"]["time"]
    if time < merged:
        return True
    if fact["e"].get("decision") != "approved" or time[:_TO_THE_SECOND] != merged[:_TO_THE_SECOND]:
        return False
    return bool(time == merged or merged.endswith(_NO_MILLISECONDS))
