"""The contract's rules, each with samples that break it: refused by all, and the field is named by all."""

import copy
import json
from typing import Any

import pytest
from pipetrail_schemas import check, codec
from pipetrail_schemas.errors import InvalidEventError
from pipetrail_schemas.types import EVENT_TYPES
from support.golden import SAMPLES, validator

ABSENT = object()
BOOLEAN = True  # a whole number to Python, not to the contract
LONG = "x" * 4097
SHA = "0123456789abcdef0123456789abcdef01234567"

# Sample, field, value that is not allowed, and whether a plain JSON Schema validator misses it (formats are annotations there).
Case = tuple[str, str, Any, bool]


def _cases(sample: str, field: str, *values: Any, only_ours: bool = False) -> list[Case]:
    return [(sample, field, value, only_ours) for value in values]


BROKEN: list[Case] = [
    *[
        case
        for field in ("specversion", "id", "source", "type", "time", "recordedtime")
        for case in _cases("build.finished", field, ABSENT)
    ],
    *[case for field in ("partitionkey", "data", "specversion", "id") for case in _cases("build.finished", field, None)],
    *_cases("build.finished", "specversion", "0.3", 1.0),
    *_cases("build.finished", "id", "7731", "9F595246-97AD-52A0-B620-2FBEED8E19B3", 5),
    *_cases("build.finished", "source", "ci.example.com", "https://a b", "https:"),
    *_cases("build.finished", "type", "build.finished", "dev.pipetrail.build.exploded.v1", 7),
    *_cases("build.finished", "time", 1700000000, None),
    *_cases(
        "build.finished",
        "time",
        "2026-11-23",
        "2026-11-23T09:02:11",
        "2026-13-01T00:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "yesterday",
        only_ours=True,
    ),
    *_cases("build.finished", "recordedtime", "", "2026-W48-1T09:00:00Z", only_ours=True),
    *_cases("build.finished", "partitionkey", "", LONG),
    *_cases("build.finished", "datacontenttype", "text/plain", "application/xml"),
    *_cases("build.finished", "subject", "", 12),
    *_cases("build.finished", "data", [], "text"),
    *_cases("build.finished", "data.user.name", "", LONG, 5, ["ann"]),
    *_cases("build.finished", "data.user", "ann", []),
    *_cases("build.finished", "data.event.duration", -1, 2**63, "5", 1.5, BOOLEAN),
    *_cases("build.finished", "data.event.reason", "x" * 10_001, {}),
    *_cases("build.finished", "data.event.start", 0, []),
    *_cases("push.received", "data.vcs.ref.head.revision", "abc", SHA.upper(), SHA + "0"),
    *_cases("push.received", "data.vcs.ref.head.type", "trunk", ""),
    *_cases("change.merged", "data.vcs.change.state", "done", 1),
    *_cases("change.merged", "data.vcs.change.url.full", "/changes/58", ABSENT),
    *_cases("change.merged", "data.pipetrail.change.merge_revision", SHA[:12], "HEAD"),
    *_cases("commit.recorded", "data.pipetrail.commit.parents.0", SHA[:12], 5),
    *_cases("commit.recorded", "data.pipetrail.commit.signature.state", "signed", ABSENT),
    *_cases("commit.recorded", "data.pipetrail.commit.trailers.Reviewed-by", "ann", [5]),
    *_cases(
        "artifact.packaged", "data.artifact.hash", "latest", "sha256:" + "a" * 63, "sha256:" + "a" * 128, "md5:" + "a" * 32
    ),
    *_cases("artifact.packaged", "data.artifact.purl", "ferry-booking", "pkg:Pypi/x"),
    *_cases("artifact.packaged", "data.artifact.size", -1, "18 MB"),
    *_cases("build.finished", "data.pipetrail.result", "passed", "SUCCESS", 0),
    *_cases("taskrun.skipped", "data.pipetrail.skip", "skipped", BOOLEAN),
    *_cases("approval.decided", "data.pipetrail.decision", "yes", "maybe"),
    *_cases("approval.decided", "data.pipetrail.actor.type", "human", "bot"),
    *_cases("approval.decided", "data.pipetrail.ticket.id", "", ABSENT),
    *_cases("approval.decided", "data.deployment.environment.name", "", ABSENT),
    *_cases("testsuiterun.finished", "data.pipetrail.test.total", -1, ABSENT),
    *_cases("pipelinerun.started", "data.pipetrail.run.attempt", 0, "1"),
    *_cases("artifact.attested", "data.pipetrail.labels.predicate", "", 5),
]
REQUIRED = [(name, f"data.{path}") for name, described in EVENT_TYPES.items() for path in described.required]


