"""What a message says of a finding, as labelled lines: the same on every channel, which only lays it out. Pure."""

from dataclasses import dataclass

from pipetrail_schemas.finding import Severity

from pipetrail_sinks.notify.alert import Alert, Decided, Item, Link
from pipetrail_sinks.notify.links import is_web
from pipetrail_sinks.notify.records import OVERRIDES_SPAN
from pipetrail_sinks.notify.text import clock, one_line

# Findings that are told in full, one for each rule; the others of a message get a line each. More do not fit on a phone.
IN_FULL = 3
# Characters: what is read on a phone, and what every service takes.
_TITLE, _NAME, _REASON, _WHY, _STEP = 300, 200, 500, 600, 300
_STEPS = 8
MARKS: dict[Severity, str] = {"critical": "🔴", "high": "🟠", "medium": "🟡", "low": "🔵"}
_OVER = "✅"
REPEATED = "The notifier was interrupted while it sent this; you may have it already."


@dataclass(frozen=True, slots=True)
class Told:
    """A finding in lines. `facts` are (label, text); `steps` is what to do."""

    title: str
    facts: tuple[tuple[str, str], ...]
    steps: tuple[str, ...]
    links: tuple[Link, ...]
    footer: str


def mark(alert: Alert) -> str:
    """A sign that is understood before anything is read."""
    return _OVER if alert.kind in {"resolved", "acknowledged"} else MARKS[alert.severity]


def headline(alert: Alert, most: int = _TITLE) -> str:
    """The message in one line."""
    return one_line(alert.headline, most)


def brief(item: Item) -> str:
    """A finding in one line, for a list."""
    where = item.where
    if item.place and item.place in item.title:
        where = where.removeprefix(item.place).removeprefix(" · ")
    return one_line(f"{item.title} ({where})" if where else item.title, _TITLE)


def full_and_brief(alert: Alert) -> tuple[tuple[Item, ...], tuple[Item, ...]]:
    """The findings to tell in full, and those that get a line. What is over needs no second look."""
    if alert.digest or (alert.kind in {"resolved", "acknowledged"} and alert.count > 1):
        return (), alert.items
    # What to do is the same for all of a rule's findings.
    first_of_rule = {item.rule: item for item in reversed(alert.items)}
    full = [item for item in alert.items if first_of_rule[item.rule] is item][:IN_FULL]
    return tuple(full), tuple(item for item in alert.items if item not in full)


def told(item: Item, kind: str) -> Told:
    """A finding in full; shorter where the message says that it is over."""
    over = kind in {"resolved", "acknowledged"}
    facts = [*_facts(item), *([] if over else _background(item))]
    if over:
        facts.append(("Now", _now(item)))
    else:
        facts += _what_became(item)
    steps = () if over else tuple(one_line(step, _STEP) for step in item.runbook[:_STEPS])
    return Told(one_line(item.title, _TITLE), tuple(facts), steps, item.links, footer(item, over=over or kind == "test"))


def footer(item: Item, *, over: bool = False) -> str:
    """What to look the finding up by, and, while there is something to do, to take care of it by."""
    show = f" · pipetrail show {item.commit[:12]}" if item.commit else ""
    name = f"finding {item.finding[:8]}" if over else f"pipetrail finding ack {item.finding[:8]}"
    return f"{item.severity} {item.category} · {one_line(item.rule, _NAME)} · {name}{show}"


def rest(alert: Alert) -> str:
    """How many findings the message does not show; "" where it shows all."""
    return f"and {alert.more} more: pipetrail findings" if alert.more else ""


def _facts(item: Item) -> list[tuple[str, str]]:
    found = []
    # An anomaly of a repository is nobody's deed, and nobody owes a reason for it.
    if item.who or item.category != "anomaly":
        found.append(("Who", _who(item)))
    if item.where:
        found.append(("Where", one_line(item.where, _TITLE)))
    found.append(("When", clock(item.time)))
    if item.reason or item.ticket or item.category != "anomaly":
        reason = f"“{one_line(item.reason, _REASON)}”" if item.reason else "no reason given"
        found.append(("Why", reason + (f" · {one_line(item.ticket, _NAME)}" if item.ticket else "")))
    return found


def _who(item: Item) -> str:
    human = f", for {one_line(item.on_behalf_of, _NAME)}" if item.on_behalf_of else ""
    return (one_line(item.who, _NAME) if item.who else "unknown") + human


def _now(item: Item) -> str:
    if item.decided:
        return f"{item.status} by {_decision(item.decided)}"
    return one_line(f"{item.status}: {item.correction}" if item.correction else item.status, _REASON)


def _decision(one: Decided) -> str:
    ticket = f" · {one_line(one.ticket, _NAME)}" if one.ticket else ""
    return f"{one_line(one.who, _NAME) if one.who else 'somebody'}: “{one_line(one.reason, _REASON)}”{ticket}"


def _what_became(item: Item) -> list[tuple[str, str]]:
    """What happened to the finding since it was found, and what is expected of people."""
    found = []
    if item.decided and item.status == "open":
        found.append(("Reopened", f"by {_decision(item.decided)}"))
    if item.correction:
        found.append(("Corrected", one_line(item.correction, _REASON)))
    if item.exclusion:
        told = f"until {clock(item.exclusion.expires)} by {one_line(item.exclusion.owner, _NAME)}"
        found.append(("Excluded", f"{told}: “{one_line(item.exclusion.reason, _REASON)}”; no longer"))
    if item.review_due:
        found.append(("Review", f"due until {clock(item.review_due)}"))
    return found


def _background(item: Item) -> list[tuple[str, str]]:
    found = [("Rule", one_line(item.rule_name, _NAME))]
    if item.why:
        found.append(("Matters", one_line(item.why, _WHY)))
    if item.overrides:
        latest = "; ".join(f"{clock(one.time)[:10]} {one_line(one.title, 100)}" for one in item.latest_overrides)
        overrides = "override" if item.overrides == 1 else "overrides"
        found.append(("Before", f"{item.overrides} {overrides} by the same person in {OVERRIDES_SPAN.days} days: {latest}"))
    return found


def links_of(item: Item) -> list[Link]:
    """Everything that can be opened, the ticket included."""
    ticket = [Link(label="Ticket", url=item.ticket_url)] if item.ticket_url and is_web(item.ticket_url) else []
    return [*item.links, *ticket]
