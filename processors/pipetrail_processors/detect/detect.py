"""From a trail or a dossier to its findings: a pure function of the facts, the policy and the rules, so any order ends alike.

A deployment is one case, however many of its events have come: it is judged as of its earliest. A finding whose ground is gone
is published again as withdrawn, and says what changed it. Which findings were published, in which revision, stands in the node.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

import orjson

from pipetrail_processors.correlate.nodes import Node
from pipetrail_processors.detect.case import Case, Item, View
from pipetrail_processors.detect.hit import Hit, hit_of, merged
from pipetrail_processors.detect.ruleset import Compiled, Events, RuleSet
from pipetrail_processors.guard import review_fields
from pipetrail_processors.lifecycle.ledger import Ledger
from pipetrail_processors.lifecycle.settle import base_of
from pipetrail_processors.trail.stages import Standing
from pipetrail_processors.trail.summary import in_order

__all__ = ["Hit", "Part", "detect", "trail_cases", "update"]

Document = dict[str, Any]
Cases = Callable[[Compiled, View, Events], Sequence[Case]]

_WITHDRAWN = "withdrawn"


class Part(NamedTuple):
    """What is judged anew where all else stands.

    Attributes:
        rules: all that they say.
        single: what these say of `events`; each of their findings is about one event, which nothing else alters.
        events: ids.
    """

    rules: Collection[Compiled]
    single: Collection[Compiled]
    events: AbstractSet[str]

    def asks(self, rule: Compiled) -> bool:
        """Whether the rule is one of them."""
        return rule in self.rules or rule in self.single

    def judges(self, document: Document) -> bool:
        """Whether a finding that was published is one of those that are judged anew."""
        name = document["rule"]["id"]
        if any(rule.rule.id == name for rule in self.rules):
            return True
        about = document["pipetrail"]["finding"]["evidence"]
        return any(rule.rule.id == name for rule in self.single) and not self.events.isdisjoint(about)


def trail_cases(rule: Compiled, view: View, events: Events) -> list[Case]:
    """The cases of a rule over a trail: those of its events that can make it fire, with them all of their deployment."""
    # Of several hits with one identity the first is shown.
    facts = in_order(events.values()) if rule.rule.dedupe else events.values()
    found = [Case(view, [fact]) for fact in facts if "d" not in fact]
    if len(found) < len(events):
        found += [Case(view, whole) for whole in view.happened(rule.on) if whole[0]["e"]["event_id"] in events]
    return found


def detect(view: View, rules: RuleSet, cases: Cases = trail_cases, part: Part | None = None) -> list[Hit]:
    """The hits of all rules on a trail or dossier, in order of their ids.

    Args:
        view: what is judged.
        rules: by which; those about it.
        cases: what a rule is asked about.
        part: what of it, if not all.
    """
    found: dict[str, Hit] = {}
    for rule, events in rules.plausible(view).items():
        if (part and not part.asks(rule)) or not rule.open_here(view):
            continue
        for hit in _hits(rule, view, cases, events):
            known = found.get(hit.id)
            found[hit.id] = hit if known is None else merged(known, hit)
    if not found:
        return []
    replaced = {
        (name, event_id)
        for rule in rules.replacing
        for hit in found.values()
        if hit.reference["rule"] == rule.rule.id and hit.status == "open"
        for name in rule.rule.replaces
        for event_id in hit.document["pipetrail"]["finding"]["evidence"]
    }
    hits = [hit for hit in found.values() if (hit.reference["rule"], hit.reference["event_id"]) not in replaced]
    return sorted(hits, key=lambda hit: hit.id)


def update(
    node: Node, hits: Sequence[Hit], ledger: Ledger, *, again: bool, cause: str = "", part: Part | None = None
) -> list[tuple[str, bytes]]:
    """Compare the hits with what was published. Returns what is to be published, as (finding id, value).

    Args:
        node: of the trail or dossier; its `g` is brought up to date.
        hits: those that hold now.
        ledger: what people decided about the findings of the node.
        again: publish what has not changed, too.
        cause: what was told last, in words: what a corrected finding says it was corrected by.
        part: what the hits are of, if not of all.
    """
    published: dict[str, Document] = node.get("g", {})
    if not hits and not published:
        return []
    changed = set()
    current = {hit.id: hit for hit in hits}
    judged = published.keys() if part is None else {key for key, one in published.items() if part.judges(one)}
    for finding_id in sorted(current.keys() | judged):
        before = ledger.before(finding_id, published.get(finding_id))
        hit = current.get(finding_id)
        base = hit.status if hit else _WITHDRAWN
        document = ledger.settled(finding_id, hit.document if hit else published[finding_id], base)
        after = _revised(document, 1)
        if before is not None:
            state = before["pipetrail"]["finding"]
            after = _revised(document, state["revision"], state.get("correction"))
            if after == before:
                published[finding_id] = before
                continue
            correction = state.get("correction")
            if _verdict(before, base_of(before)) != _verdict(document, base):
                correction = _correction(base_of(before), base, cause)
            after = _revised(document, state["revision"] + 1, correction)
        published[finding_id] = after
        changed.add(finding_id)
    node["g"] = published
    return [
        (finding_id, orjson.dumps(published[finding_id])) for finding_id in sorted(published) if again or finding_id in changed
    ]


def _hits(rule: Compiled, view: View, cases: Cases, events: Events) -> list[Hit]:
    """The hits of a rule, which only these events can make fire."""
    try:
        wholes = cases(rule, view, events)
    except ValueError as exc:  # a condition about several events cannot be judged
        fact = next(fact for fact in view.facts if fact["e"]["type"] in rule.on)
        return [hit_of(rule, Case(view, [fact]), str(exc))]
    found = []
    for case in wholes if rule.rule.each is None else _expanded(rule.rule.each, wholes, rule.when.states):
        try:
            if rule.spans or rule.when.holds_besides(case):  # of several events: its conditions chose them
                found.append(hit_of(rule, case, ""))
        except ValueError as exc:  # that it cannot be judged is a hit, too
            found.append(hit_of(rule, case, str(exc)))
    return found


def _expanded(each: str, wholes: Sequence[Case], states: Collection[str]) -> Iterator[Case]:
    for case in wholes:
        if each == "checks":
            for name, state, fact in review_fields.checks(case):
                yield Case(case.view, case.facts, Item(Standing(name, state, fact)))
        else:
            yield from case.items(each, states)


def _verdict(document: Document, status: str) -> tuple[str, str, str]:
    """What a correction corrects. That evidence came, as the end of what had begun, corrects nothing."""
    state = document["pipetrail"]["finding"]
    return status, state["severity"], state["title"]


def _correction(before: str, after: str, cause: str) -> str:
    what = {"withdrawn": "withdrawn", "open": "altered" if before == "open" else "found again"}.get(after, after)
    return f"{what} after {cause or 'what was told later'}"


def _revised(document: Document, revision: int, correction: str | None = None) -> Document:
    own = document["pipetrail"]
    state = {**own["finding"], "revision": revision}
    state.pop("correction", None)
    if correction:
        state["correction"] = correction
    return {**document, "pipetrail": {**own, "finding": state}}