def _with(sample: dict[str, Any], field: str, value: Any) -> dict[str, Any]:
    broken = copy.deepcopy(sample)
    *way, last = field.split(".")
    inner: Any = broken
    for name in way:
        inner = inner[int(name)] if isinstance(inner, list) else inner.setdefault(name, {})
    if value is ABSENT:
        del inner[last]
    else:
        inner[int(last) if isinstance(inner, list) else last] = value
    return broken


def _fields(problems: list[tuple[str, str]]) -> set[str]:
    return {field for field, _ in problems}


def _is_named(field: str, problems: list[tuple[str, str]]) -> bool:
    return any(named == field or named.startswith(f"{field}.") for named in _fields(problems))


@pytest.mark.parametrize(("name", "field", "value", "only_ours"), BROKEN)
def test_a_broken_rule_is_refused_and_its_field_is_named(name: str, field: str, value: Any, *, only_ours: bool) -> None:
    """Codec and check refuse it, both name the field, and JSON Schema sees it too where it can."""
    broken = _with(SAMPLES[name], field, value)
    with pytest.raises(InvalidEventError) as refusal:
        codec.validate(broken)
    assert _is_named(field, refusal.value.problems)
    assert _is_named(field, list(check.event_problems(broken)))
    assert validator(name).is_valid(broken) == only_ours


@pytest.mark.parametrize("value", [ABSENT, None, ""])
@pytest.mark.parametrize(("name", "field"), REQUIRED)
def test_what_a_type_requires_must_be_there(name: str, field: str, value: Any) -> None:
    """Absent, null and empty are the same: refused by codec, check and schema, with the field's name."""
    broken = _with(SAMPLES[name], field, value)
    with pytest.raises(InvalidEventError) as refusal:
        codec.validate(broken)
    assert field in _fields(refusal.value.problems)
    assert field in _fields(list(check.problems(name, broken["data"])))
    assert not validator(name).is_valid(broken)


@pytest.mark.parametrize(
    "field", ["colour", "data.colour", "data.user.shoe", "data.pipetrail.commit.colour", "data.vcs.ref.tail"]
)
def test_an_unknown_field_may_not_be_written_but_is_kept_on_reading(field: str) -> None:
    """Writers' rules forbid it and name it, also when the event was read before; readers' rules keep its value."""
    broken = _with(SAMPLES["commit.recorded"], field, "green")
    with pytest.raises(InvalidEventError, match=f"{field}: is not a field of the schema"):
        codec.validate(broken)
    assert _fields(list(check.event_problems(broken))) == {field}
    assert list(check.event_problems(broken, unknown_allowed=True)) == []
    read = codec.decode(json.dumps(broken).encode())
    assert check.lookup(read.model_dump(), field) == "green"
    with pytest.raises(InvalidEventError, match="is not a field of the schema"):
        codec.encode(read)


def test_every_problem_is_named_at_once() -> None:
    """Two broken fields and a missing one are all in the message, so that nobody mends an event in three rounds."""
    broken = _with(
        _with(_with(SAMPLES["build.finished"], "id", "x"), "data.artifact.hash", "y"), "data.pipetrail.result", ABSENT
    )
    with pytest.raises(InvalidEventError) as refusal:
        codec.validate(broken)
    assert _fields(refusal.value.problems) == {"id", "data.artifact.hash", "data.pipetrail.result"}
    assert all(field in str(refusal.value) for field in ("id", "data.artifact.hash", "data.pipetrail.result"))
