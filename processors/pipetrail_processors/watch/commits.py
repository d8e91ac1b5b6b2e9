"""Which changes look at which commits, and at what of them: a change is judged by the checks of its commits, too. Pure.

Each commit's node names the changes that it is head or merge of (`h`, `correlate.nodes`), each with the time until which facts
count and a digest of those that did: so a change is judged anew where these are others, and only there.
"""

import hashlib

from pipetrail_schemas.event import FULL_REVISION

from pipetrail_processors.correlate.nodes import Node, Work
from pipetrail_processors.detect.ruleset import RuleSet
from pipetrail_processors.guard.review_fields import CHECKS
from pipetrail_processors.watch.dossier import Dossier

# What names the head of a change (`guard.review_fields`).
_HEADS = frozenset({"change.created", "change.updated"})
_COMMIT = "commit.recorded"
_SEEN_BYTES = 8  # tells one set of facts of a commit from the next one


def bind(work: Work, dossier: Dossier, rules: RuleSet) -> None:
    """A change is judged: note in its commits until when which facts of them count for that; nothing where none do.

    Args:
        work: the nodes of the repository.
        dossier: of the change.
        rules: those over changes.
    """
    if not any(rules.of_type(kind) for kind in dossier.kept.kinds()):
        return
    facts = dossier.facts
    judged = [fact for fact in facts if rules.of_type(fact["e"]["type"])]
    until = judged[-1]["e"]["time"]
    commits = {fact.get("o") for fact in judged}
    commits |= {fact.get("more", {}).get(name) for fact in judged for name in ("h", "m")}
    commits |= {fact.get("more", {}).get("h") for fact in facts if fact["e"]["type"] in _HEADS}
    for commit in commits:
        if commit and len(commit) >= FULL_REVISION:
            node = work.change(commit)
            node.setdefault("h", {})[dossier.key] = [until, _seen(node, until)]


def seeing(work: Work, commit: str, *, again: bool) -> list[str]:
    """The dossiers of the changes that see other facts of the commit than they were judged by; with `again`, of all changes."""
    node = work.node(commit)
    found = []
    for change, (until, seen) in sorted(node.get("h", {}).items()):
        sees = _seen(node, until)
        if sees != seen:
            # Also where this is no commit of the change any more, and `bind` does not come by.
            work.change(commit)["h"][change] = [until, sees]
        if again or sees != seen:
            found.append(change)
    return found


def _seen(node: Node, until: str) -> str:
    """Which facts of a commit a change is judged by: who wrote it, and the checks up to a time."""
    seen = []
    for fact in node.get("f", {}).values():
        entry = fact["e"]
        kind = entry["type"]
        if "c" in fact or kind == _COMMIT or (entry["time"] <= until and kind.startswith(CHECKS)):
            seen.append(entry["event_id"] + fact["h"])
    return hashlib.blake2b("".join(sorted(seen)).encode(), digest_size=_SEEN_BYTES).hexdigest() if seen else ""
