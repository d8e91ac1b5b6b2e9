"""Deliveries as documents, for tests of what people are shown: trails, findings and records, built from the models."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

from pipetrail_schemas.finding import SEVERITY_NUMBERS, Finding
from pipetrail_schemas.ids import event_id, finding_id, trail_id
from pipetrail_schemas.times import format_time
from pipetrail_schemas.trail import Trail
from pipetrail_schemas.types import EVENT_TYPES

REPOSITORY = "https://forge.example/pay/shop"
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
START = datetime(2026, 11, 23, 9, 2, 11, tzinfo=UTC)
ANN = {"name": "Ann Lee", "email": "ann@forge.example"}
BOB = {"name": "Bob Ray", "email": "bob@forge.example"}

Document = dict[str, Any]


def commit_id(name: str) -> str:
    """A full commit id that depends on the name alone."""
    return hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest()


def digest(name: str) -> str:
    """An artifact's digest that depends on the name alone."""
    return "sha256:" + hashlib.sha256(name.encode()).hexdigest()


def entry(trail: str, kind: str, after_s: float, **fields: Any) -> Document:
    """A timeline entry of a type, so many seconds after the commit."""
    described = EVENT_TYPES[kind]
    identity = event_id(provider="test", instance=REPOSITORY, kind=kind, native_id=f"{trail} {after_s}")
    return {
        "event_id": identity,
        "type": kind,
        "time": format_time(START + timedelta(seconds=after_s)),
        "stage": described.stage,
        **fields,
    }


def trail(
    name: str,
    entries: list[Document],
    *,
    stages: list[Document] | None = None,
    findings: list[Document] | None = None,
    message: str | None = "fix: retry on 503",
    ticket: str | None = "PAY-17",
    repository: str = REPOSITORY,
    merged_into: str | None = None,
    revision: str | None = None,
) -> Trail:
    """The trail of the commit that `name` gives."""
    commit = revision or commit_id(name)
    found = findings or []
    times = [one["time"] for one in entries]
    state = {
        "id": trail_id(repository, commit),
        "revision": len(entries),
        "entries": entries,
        "stages": _stages(entries) if stages is None else stages,
        "deployments": [],
        "findings": found,
        "overrides": sum(one["category"] == "override" for one in found),
        "merged_into": merged_into,
    }
    return Trail.model_validate(
        {
            "@timestamp": max(times),
            "started": min(times),
            "message": message,
            "user": ANN,
            "vcs": {
                "repository": {"url": {"full": repository}},
                "ref": {"head": {"name": "main", "revision": commit}},
            },
            "related": {"hash": sorted({commit, *(one["digest"] for one in entries if "digest" in one)})},
            "pipetrail": {"trail": state, "ticket": {"id": ticket} if ticket else None},
        }
    )


def finding_ref(at: Document, rule: str = "required-stage-skipped", **fields: Any) -> Document:
    """A trail's reference to a finding at an entry."""
    return {
        "id": finding_id(rule, [at["event_id"]]),
        "rule": rule,
        "title": "Ann Lee skipped the tests of what went to prod",
        "category": "override",
        "severity": "high",
        "event_id": at["event_id"],
        **fields,
    }


def finding(of: Trail, at: Document, rule: str = "required-stage-skipped", **fields: Any) -> Finding:
    """The finding at an entry of a trail. `fields` replace those of `pipetrail.finding`."""
    ref = finding_ref(at, rule)
    state = {
        **{name: ref[name] for name in ("id", "title", "category", "severity")},
        "revision": 1,
        "runbook": ["Ask Ann Lee why.", "Run the tests of this commit."],
        "evidence": [at["event_id"]],
        **fields,
    }
    severity = SEVERITY_NUMBERS[state["severity"]]
    return Finding.model_validate(
        {
            "@timestamp": at["time"],
            "event": {"id": state["id"], "severity": severity, "reason": at.get("reason")},
            "rule": {
                "id": rule,
                "name": "Required stage skipped",
                "version": "1",
                "description": "Untested code reached people.",
            },
            "message": state["title"],
            "user": at.get("actor"),
            "vcs": of.vcs.model_dump(exclude_none=True),
            "deployment": {"environment": {"name": "prod"}},
            "pipetrail": {
                "finding": state,
                "trail": {"id": of.pipetrail.trail.id},
                "ticket": of.pipetrail.ticket.model_dump(exclude_none=True) if of.pipetrail.ticket else None,
            },
        }
    )


def record(of: Trail, at: Document, *, run: str | None = None, linked: bool = True) -> Document:
    """The indexed event behind an entry of a trail. `linked`: it names its trail itself."""
    described = EVENT_TYPES[at["type"]]
    event = {"id": at["event_id"], "kind": "event", "category": [described.category], "action": at["type"]}
    own: Document = {"type": described.full_name, "event_type": at["type"]}
    own.update({name: at[name] for name in ("result", "skip", "decision") if name in at})
    if at.get("stage"):
        own["stage"] = at["stage"]
    if linked:
        own["trail"] = {"id": of.pipetrail.trail.id}
    document: Document = {
        "@timestamp": at["time"],
        "event": event | ({"reason": at["reason"]} if "reason" in at else {}),
        "vcs": of.vcs.model_dump(exclude_none=True),
        "pipetrail": own,
    }
    if "actor" in at:
        document["user"] = at["actor"]
    if "environment" in at:
        document["deployment"] = {"environment": {"name": at["environment"]}}
    if "digest" in at:
        document["artifact"] = {"hash": at["digest"], "filename": at.get("name", "file")}
    elif run or "name" in at:
        document["cicd"] = {"pipeline": {"task": {"name": at.get("name", "task")}}}
        if run:
            document["cicd"]["pipeline"]["run"] = {"id": run}
    return document


def skipped_tests() -> tuple[Trail, Finding]:
    """A change whose tests were skipped and that was deployed all the same, with its finding."""
    name = "skipped tests"
    skip = entry(name, "taskrun.skipped", 291, stage="test", name="unit", skip="on_purpose", actor=ANN, reason="hotfix")
    entries = [
        entry(name, "commit.recorded", 0, actor=ANN),
        entry(name, "build.started", 264, name="wheel"),
        entry(name, "build.finished", 269, name="wheel", result="success", duration_ms=4200),
        skip,
        entry(name, "artifact.packaged", 295, name="shop.whl", digest=digest("shop")),
        entry(name, "deployment.finished", 319, environment="prod", result="success", digest=digest("shop"), actor=ANN),
    ]
    made = trail(name, entries, findings=[finding_ref(skip)])
    return made, finding(made, skip)


def document(model: Trail | Finding) -> Document:
    """The document as it is indexed."""
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


def _stages(entries: list[Document]) -> list[Document]:
    states = {}
    for one in sorted(entries, key=lambda one: one["time"]):
        if one["stage"]:
            fields = ("stage", "result", "skip", "time", "event_id")
            state = {name: one[name] for name in fields if name in one}
            decided = {"approved": "success", "rejected": "failure"}.get(one.get("decision", ""))
            states[one["stage"]] = {**state, "result": decided} if decided else state
    return list(states.values())
