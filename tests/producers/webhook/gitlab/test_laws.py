"""What holds of GitLab's translator whatever is sent."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipetrail_producers.webhook.gitlab import SYSTEM
from pipetrail_producers.webhook.translation import UntranslatableError
from support import gitlab, translator
from support.gitlab import Json
from support.translator import delivery


@pytest.mark.parametrize("payload", gitlab.SAMPLES)
def test_the_table_is_true(payload: Json) -> None:
    """What the documentation's table lists for a kind is what the translator makes of it."""
    told = SYSTEM.translate(delivery(payload))
    assert told.facts
    translator.assert_table_is_true(SYSTEM, told, SYSTEM.kind(delivery(payload)))
    translator.events(told)


@given(translator.damaged(gitlab.SAMPLES), st.sampled_from([{}, {"x-gitlab-event": "Push Hook"}]))
def test_any_damage_is_taken(payload: object, headers: dict[str, str]) -> None:
    """Whatever stands in whatever place, a delivery becomes valid events, a sentence or an UntranslatableError."""
    translator.assert_is_total(SYSTEM, delivery(payload, headers))


@given(translator.JSON, st.sampled_from(sorted(SYSTEM.kinds)))
def test_any_payload_under_any_name_is_taken(payload: object, kind: str) -> None:
    """A payload that has nothing but its kind is refused by name, or says nothing."""
    named = (
        {**payload, "object_kind": kind} if isinstance(payload, dict) else {"object_kind": kind, "object_attributes": payload}
    )
    translator.assert_is_total(SYSTEM, delivery(named))


def test_the_saved_hooks() -> None:
    """Every saved hook of GitLab's is known, and becomes valid events or is counted."""
    for file in translator.saved("gitlab"):
        payload = json.loads(file.read_bytes())
        assert SYSTEM.kind(delivery(payload)) in SYSTEM.kinds, file.name
        told = SYSTEM.translate(delivery(payload))
        assert told.facts or told.silent
        translator.events(told)


@pytest.mark.parametrize("text", [",pwd=x" * 400, "://:x@" * 400, "https://h/?" + "pwd=x&" * 99, "\ud800" * 2_000])
@pytest.mark.parametrize("payload", gitlab.SAMPLES)
def test_texts_that_grow_do_not_outgrow_the_schema(payload: Json, text: str) -> None:
    """Secrets, whose markers are longer than they are, and halves of surrogate pairs, in every text of a payload."""
    translator.assert_is_total(SYSTEM, delivery(grown(payload, text)))


def grown(value: Any, text: str) -> Any:
    """The payload with so much more behind each of its texts, but for those that decide what it is."""
    if isinstance(value, dict):
        kept = {"object_kind", "event_name", "action", "status", "build_status", "state", "event_type", "sha", "id", "after"}
        return {name: item if name in kept else grown(item, text) for name, item in value.items()}
    if isinstance(value, list):
        return [grown(item, text) for item in value]
    return value + text if isinstance(value, str) else value


def test_a_delivery_told_again_is_the_same_facts() -> None:
    """A redelivery makes the same ids, and no two facts of a delivery share one."""
    for payload in gitlab.SAMPLES:
        first, second = (SYSTEM.translate(delivery(payload)).facts for _ in range(2))
        assert [fact.id for fact in first] == [fact.id for fact in second]
        assert len({fact.id for fact in first}) == len(first)


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ({"object_kind": "frobnicate"}, "gitlab: kind 'frobnicate' is not known"),
        ([], "gitlab unnamed: the payload is no object"),
        ({"object_kind": "pipeline"}, "gitlab pipeline: object_attributes is missing"),
        (gitlab.pipeline(id=None), "gitlab pipeline: id is missing"),
        (gitlab.job("exploded"), "gitlab job: status 'exploded' is not known"),
        (gitlab.push(project={}), "gitlab push: project.web_url is missing"),
        (gitlab.push(before=gitlab.NONE, after=gitlab.NONE), "gitlab push: after is missing"),
    ],
)
def test_what_is_missing_is_named(payload: object, said: str) -> None:
    """A refusal names the system, the kind and the field."""
    with pytest.raises(UntranslatableError) as refusal:
        SYSTEM.translate(delivery(payload))
    assert said in str(refusal.value)


def test_the_header_names_the_kind_of_a_payload_that_does_not() -> None:
    """Where the payload has neither object_kind nor event_name, X-Gitlab-Event is read."""
    payload = {name: value for name, value in gitlab.push().items() if name not in {"object_kind", "event_name"}}
    assert SYSTEM.kind(delivery(payload, {"x-gitlab-event": "Push Hook"})) == "push"
    assert SYSTEM.kind(delivery({}, {"x-gitlab-event": "Job Hook"})) == "build"
    assert SYSTEM.kind(delivery({})) == "unnamed"
