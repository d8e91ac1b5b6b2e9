"""What rules ask about the review of a change, of its dossier as of an event. For rules, over `guard.reviews`. Pure."""

from collections.abc import Collection, Iterable, Mapping

from pipetrail_processors.detect.case import Case
from pipetrail_processors.guard import reviews
from pipetrail_processors.guard.policy import Policy
from pipetrail_processors.trail.fact import Fact
from pipetrail_processors.trail.people import display
from pipetrail_processors.trail.stages import standings, state_of
from pipetrail_processors.trail.summary import in_order
from pipetrail_processors.watch.dossier import DossierView

Person = Mapping[str, str]

# Beginnings of the types of events that say how a check stands.
CHECKS = ("taskrun.", "testsuiterun.", "build.", "policy.bypassed")
# What those do who wrote the change.
_BY_WRITERS = frozenset({"change.created", "commit.recorded"})
# How a check can end without having said yes or no; forges count all of them as passed.
_WITHOUT_VERDICT = frozenset({"skipped", "never_ran", "neutral", "cancelled"})


def change_id(case: Case) -> str:
    """The change's number or key."""
    return str(case.facts[0].get("w", {}).get("change", {}).get("id", ""))


def told(case: Case) -> bool:
    """Whether the change's history is known from its beginning: else nobody can say that something is missing in it."""
    return "change.created" in case.view.by_type


def branch(case: Case) -> str:
    """The branch that the change goes into; "" where nothing says so."""
    own = case.facts[0].get("more", {}).get("b", {}).get("name")
    if own:
        return str(own)
    named = (
        fact.get("more", {}).get("b", {}).get("name")
        for fact in reversed(case.view.facts)
        if fact["e"].get("type", "").startswith("change.")
    )
    return str(next((name for name in named if name), ""))


def trunk(case: Case) -> bool:
    """Whether it goes into a branch that is released from."""
    return bool(branch(case)) and case.view.policy.is_trunk(branch(case))


def state(case: Case) -> str:
    """How its reviews stand (`guard.reviews`); "" where the policy wants none, or its branch is not known."""
    found = _standing(case)
    return found.state if found else ""


def reviewers(case: Case) -> str:
    """Whose reviews decide how it stands."""
    found = _standing(case)
    return ", ".join(dict.fromkeys(display(fact["e"].get("actor", {})) for fact in found.facts)) if found else ""


def counting(case: Case) -> int:
    """How many approvals count."""
    found = _standing(case)
    return len(found.counting) if found else 0


def needed(case: Case) -> int:
    """How many approvals the policy wants; 0 where it says nothing."""
    needs = _needs(case)
    return needs.approvals if needs else 0


def checks(case: Case) -> list[tuple[str, str, Fact]]:
    """The checks that the merge needed and that gave no verdict, as (name, state, fact)."""
    view = case.view
    if not isinstance(view, DossierView):
        return []
    merge = case.facts[0]
    moment = (merge["e"]["time"], merge["e"]["event_id"])
    of_commits = (fact for commit in sorted(_commits(case)) for fact in view.of_commit(commit))
    told = [fact for fact in of_commits if fact["e"]["type"].startswith(CHECKS)]
    if _WITHOUT_VERDICT.isdisjoint(map(state_of, told)):
        return []  # as of almost every merge
    before = {fact["e"]["event_id"]: fact for fact in told if (fact["e"]["time"], fact["e"]["event_id"]) < moment}
    by_task: dict[str, list[Fact]] = {}
    policy = view.policy
    stages = {stage for environment in policy.environments for stage in environment.require}
    for fact in in_order(before.values()):
        if _is_required(fact, policy, stages):
            by_task.setdefault(str(fact.get("k", "")), []).append({**fact, "s": "check"})
    results = {task: standings(facts).get("check") for task, facts in by_task.items()}
    return [
        (str(result.fact["e"].get("name", task.rpartition("/")[2])), result.state, result.fact)
        for task, result in sorted(results.items())
        if result and result.state in _WITHOUT_VERDICT
    ]


def _is_required(fact: Fact, policy: Policy, stages: Collection[str]) -> bool:
    """A check that the policy names, or of a stage that it requires for some environment, where the task says its stage."""
    return fact.get("s") in stages or policy.is_check(str(fact["e"].get("name", "")))


def _commits(case: Case) -> set[str]:
    """The merge, and the head that it merged: checks run on either."""
    merge = case.facts[0].get("more", {})
    heads = [
        fact.get("more", {}).get("h") for fact in case.view.facts if fact["e"]["type"] in {"change.created", "change.updated"}
    ]
    found = {merge.get("m"), merge.get("h"), case.facts[0].get("o"), heads[-1] if heads else None}
    return {commit for commit in found if commit}


def _needs(case: Case) -> reviews.Reviews | None:
    name = branch(case)
    if not name:
        return None
    return case.view.policy.needed_reviews(case.view.subject.repository or "", name)


def _standing(case: Case) -> reviews.Standing | None:
    """Several rules ask, and each several times: it is worked out once for a view."""
    view, event_id = case.view, str(case.entry.get("event_id", ""))
    if not isinstance(view, DossierView):
        return _stands(case)
    if event_id not in view.standings:
        view.standings[event_id] = _stands(case)
    found: reviews.Standing | None = view.standings[event_id]
    return found


def _stands(case: Case) -> reviews.Standing | None:
    needs = _needs(case)
    if needs is None or not needs.approvals:
        return None
    return reviews.standing(case.view.facts, case.facts[0], needs, case.view.policy.groups, _writers(case))


def _writers(case: Case) -> reviews.Writers:
    """Authors and committers: of what the change's events quote, and who proposed it."""
    authors: list[Person | None] = []
    committers: list[Person | None] = []
    facts = list(case.view.facts)
    if isinstance(case.view, DossierView):
        for commit in sorted(_commits(case)):
            facts += case.view.of_commit(commit)
    merged = case.facts[0].get("more", {}).get("m")
    for fact in facts:
        if quoted := fact.get("c"):
            authors.append(quoted.get("a"))
            # A forge that merges is the committer of the merge, and nobody's second pair of eyes.
            if fact["e"]["type"] != "change.merged" and not (merged and fact.get("o") == merged):
                committers.append(quoted.get("c"))
        if fact["e"].get("type") in _BY_WRITERS:
            authors.append(fact["e"].get("actor"))
    return reviews.Writers(_each_once(authors), _each_once(committers))


def _each_once(people: Iterable[Person | None]) -> list[Person]:
    """Those that are named: a commit is quoted by many events, and each reviewer is compared with all of them."""
    found: list[Person] = []
    for person in people:
        if person and person not in found:
            found.append(person)
    return found
