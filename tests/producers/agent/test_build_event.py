"""How an event is put together: what was said beats the environment, which beats what was found."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipetrail_producers.build_event import Fact, build, put, said
from pipetrail_producers.ci.context import Context
from pipetrail_schemas import codec
from pipetrail_schemas.errors import InvalidEventError

NOW = datetime(2026, 11, 23, 9, 2, 11, tzinfo=UTC)
REPOSITORY = "https://git.example/shop"
CONTEXT = Context(
    provider="github",
    instance="https://git.example",
    repository=REPOSITORY,
    repository_name="shop",
    commit="a" * 40,
    ref_name="main",
    ref_type="branch",
    run_id="17",
    run_attempt=2,
    actor_name="ada",
    actor_id="5",
    actor_email="ada@shop.example",
    actor_type="user",
)


def test_an_event_says_where_and_who_from_the_context() -> None:
    """Repository, commit, run, attempt and actor come from the CI system, and the whole contract accepts the event."""
    event = codec.validate(build(Fact("build.started", NOW), CONTEXT, recorded=NOW))
    assert (event.repository, event.commit, event.actor) == (REPOSITORY, "a" * 40, "ada")
    assert event.extra.run is not None
    assert event.extra.run.attempt == 2
    assert event.partitionkey == REPOSITORY


def test_what_is_said_beats_the_environment_which_beats_what_was_found() -> None:
    """An option wins over its PIPETRAIL_ variable, and that over the CI system."""
    env = {"PIPETRAIL_ACTOR": "ben", "PIPETRAIL_RUN_ID": "18"}
    told = said(CONTEXT, env, actor_name="eve", environment=None)
    assert (told.actor_name, told.run_id, told.environment) == ("eve", "18", None)


def test_another_actor_does_not_keep_the_address_of_the_first() -> None:
    """A name that was said is not joined with the id and address of somebody else."""
    told = said(CONTEXT, {}, actor_name="ben")
    assert (told.actor_id, told.actor_email) == (None, None)


def test_another_repository_does_not_keep_the_commit_of_the_first() -> None:
    """What git found in the current folder says nothing about another repository."""
    told = said(CONTEXT, {"PIPETRAIL_REPOSITORY": "https://git.example/other"})
    assert (told.repository, told.repository_name, told.commit) == ("https://git.example/other", "other", None)


def test_a_text_that_names_no_repository_is_refused_by_field() -> None:
    """The error names the field and what is allowed."""
    with pytest.raises(InvalidEventError, match=r"vcs\.repository\.url\.full.*https://host/path"):
        said(CONTEXT, {"PIPETRAIL_REPOSITORY": "shop"})


def test_an_event_without_a_repository_is_keyed_by_its_alias() -> None:
    """A deployment that is known by its artifact alone goes where that artifact's events meet."""
    digest = "sha256:" + "b" * 64
    lost = Context(provider="local", instance="file://host")
    values = {"deployment.environment.name": "prod", "artifact.hash": digest}
    assert build(Fact("deployment.started", NOW, values), lost, recorded=NOW)["partitionkey"] == digest


def test_started_and_finished_of_one_fact_are_two_events() -> None:
    """One native id gives each state an id of its own, and always the same."""
    started = Fact("build.started", NOW, native_id="k")
    finished = Fact("build.finished", NOW, {"pipetrail.result": "success"}, native_id="k")
    first, second, again = (build(fact, CONTEXT, recorded=NOW)["id"] for fact in (started, finished, started))
    assert first == again
    assert first != second


def test_a_missing_field_is_named() -> None:
    """An event that says nothing is refused with the field that it lacks."""
    with pytest.raises(InvalidEventError, match=r"data\.pipetrail\.result: is required for build\.finished"):
        build(Fact("build.finished", NOW), CONTEXT, recorded=NOW)


def test_a_value_cannot_hold_fields() -> None:
    """A path through a value is refused instead of overwriting it."""
    with pytest.raises(InvalidEventError, match=r"user\.name\.first"):
        put({"user": {"name": "ada"}}, "user.name.first", "ada")


@given(st.lists(st.from_regex(r"[a-z]{1,5}", fullmatch=True), min_size=1, max_size=5), st.integers())
def test_what_is_put_is_found(path: list[str], value: int) -> None:
    """Whatever the path, the value stands there."""
    data: dict[str, object] = {}
    put(data, ".".join(path), value)
    found: object = data
    for name in path:
        assert isinstance(found, dict)
        found = found[name]
    assert found == value
