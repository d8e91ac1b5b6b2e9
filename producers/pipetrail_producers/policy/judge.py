"""Judges one commit by the rules. Pure, standard library only.

A refusal says what is wrong and how to put it right. A merge that git made (two parents or more) is held to nothing but the
signature: its message is git's. A commit let through by an override is not accepted: it is refused, and passed over.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from pipetrail_producers.importers.commit import trailers
from pipetrail_producers.policy.checks import CHECKS, Subject, ticket_of
from pipetrail_producers.policy.rules import RULES, Exemption, Policy

OVERRIDE_TRAILER = "Policy-override"
# A merge is made by git or by a forge; what can be asked of it is who signed it.
_RULES_FOR_MERGES = ("signature",)


@dataclass(frozen=True, slots=True)
class Refusal:
    """One broken rule: what is wrong, and what to do."""

    rule: str
    problem: str
    fix: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome for one commit. `exempted` are exemptions that were needed, `override` the reason given to pass anyway.

    `ticket` is the one that the message names, by the rules' notion of one.
    """

    subject: Subject
    refusals: tuple[Refusal, ...]
    exempted: tuple[Exemption, ...] = ()
    override: str | None = None
    ticket: str | None = None

    @property
    def passes(self) -> bool:
        """Whether the commit may go on."""
        return not self.refusals or self.override is not None


def judge(subject: Subject, policy: Policy, override: str | None = None) -> Verdict:
    """The verdict on a commit.

    Args:
        subject: the commit, or the message that is to become one.
        policy: the rules.
        override: a reason to let it pass; else the one in the message's trailer `Policy-override`, where the rules allow it.
    """
    needed: list[Exemption] = []
    refusals: list[Refusal] = []
    for refusal in _refusals(subject, policy):
        exemption = next((one for one in policy.exempt if _holds(one, subject, refusal.rule)), None)
        if exemption is None:
            refusals.append(refusal)
        elif exemption not in needed:
            needed.append(exemption)
    reason = override or _override_of(subject)
    passed_over = reason if refusals and policy.override else None
    return Verdict(subject, tuple(refusals), tuple(needed), passed_over, ticket_of(subject, policy))


def _refusals(subject: Subject, policy: Policy) -> Iterator[Refusal]:
    is_merge = len(subject.commit.parents) > 1
    for rule in _RULES_FOR_MERGES if is_merge else RULES:
        for problem, fix in CHECKS[rule](subject, policy):
            yield Refusal(rule, problem, fix)


def _override_of(subject: Subject) -> str | None:
    reasons = trailers(subject.commit.message).get(OVERRIDE_TRAILER.capitalize(), [])
    return next((reason for reason in reasons if reason.strip()), None)


def _holds(exemption: Exemption, subject: Subject, rule: str) -> bool:
    if exemption.rules and rule not in exemption.rules:
        return False
    author = subject.commit.author
    by_author = exemption.author is None or any(_matches(text, exemption.author) for text in (author.name, author.email))
    return by_author and (exemption.subject is None or _matches(subject.first_line, exemption.subject))


def _matches(text: str, pattern: str) -> bool:
    # Names of apps hold brackets ("renovate[bot]"), which would be a set of characters.
    return fnmatchcase(text, pattern.replace("[", "[[]"))
