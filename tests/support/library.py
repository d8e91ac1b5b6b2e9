"""A library of deliveries in a real OpenSearch, for tests of what people ask of it."""

import json
import subprocess
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pipetrail_schemas.connection import OpenSearchConnection
from pipetrail_schemas.finding import Finding
from pipetrail_schemas.trail import Trail
from pipetrail_sinks.opensearch import indices, templates
from pipetrail_sinks.opensearch.client import Client as Writer
from pipetrail_sinks.opensearch.documents import FINDINGS_INDEX, TRAILS_INDEX, events_index
from support.deliveries import ANN, BOB, Document, digest, document, entry, finding, finding_ref, record, trail

Command = Callable[..., subprocess.CompletedProcess[str]]


@dataclass(frozen=True)
class Library:
    """What is indexed, all of it in a repository of its own, so that nothing else in the same OpenSearch is in the way."""

    connection: OpenSearchConnection
    repository: str
    run: str
    clean: Trail
    skipped: Trail
    failed: Trail
    alias: Trail
    override: Finding
    policy: Finding
    withdrawn: Finding


def fill(connection: OpenSearchConnection) -> Library:
    """Write four changes and three findings, with the mappings that the sinks make."""
    made = _library(connection)
    writer = Writer(connection.as_user("admin"))
    indices.apply(writer, templates.component(shards=1, replicas="0-1", refresh_s=1))
    lines: list[str] = []
    for one in (made.clean, made.skipped, made.failed, made.alias):
        add(lines, TRAILS_INDEX, one.pipetrail.trail.id, document(one))
        for at in one.pipetrail.trail.entries:
            content = at.model_dump(mode="json", exclude_none=True)
            # An event that joined by its run or digest does not name the trail.
            event = record(one, content, run=made.run if one is made.clean else None, linked=one is not made.clean)
            add(lines, events_index(content["time"]), at.event_id, event)
    for found in (made.override, made.policy, made.withdrawn):
        add(lines, FINDINGS_INDEX, found.pipetrail.finding.id, document(found))
    write(writer, "".join(lines))
    return made


def environment_of(connection: OpenSearchConnection) -> dict[str, str]:
    """The settings that make a process reach this cluster as the auditor."""
    as_auditor = connection.as_user("auditor")
    settings = {"PIPETRAIL_OPENSEARCH_URL": as_auditor.url, "PIPETRAIL_OPENSEARCH_CA_FILE": str(as_auditor.ca_file or "")}
    if as_auditor.user:
        settings |= {"PIPETRAIL_OPENSEARCH_USER": as_auditor.user, "PIPETRAIL_OPENSEARCH_PASSWORD": as_auditor.password or ""}
    return settings


def _library(connection: OpenSearchConnection) -> Library:
    # Commits begin with the same four digits, as they do by chance among many.
    mark = uuid.uuid4().hex
    where: Any = {"repository": f"https://forge.example/{mark}/shop"}
    deploy: Document = {"environment": "prod", "result": "success", "actor": ANN}
    wheel = digest(mark)

    clean = f"clean {mark}"
    clean_trail = trail(
        clean,
        [
            entry(clean, "commit.recorded", 0, actor=ANN),
            entry(clean, "build.finished", 10, name="wheel", result="success", duration_ms=4200),
            entry(clean, "deployment.finished", 60, **deploy, digest=wheel),
        ],
        revision=f"{mark}00000000",
        message="feat: a clean change",
        **where,
    )
    skipped = f"skipped {mark}"
    skip = entry(
        skipped, "taskrun.skipped", 120, stage="test", name="unit", skip="on_purpose", actor=BOB, reason=f"hotfix{mark}"
    )
    skipped_trail = trail(
        skipped,
        [
            entry(skipped, "commit.recorded", 100, actor=BOB),
            skip,
            entry(skipped, "deployment.finished", 160, **deploy, digest=wheel),
        ],
        revision=f"{mark}11111111",
        message="fix: in a hurry",
        findings=[finding_ref(skip, title="Bob Ray skipped the tests of what went to prod")],
        **where,
    )
    failed = f"failed {mark}"
    failed_at = entry(failed, "commit.recorded", 200, actor=ANN)
    failed_trail = trail(
        failed,
        [failed_at, entry(failed, "deployment.finished", 260, environment="prod", result="failure", actor=ANN)],
        revision=f"{mark}22222222",
        message="chore: fails",
        ticket=None,
        **where,
    )
    alias = f"alias {mark}"
    alias_trail = trail(
        alias,
        [entry(alias, "deployment.started", 50, environment="prod", digest=wheel)],
        revision=f"f{mark}0000000",
        message=None,
        merged_into=clean_trail.pipetrail.trail.id,
        **where,
    )
    return Library(
        connection=connection,
        repository=where["repository"],
        run=f"run-{mark}",
        clean=clean_trail,
        skipped=skipped_trail,
        failed=failed_trail,
        alias=alias_trail,
        override=finding(skipped_trail, skip, title="Bob Ray skipped the tests of what went to prod"),
        policy=finding(failed_trail, failed_at, "commit-without-ticket", category="policy", severity="low"),
        withdrawn=finding(clean_trail, {**failed_at, "event_id": mark}, "unknown-artifact-deployed", status="withdrawn"),
    )


def add(lines: list[str], index: str, identity: str, content: Document) -> None:
    """A document to be written, as lines of a bulk request."""
    lines.append(json.dumps({"index": {"_index": index, "_id": identity}}) + "\n" + json.dumps(content) + "\n")


def write(writer: Writer, body: str) -> None:
    """Send the bulk request."""
    answer = writer.request("POST", "/_bulk", body.encode(), params={"refresh": "true"}, ndjson=True)
    problems = [item["index"] for item in answer.body["items"] if item["index"]["status"] >= 300]
    assert (answer.status, problems) == (200, [])
