"""The registry of event types, held against the standards that it names."""

import pytest
from pipetrail_schemas import check
from pipetrail_schemas.event import Event
from pipetrail_schemas.types import EVENT_TYPES, EventType, Stage

# ECS 8, "Categorization Field: event.category": the event.type values that it expects for each category.
EXPECTED_TYPES = {
    "configuration": {"access", "change", "creation", "deletion", "info"},
    "file": {"access", "change", "creation", "deletion", "info"},
    "host": {"access", "change", "end", "info", "start"},
    "iam": {"admin", "change", "creation", "deletion", "group", "info", "user"},
    "package": {"access", "change", "deletion", "info", "installation", "start"},
    "process": {"access", "change", "end", "info", "start"},
}
every_type = pytest.mark.parametrize("described", EVENT_TYPES.values(), ids=EVENT_TYPES)


@every_type
def test_category_and_types_are_a_pair_that_ecs_expects(described: EventType) -> None:
    """Dashboards made for ECS count our events where they belong."""
    assert set(described.types) <= EXPECTED_TYPES[described.category]


@every_type
def test_a_required_field_is_a_field(described: EventType) -> None:
    """A required path leads to a leaf of the model."""
    for path in described.required:
        found = check.field(f"data.{path}")
        assert found is not None
        assert found["type"] == "string"


@every_type
def test_a_type_is_found_by_both_of_its_names(described: EventType) -> None:
    """Short on the command line, full on the topic."""
    assert check.event_type(described.name) is check.event_type(described.full_name) is described
    assert described.full_name == f"dev.pipetrail.{described.name}.v1"


def test_every_stage_has_a_type_that_says_how_it_ended() -> None:
    """No stage of a trail without events."""
    assert {described.stage for described in EVENT_TYPES.values() if described.stage} == set(Stage)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("build.done", "of build there are: build.queued, build.started, build.finished"),
        ("dev.pipetrail.build.finished.v9", "of build there are"),
        ("deploy.finished", "starts with one of: push, commit, .*deployment"),
        ("", "starts with one of"),
    ],
)
def test_an_unknown_type_is_answered_with_the_known_ones(name: str, message: str) -> None:
    """The same subject's types, or all subjects."""
    with pytest.raises(ValueError, match=message):
        check.event_type(name)
    assert next(check.problems(name, {}))[0] == "type"


def test_fields_are_found_by_their_path() -> None:
    """Leaves, objects and free-form values have a schema; what is no field has none."""
    assert check.field("data.pipetrail.result") == {
        "type": "string",
        "enum": ["success", "failure", "error", "timeout", "cancellation", "skip"],
    }
    assert (check.field("data.vcs") or {})["type"] == "object"
    assert (check.field("data.pipetrail.labels.team") or {})["type"] == "string"
    assert check.field("data.vcs.colour") is None
    assert check.field("data.user.name.first") is None
    assert set(check.fields()["properties"]) == set(Event.model_fields)
