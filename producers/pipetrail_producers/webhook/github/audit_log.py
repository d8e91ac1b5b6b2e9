"""Entries of GitHub's audit log, streamed or exported: who bypassed a protection, and who changed what guards the line. Pure.

An entry is flat JSON: `action`, `actor`, `@timestamp` or `created_at` in milliseconds, `_document_id`, and what belongs to the
action. Streams wrap entries in arrays, and Splunk's collector in `{"event": …}`. Its key is the document's id, which no
webhook has, so a bypass or change that a webhook tells as well is a second event: the log's time is exact to the millisecond,
the webhook's to the second, and what they say of it differs.
"""

from collections.abc import Mapping
from typing import Any

from pipetrail_producers.webhook.fact import Fact
from pipetrail_producers.webhook.github import audit_guard
from pipetrail_producers.webhook.github.audit_actions import Meaning, meaning
from pipetrail_producers.webhook.github.place import Place, content_key
from pipetrail_producers.webhook.github.read import first_moment, label
from pipetrail_producers.webhook.github.workflow_run import attempt_of
from pipetrail_producers.webhook.payload import at, items
from pipetrail_producers.webhook.translation import Translation, UntranslatableError
from pipetrail_producers.webhook.values import Data, cut, full_revision, merged, name, revision, said

KIND = "audit_log"
_TIMES = ("@timestamp", "created_at")
_SILENT = "none of the audit log's entries is about delivery, or a webhook tells it better"
_MAX_LABELS = 40
_BRANCHES = "refs/heads/"
# Actions that say by themselves what was given, and those about keys.
_OWNERS = (".add_admin", ".invite_admin", ".add_owner")
_KEYS = ("public_key.", "deploy_key.")
# What has a field of its own, or says nothing (hashes of tokens, ids beside names).
_NO_LABELS = frozenset(
    {
        *("@timestamp", "_document_id", "action", "actor", "actor_id", "actor_is_bot", "actor_location", "created_at"),
        *("branch", "ref", "before", "after", "reasons", "hashed_token", "token_id", "user", "user_id", "repo", "repository"),
        *("repo_id", "repository_id", "org_id", "business_id", "request_access_security_header", "head_sha", "head_branch"),
        *("workflow_run_id", "run_attempt", "pull_request_url", "environment_name", "external_identity_nameid"),
        *audit_guard.FIELDS,
    }
)


def looks_like(payload: Any) -> bool:
    """Whether a payload is an entry of the audit log, or a list with one in it: another may be broken."""
    return any("." in (name(one, "action") or "") and first_moment(one, *_TIMES) for one in entries(payload))


def entries(payload: Any) -> list[Any]:
    """The entries of a payload, without what a stream wraps them in."""
    members = payload if isinstance(payload, list) else [payload]
    return [at(member, "event") if isinstance(at(member, "event"), Mapping) else member for member in members]


def audit_log(payload: Any, place: Place) -> Translation:
    """What a delivery of entries tells. A broken entry among good ones costs itself, and is told as a gap.

    Raises:
        UntranslatableError: not one of the entries is whole.
    """
    found = entries(payload)
    facts: list[Fact] = []
    broken: list[str] = []
    for entry in found:
        try:
            told = fact(entry, place)
        except UntranslatableError as exc:
            broken.append(str(exc))
        else:
            facts += [told] if told else []
    if broken and len(broken) == len(found):
        raise UntranslatableError(broken[0])
    if broken:
        reason = cut(f"{len(broken)} of {len(found)} audit log entries could not be read; the first: {broken[0]}")
        data: Data = {"event": {"reason": reason, "action": "unreadable"}}
        facts.append(place.fact("source.gap", None, (KIND, content_key(payload)), data, state="gap"))
    return Translation(tuple(facts)) if facts else Translation(silent=_SILENT)


def fact(entry: Any, place: Place) -> Fact | None:
    """The fact of one entry; None where it says nothing about delivery.

    Raises:
        UntranslatableError: it has no action or no time.
    """
    action = name(entry, "action")
    time = first_moment(entry, *_TIMES)
    if action is None or time is None or not isinstance(entry, Mapping):
        raise UntranslatableError(f"github {KIND}: {'action' if action is None else 'created_at'} is missing")
    told = meaning(action)
    if told is None:
        return None
    there = place.within(name(entry, "repo") or name(entry, "repository"))
    data = merged(_about(entry, there), _by_type(entry, told))
    if told.type.startswith("environment.") and not name(data, "deployment.environment.name"):
        told = Meaning("policy.changed", "environment protection")
        data = merged(data, {"pipetrail": {"control": told.control}})
    key = (KIND, name(entry, "_document_id") or content_key(entry))
    return there.fact(told.type, time, key, data, subject=action)


