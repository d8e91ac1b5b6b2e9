"""What other systems really send, through the door: headers and masking leave translators all that they need."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipetrail_producers.collector.making import DEAD, make
from pipetrail_producers.redact import Redactor
from support.collector import listening
from support.translator import saved

SOURCES = "sources:\n" + "".join(
    f"  - {{name: {system}, system: {system}, unsigned: true}}\n"
    for system in ("github", "gitlab", "jenkins", "argocd", "tekton", "cdevents", "hoop")
)


# Saved apart from the rest, under names of their own.
GITHUB_KINDS = {
    "deployment_protection_rule.requested.ost-environment-gate.json": "deployment_protection_rule",
    "published.docker.payload.json": "registry_package",
    "reopened.payload.json": "secret_scanning_alert",
}


def deliveries() -> Iterator[tuple[str, Mapping[str, str], Any, Path]]:
    """System, headers, payload and file of every saved payload that a system sends."""
    for file in saved("github/webhooks"):
        if file.name != "INDEX.json":
            yield "github", {"x-github-event": file.parent.name}, json.loads(file.read_bytes()), file
    for file in saved("github"):
        if kind := GITHUB_KINDS.get(file.name):
            yield "github", {"x-github-event": kind}, json.loads(file.read_bytes()), file
    for folder in ("jenkins/cloudevents-plugin", "tekton"):
        for file in saved(folder):
            whole = json.loads(file.read_bytes())
            yield folder.partition("/")[0], whole["headers"], whole["body"], file
    for system in ("gitlab", "argocd", "cdevents", "hoop"):
        for file in saved(system):
            payload = json.loads(file.read_bytes())
            # The folders hold schemas, too.
            if "properties" not in payload and "$schema" not in payload and (system != "cdevents" or "context" in payload):
                yield system, {}, payload, file


def test_all_that_systems_send_is_understood(tmp_path: Path) -> None:
    """Every saved payload is answered with 2xx, and becomes events or a count; none is a dead letter."""
    told = list(deliveries())
    with listening(tmp_path, SOURCES) as collector:
        statuses = Counter(
            collector.post(f"/hooks/{system}", json.dumps(payload).encode(), headers).status_code
            for system, headers, payload, _ in told
        )
        assert statuses == {202: len(told)}
        made = [make(entry, 0, collector.sources.by_name[entry.source], Redactor({})) for entry in collector.entries()]
    refused = {
        str(file): dict(one.messages[0].headers)["error"]
        for (_, _, _, file), one in zip(told, made, strict=True)
        if one.outcome == DEAD
    }
    assert refused == {}
