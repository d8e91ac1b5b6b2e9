"""The rules one by one: each looks at a commit and yields what is wrong and how to put it right. Pure."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pipetrail_schemas.ticket import example_of

from pipetrail_producers.importers.commit import Commit, trailers
from pipetrail_producers.policy.lookup import Looked, State
from pipetrail_producers.policy.rules import Policy

# Conventional Commits 1.0.0, specification 1, 4 and 13: type, optional scope, optional !, colon and space, description.
_CONVENTIONAL = re.compile(r"(?P<type>[A-Za-z]+)(?:\((?P<scope>[^()\n]+)\))?!?: (?P<description>\S.*)")
_AUTOSQUASH = re.compile(r"(fixup|squash|amend)! ")
# Lines of the body that cannot be broken: quotations, code, tables, addresses.
_UNBREAKABLE = re.compile(r"^(?:[>|\t]| {4})|\w+://")

# What is wrong, and what to do.
Problems = Iterator[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Subject:
    """What is judged. `signature` is a state of the schema (`good`, `none` …), None where there is no commit yet.

    `ticket` is what a look-up of the ticket that it names brought, None where none was looked up. `draft` says that the message
    is still being written (a commit-msg hook): what a later rebase will put right passes.
    """

    commit: Commit
    sha: str | None = None
    signature: str | None = None
    draft: bool = False
    ticket: Looked | None = None

    @property
    def first_line(self) -> str:
        """The message's first line."""
        return self.commit.message.partition("\n")[0].rstrip()


def _autosquash(subject: Subject, policy: Policy) -> Problems:
    del policy
    if not subject.draft and _AUTOSQUASH.match(subject.first_line):
        yield "is meant to be squashed into another commit", "git rebase --autosquash, then push again"


def _style(subject: Subject, policy: Policy) -> Problems:
    if policy.style != "conventional" or _is_draft_of_another(subject):
        return
    match = _CONVENTIONAL.match(subject.first_line)
    if match is None:
        yield (
            "the first line is no Conventional Commit",
            f"write `type(scope): what it does`, type one of {', '.join(policy.types)}",
        )
        return
    if match["type"].lower() not in policy.types:
        yield f"{match['type']!r} is no type of commit", f"use one of {', '.join(policy.types)}"
    if policy.scopes and match["scope"] and match["scope"] not in policy.scopes:
        yield f"{match['scope']!r} is no scope", f"use one of {', '.join(policy.scopes)}, or none"


def _subject(subject: Subject, policy: Policy) -> Problems:
    if _is_draft_of_another(subject):
        return
    line = subject.first_line
    if not line:
        yield "there is no message", "say in one line what the commit does"
    elif len(line) < policy.subject_min:
        yield f"the first line has {len(line)} characters", f"say what the commit does in at least {policy.subject_min}"
    if policy.subject_max and len(line) > policy.subject_max:
        yield (
            f"the first line has {len(line)} characters",
            f"shorten it to {policy.subject_max}; the rest goes below an empty line",
        )


def _body(subject: Subject, policy: Policy) -> Problems:
    _, *rest = subject.commit.message.split("\n")
    if rest and rest[0].strip():
        yield "the second line is not empty", "put an empty line between the first line and the body"
    longest = max((len(line) for line in rest if not _UNBREAKABLE.search(line)), default=0)
    if policy.body_line_max and longest > policy.body_line_max:
        yield f"a line of the body has {longest} characters", f"break lines at {policy.body_line_max}"


def _forbidden(subject: Subject, policy: Policy) -> Problems:
    for word in policy.forbidden:
        if re.search(rf"(?<!\w){re.escape(word)}(?!\w)", subject.first_line, re.IGNORECASE):
            yield f"the first line says {word!r}", "finish the work, then say what the commit does"


def ticket_of(subject: Subject, policy: Policy) -> str | None:
    """The ticket that the message names, by the policy's notion of one; None where it names none."""
    return policy.ticket_in(subject.commit.message)


def _ticket(subject: Subject, policy: Policy) -> Problems:
    if _is_draft_of_another(subject):
        return
    if policy.ticket == "required" and ticket_of(subject, policy) is None:
        shown = _examples(policy)
        known = f" (keys: {', '.join(policy.ticket_keys)})" if policy.ticket_keys else ""
        yield (
            f"no ticket is named{known}",
            f"name one in the first line ({shown[0]}), or in a line `Refs: …`: {', '.join(shown)}",
        )
    looked = subject.ticket
    if looked is not None and looked.state is State.MISSING:
        yield f"there is no ticket {looked.ticket}: {looked.why}", "name one that there is; git commit --amend"
    elif looked is not None and looked.state is State.UNVERIFIABLE and policy.ticket_lookup and policy.ticket_lookup.strict:
        yield f"{looked.ticket} could not be verified: {looked.why}", "try again once the tracker can be asked"


def _examples(policy: Policy) -> list[str]:
    """How tickets are written here."""
    by_pattern = [example_of(pattern) for pattern in policy.ticket_patterns]
    by_key = [f"{key}-123" for key in policy.ticket_keys[:1] or (() if by_pattern else ("PAY",))]
    return [*by_key, *by_pattern, *(["`Fixes #123`"] if policy.ticket_numbers else [])]


def _sign_off(subject: Subject, policy: Policy) -> Problems:
    if not policy.sign_off:
        return
    email = subject.commit.author.email
    signers = trailers(subject.commit.message).get("Signed-off-by", [])
    if not any(f"<{email}>".lower() in signer.lower() for signer in signers):
        yield f"is not signed off by its author ({email or 'unknown'})", "git commit --amend --signoff"


def _signature(subject: Subject, policy: Policy) -> Problems:
    state = subject.signature
    if policy.signature == "optional" or state is None:
        return
    if state == "none":
        yield "is not signed", "git commit --amend --gpg-sign"
    elif policy.signature == "good" and state != "good":
        yield (
            f"its signature is {state.replace('_', ' ')}",
            "sign it with a key that is known here: git commit --amend --gpg-sign",
        )


def _is_draft_of_another(subject: Subject) -> bool:
    return subject.draft and _AUTOSQUASH.match(subject.first_line) is not None


# By the name of the rule.
CHECKS: dict[str, Callable[[Subject, Policy], Problems]] = {
    "autosquash": _autosquash,
    "style": _style,
    "subject": _subject,
    "body": _body,
    "forbidden": _forbidden,
    "ticket": _ticket,
    "sign_off": _sign_off,
    "signature": _signature,
}
