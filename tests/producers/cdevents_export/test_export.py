"""`pipetrail export cdevents`, and the CDEvents that it makes."""

import json
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner
from pipetrail_producers.cdevents_export.cdevent import _TYPES, cdevent
from pipetrail_producers.cdevents_export.commands import export
from pipetrail_producers.webhook.cdevents import SYSTEM
from pipetrail_producers.webhook.fact import Fact, event
from pipetrail_schemas.check import lookup
from pipetrail_schemas.types import EVENT_TYPES
from support import translator
from support.translator import RECEIVED, Event, delivery, short_types

COMMIT = "ab" * 20
DIGEST = "sha256:" + "5e" * 32
FULL: dict[str, Any] = {
    "user": {"name": "ann"},
    "event": {"reason": "slow", "action": "edited"},
    "vcs": {
        "repository": {"name": "shop", "url": {"full": "https://forge.example/pay/shop"}},
        "ref": {"head": {"name": "main", "type": "branch", "revision": COMMIT}},
        "change": {"id": "17", "title": "Retry"},
    },
    "cicd": {
        "pipeline": {
            "name": "ship",
            "run": {"id": "7", "url": {"full": "https://ci.example/7"}},
            "task": {"name": "unit", "run": {"id": "7.1", "url": {"full": "https://ci.example/7/1"}}},
        }
    },
    "artifact": {"hash": DIGEST, "filename": "shop.whl", "version": "1.4"},
    "deployment": {"environment": {"name": "prod"}, "name": "shop"},
    "service": {"name": "shop"},
    "pipetrail": {
        "result": "success",
        "ticket": {"id": "PAY-3", "url": {"full": "https://t.example/PAY-3"}},
        "labels": {"resolution": "completed"},
        "decision": "approved",
        "control": "gate",
        "skip": "on_purpose",
        "squash": {"head": "cd" * 20},
        "finding": {"id": "5f0c3d2e-9a41-5c7b-8d16-3e2f7a90b4c1"},
    },
}


def made(kind: str, data: dict[str, Any] = FULL) -> Event:
    """An event of a type."""
    data = {**data, "user": {**data.get("user", {}), "target": {"name": "bob"}}} if kind == "role.changed" else data
    fact = Fact(kind, RECEIVED, "test", "https://ci.example", "thing", "7", data)
    return event(fact, recorded=RECEIVED)


@pytest.mark.parametrize("kind", sorted(_TYPES))
def test_every_exported_type_is_what_the_schema_of_cdevents_wants(kind: str) -> None:
    """An export is valid by CDEvents' own schema of its type, and carries the whole event along."""
    told = cdevent(made(kind)).cdevent
    assert told is not None
    assert told["customData"]["data"]["user"]["name"] == "ann"
    subject, predicate = told["context"]["type"].split(".")[2:4]
    files = {file.stem: file for file in translator.saved("cdevents/v0.5.1/schemas")}
    schema = json.loads(files[f"{subject}{predicate}"].read_bytes())
    # Links are the only references, and none is exported.
    schema["properties"]["context"]["properties"].pop("links")
    jsonschema.Draft202012Validator(schema).validate(told)


@pytest.mark.parametrize("kind", sorted(_TYPES))
def test_what_is_exported_can_be_imported(kind: str) -> None:
    """An exported event comes back as the same type, of the same thing."""
    told = cdevent(made(kind)).cdevent
    back = translator.translated(SYSTEM, told)
    assert kind in short_types(back)
    data = next(one["data"] for one in back if short_types([one]) == [kind])
    for path in EVENT_TYPES[kind].required:
        if path != "cicd.pipeline.task.name":
            assert lookup(data, path) == lookup(FULL, path)


def test_what_cdevents_has_no_words_for_says_why() -> None:
    """A type that CDEvents lacks, a failed deployment, and an artifact of an unknown change are left out with the reason."""
    assert cdevent(made("policy.bypassed")).why == "CDEvents has no policy.bypassed"
    failed = {**FULL, "pipetrail": {"result": "failure"}}
    assert cdevent(made("deployment.finished", failed)).why.endswith("CDEvents has no deployments that did not succeed")
    assert "vcs.ref.head.revision is not told" in cdevent(made("artifact.packaged", {"artifact": {"hash": DIGEST}})).why
    assert cdevent({"type": "something.else"}).why


def test_all_types_are_exported_or_left_out_for_a_reason() -> None:
    """No type makes the export fail."""
    for kind in EVENT_TYPES:
        found = cdevent(made(kind))
        assert (found.cdevent is None) == bool(found.why)


def test_a_digest_is_always_in_the_artifacts_id() -> None:
    """Whatever package URL an artifact has, its digest can be read from the id, since deployments join by it."""
    for purl in (None, "pkg:pypi/shop@1.4", "pkg:npm/shop@1.4?arch=any", f"pkg:oci/shop@{DIGEST.replace(':', '%3A')}"):
        told = cdevent(made("artifact.published", {**FULL, "artifact": {"hash": DIGEST, "purl": purl}})).cdevent
        (back,) = translator.events(SYSTEM.translate(delivery(told)))
        assert back["data"]["artifact"]["hash"] == DIGEST


def test_the_command_writes_lines_and_counts_what_it_leaves_out() -> None:
    """Events in, CDEvents out; what has no words is counted, and what is no event ends with an exit code of its own."""
    lines = "\n".join(json.dumps(one) for one in (made("branch.created"), made("role.changed")))
    result = CliRunner().invoke(export, ["cdevents"], input=lines)
    assert result.exit_code == 0, result.output
    assert [json.loads(line)["context"]["type"] for line in result.stdout.splitlines()] == ["dev.cdevents.branch.created.0.3.0"]
    assert "1 left out: CDEvents has no role.changed" in result.stderr
    broken = CliRunner().invoke(export, ["cdevents"], input=lines + '\n{"specversion":"1.0"}\nnot json\n')
    assert broken.exit_code == 65
    assert len(broken.stdout.splitlines()) == 1
    assert "standard input:3 is no event" in broken.stderr