def _by_type(entry: Mapping[str, Any], told: Meaning) -> Data:
    if told.type == "role.changed":
        return {"user": {"target": _target(entry), "changes": {"permission": _permission(entry)}}}
    if told.type == "policy.bypassed":
        return {"event": {"reason": _reasons(entry)}, "pipetrail": {"control": told.control}}
    return {"pipetrail": {"control": told.control or None, "labels": audit_guard.labels(entry)}}


def _about(entry: Mapping[str, Any], place: Place) -> Data:
    action = name(entry, "action") or ""
    ref = (name(entry, "branch") or name(entry, "ref") or name(entry, "head_branch") or "").removeprefix(_BRANCHES)
    run = name(entry, "workflow_run_id")
    page = f"{place.repository}/actions/runs/{run}" if run and place.repository else None
    return {
        "event": {"action": action},
        "user": _user(entry),
        "vcs": {
            "ref": {
                "head": {
                    "name": ref,
                    "type": "branch" if ref else None,
                    "revision": full_revision(entry, "after") or full_revision(entry, "head_sha"),
                },
                "base": {"revision": revision(entry, "before")},
            },
            "change": {"id": _number(name(entry, "pull_request_url"))},
        },
        "cicd": {"pipeline": {"run": {"id": run, "url": {"full": page}}}},
        "deployment": {"environment": {"name": name(entry, "environment_name")}},
        "pipetrail": {
            "actor": {"type": _actor_type(entry)},
            "run": {"attempt": attempt_of(entry) if run else None},
            "labels": _labels(entry),
        },
    }


def _user(entry: Mapping[str, Any]) -> Data:
    """Who did it; nobody where no login is told: a policy knows people by names."""
    login = name(entry, "actor")
    if login is None:
        return {}
    return {"id": name(entry, "actor_id"), "name": login, "email": _mail(name(entry, "external_identity_nameid"))}


def _labels(entry: Mapping[str, Any]) -> Data:
    """Everything else that the entry says in plain values: what a setting was and is, from where it was done, with what."""
    labels: Data = {"country": name(entry, "actor_location.country_code")}
    for key in entry:
        if key not in _NO_LABELS and len(labels) < _MAX_LABELS:
            labels[label(str(key))] = said({"": entry[key]}, "")
    return labels


def _target(entry: Mapping[str, Any]) -> Data:
    """Whose access changed: a person, else a team, an app, a key, else the organization as a whole."""
    if user := name(entry, "user"):
        return {"id": name(entry, "user_id"), "name": user}
    for key in ("team", "integration", "title", "fingerprint", "name", "invitee", "email", "org", "business"):
        if found := said(entry, key):
            return {"name": f"{key} {found}" if key != "email" else found}
    return {"name": "unknown"}


def _permission(entry: Mapping[str, Any]) -> str | None:
    """What somebody got: told by a field, else by the action itself, or by the kind of key."""
    told = name(entry, "permission") or name(entry, "new_repo_permission") or name(entry, "new_role")
    action = name(entry, "action") or ""
    if told is None and action.endswith(_OWNERS):
        return "admin"
    if told is None and action.startswith(_KEYS) and (read_only := said(entry, "read_only")):
        return "read" if read_only == "true" else "write"
    return told


def _reasons(entry: Mapping[str, Any]) -> str | None:
    told = [name(one, "message") or name(one, "code") for one in items(entry, "reasons")]
    return cut("; ".join(filter(None, told))) or said(entry, "overridden_codes") or name(entry, "reason")


def _actor_type(entry: Mapping[str, Any]) -> str:
    actor = name(entry, "actor")
    if actor is None:
        return "unknown"
    return "app" if at(entry, "actor_is_bot") is True or actor.endswith("[bot]") else "user"


def _mail(identity: str | None) -> str | None:
    return identity if identity and "@" in identity else None


def _number(page: str | None) -> str | None:
    found = (page or "").rstrip("/").rpartition("/")[2]
    return found if found.isascii() and found.isdigit() else None
