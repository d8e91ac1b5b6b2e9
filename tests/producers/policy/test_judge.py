"""What the rules for commits refuse, and what they say about it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipetrail_producers.importers.commit import Commit, Person
from pipetrail_producers.policy.checks import CHECKS, Subject
from pipetrail_producers.policy.judge import judge
from pipetrail_producers.policy.rules import RULES, Exemption, Policy

ADA = Person("Ada Lovelace", "ada@acme.example", 1)
BOT = Person("renovate[bot]", "29139614+renovate[bot]@users.noreply.github.com", 1)


def subject(message: str, *, parents: int = 1, author: Person = ADA, **more: Any) -> Subject:
    """A commit with a message."""
    return Subject(Commit(["a" * 40] * parents, author, author, message, signed=False), "b" * 40, **more)


def broken(message: str, policy: Policy, **more: Any) -> list[str]:
    """The names of the rules that a message breaks."""
    return [refusal.rule for refusal in judge(subject(message, **more), policy).refusals]


def test_every_rule_has_a_check() -> None:
    """The names that exemptions may use are the rules that there are."""
    assert tuple(CHECKS) == RULES


@pytest.mark.parametrize(
    ("message", "policy", "rules"),
    [
        ("Retry on 503 answers", Policy(), []),
        ("", Policy(), ["subject"]),
        ("fix", Policy(), ["subject"]),
        ("x" * 101, Policy(), ["subject"]),
        ("x" * 101, Policy(subject_max=0), []),
        ("WIP: retry on 503", Policy(), ["forbidden"]),
        ("Wipe the disk on exit", Policy(), []),
        ("Retry on 503 answers\nno empty line", Policy(), ["body"]),
        ("Retry on 503 answers\n\n" + "x" * 80, Policy(body_line_max=72), ["body"]),
        ("Retry on 503 answers\n\nhttps://x.example/" + "x" * 80, Policy(body_line_max=72), []),
        ("fixup! Retry on 503 answers", Policy(), ["autosquash"]),
        ("feat(api)!: retry on 503", Policy(style="conventional"), []),
        ("retry on 503 answers", Policy(style="conventional"), ["style"]),
        ("feature: retry on 503", Policy(style="conventional"), ["style"]),
        ("feat(db): retry on 503", Policy(style="conventional", scopes=("api",)), ["style"]),
        ("feat : retry on 503", Policy(style="conventional"), ["style"]),
        ("Retry on 503 answers", Policy(ticket="required"), ["ticket"]),
        ("PAY-17 retry on 503", Policy(ticket="required"), []),
        ("Handle CVE-2024-1 and note-1", Policy(ticket="required"), ["ticket"]),
        ("OPS-1 retry on 503", Policy(ticket="required", ticket_keys=("PAY",)), ["ticket"]),
        ("Fixes #17 on retry", Policy(ticket="required"), []),
        ("Fixes #17 on retry", Policy(ticket="required", ticket_numbers=False), ["ticket"]),
        ("Retry on 503 AB#17", Policy(ticket="required", ticket_patterns=("AB#<number>",)), []),
        ("Retry on 503, PAY-17", Policy(ticket="required", ticket_patterns=("AB#<number>",)), ["ticket"]),
        ("Retry on 503, PAY-17", Policy(ticket="required", ticket_patterns=("AB#<number>",), ticket_keys=("PAY",)), []),
        ("Retry on 503 (#17)", Policy(ticket="required"), ["ticket"]),
        ("Retry on 503 (#17)", Policy(ticket="required", ticket_patterns=("#<number>",), ticket_numbers=False), []),
        ("Retry on 503\n\nINC0012345", Policy(ticket="required", ticket_patterns=("INC<number>",)), []),
        ("Retry on 503\n\nXINC0012345 INC1x", Policy(ticket="required", ticket_patterns=("INC<number>",)), ["ticket"]),
        ("Retry on 503 answers\n\nSigned-off-by: Ada <ADA@acme.example>", Policy(sign_off=True), []),
        ("Retry on 503 answers\n\nSigned-off-by: Eve <eve@acme.example>", Policy(sign_off=True), ["sign_off"]),
    ],
)
def test_messages(message: str, policy: Policy, rules: list[str]) -> None:
    """Each rule refuses what breaks it and nothing else."""
    assert broken(message, policy) == rules


@pytest.mark.parametrize(
    ("state", "asked", "rules"),
    [
        ("none", "present", ["signature"]),
        ("unverified", "present", []),
        ("unverified", "good", ["signature"]),
        ("bad", "good", ["signature"]),
        ("good", "good", []),
        ("none", "optional", []),
        (None, "good", []),
    ],
)
def test_signatures(state: str | None, asked: Any, rules: list[str]) -> None:
    """A signature that nobody checked is present and not good; before there is a commit, none can be asked for."""
    assert broken("Retry on 503 answers", Policy(signature=asked), signature=state) == rules


def test_merges_are_held_to_their_signature_alone() -> None:
    """A merge's message is git's own."""
    strict = Policy(style="conventional", ticket="required", sign_off=True, signature="good")
    assert broken("Merge branch 'x'", strict, parents=2, signature="none") == ["signature"]


def test_a_draft_may_be_meant_for_squashing() -> None:
    """While it is written, `fixup!` is right; on the way to the trunk it is not."""
    policy = Policy(style="conventional", ticket="required")
    assert broken("fixup! feat: PAY-1 retry", policy, draft=True) == []
    assert "autosquash" in broken("fixup! feat: PAY-1 retry", policy)


def test_exemptions_hold_for_what_they_name_and_are_told() -> None:
    """An exemption takes away its rules for its author or subject; the verdict says which one was needed."""
    bots = Exemption("dependency updates have no ticket", author="*[bot]", rules=("ticket",))
    reverts = Exemption("a revert must not wait", subject="Revert *")
    policy = Policy(ticket="required", exempt=(bots, reverts))
    verdict = judge(subject("Bump x to 2.0.1", author=BOT), policy)
    assert (verdict.passes, verdict.exempted) == (True, (bots,))
    assert broken("wip: bump x to 2", policy, author=BOT) == ["forbidden"]
    assert broken('Revert "tmp"', policy) == []
    assert broken("Bump x to 2.0.1", policy) == ["ticket"]
    assert judge(subject("PAY-1 bump x to 2", author=BOT), policy).exempted == ()


def test_an_override_passes_what_stays_refused() -> None:
    """With a reason, given or in the trailer, a refused commit passes; it is still said what it breaks."""
    policy = Policy(ticket="required")
    given_reason = judge(subject("Retry on 503 answers"), policy, "customers are down")
    by_trailer = judge(subject("Retry on 503 answers\n\nPolicy-override: customers are down"), policy)
    assert given_reason.override == by_trailer.override == "customers are down"
    assert given_reason.passes
    assert by_trailer.passes
    assert [refusal.rule for refusal in by_trailer.refusals] == ["ticket"]


def test_an_override_needs_a_reason_and_a_refusal() -> None:
    """An empty reason overrides nothing, nothing to refuse needs no override, and rules may forbid it."""
    policy = Policy(ticket="required")
    assert not judge(subject("Retry on 503 answers\n\nPolicy-override:"), policy).passes
    assert judge(subject("PAY-1 retry on 503"), policy, "why not").override is None
    assert not judge(subject("Retry on 503 answers"), Policy(ticket="required", override=False), "x").passes


@given(st.text(), st.booleans())
def test_every_refusal_says_how_to_put_it_right(message: str, draft: bool) -> None:  # noqa: FBT001  # hypothesis fills it
    """Whatever the message, each refusal has a problem and a fix."""
    policy = Policy(style="conventional", body_line_max=20, ticket="required", sign_off=True, signature="good")
    verdict = judge(subject(message, draft=draft, signature="none"), policy)
    assert all(refusal.problem and refusal.fix for refusal in verdict.refusals)
    assert not verdict.passes
