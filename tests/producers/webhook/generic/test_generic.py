"""The mapping of in-house systems: what its rules say becomes facts, and what is wrong with them is said at the start."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pipetrail_producers.webhook import fact
from pipetrail_producers.webhook.delivery import Delivery
from pipetrail_producers.webhook.generic import SYSTEM, MappingError, compile_mapping
from pipetrail_producers.webhook.translation import Translation, UntranslatableError
from pipetrail_schemas import codec

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SHA = "8f2c1ab0" * 5
MAPPING: list[dict[str, Any]] = [
    {"kind": "heartbeat", "when": 'payload.event == "ping"', "silent": "it says nothing about delivery"},
    {
        "kind": "build",
        "when": 'payload.event == "build" && has(payload.ended)',
        "type": "build.finished",
        "id": "payload.number",
        "time": "payload.ended",
        "attempt": "payload.attempt",
        "fields": {
            "vcs.repository.url.full": "payload.repository",
            "vcs.ref.head.revision": "payload.commit",
            "pipetrail.result": 'payload.ok ? "success" : "failure"',
            "pipetrail.labels.team": "headers['x-team']",
            "user.name": "payload.user.login",
        },
    },
    {
        "kind": "deployments",
        "when": "has(payload.deployments)",
        "each": "payload.deployments",
        "type": "deployment.finished",
        "id": "item.id",
        "fields": {"deployment.environment.name": "item.to", "pipetrail.result": "item.result"},
    },
]
BUILD = {
    "event": "build",
    "number": 18,
    "ended": "2026-11-23T09:06:40Z",
    "attempt": 2,
    "repository": "git@git.acme.example:pay/shop.git",
    "commit": SHA,
    "ok": True,
}


def delivery(payload: Any, mapping: Any = MAPPING, **headers: str) -> Delivery:
    """A delivery to a source with that mapping."""
    return Delivery(headers, payload, NOW, instance="https://ci.acme.example", settings={"mapping": mapping})


def translated(payload: Any) -> list[dict[str, Any]]:
    """The events of a payload."""
    return [fact.event(one, recorded=NOW) for one in SYSTEM.translate(delivery(payload)).facts]


def test_a_rule_says_what_a_delivery_is() -> None:
    """Type, id, time, attempt and fields come from the first rule that holds; a repository gets its one spelling."""
    (event,) = translated(BUILD)
    decoded = codec.validate(event)
    assert (decoded.kind.name, decoded.time) == ("build.finished", datetime(2026, 11, 23, 9, 6, 40, tzinfo=UTC))
    assert (decoded.repository, decoded.commit, decoded.result) == ("https://git.acme.example/pay/shop", SHA, "success")


def test_the_id_is_the_systems_own() -> None:
    """The same number and attempt give the same id whatever else the payload says; another attempt gives another one."""
    first, again, retried = (translated({**BUILD, **change})[0] for change in ({}, {"ok": False}, {"attempt": 3}))
    assert first["id"] == again["id"] != retried["id"]


def test_what_is_not_there_is_left_out() -> None:
    """A field whose expression asks for what the payload or the headers do not have is absent, and the rest stays."""
    data = dict(SYSTEM.translate(delivery(BUILD)).facts[0].data)
    assert "user" not in data
    assert "labels" not in data["pipetrail"]
    with_team = SYSTEM.translate(delivery(BUILD, **{"x-team": "pay"})).facts[0].data
    assert with_team["pipetrail"]["labels"] == {"team": "pay"}


def test_each_member_of_a_list_is_a_fact() -> None:
    """`each` makes one fact of every member."""
    members = [{"id": 1, "to": "prod", "result": "success"}, {"id": 2, "to": "test", "result": "failure"}]
    events = translated({"deployments": members})
    assert [event["data"]["deployment"]["environment"]["name"] for event in events] == ["prod", "test"]
    assert len({event["id"] for event in events}) == len(members)


def test_a_silent_rule_says_why() -> None:
    """A kind that says nothing about delivery is told apart from one that nobody thought of."""
    assert SYSTEM.translate(delivery({"event": "ping"})) == Translation(silent="it says nothing about delivery")
    assert SYSTEM.kind(delivery({"event": "ping"})) == "heartbeat"


@pytest.mark.parametrize(
    ("payload", "told"),
    [
        ({"event": "other"}, "no rule of the mapping holds"),
        ([], "no rule of the mapping holds"),
        ({**BUILD, "number": None}, "build: id gives neither text nor whole number"),
        ({**BUILD, "ended": "yesterday"}, "build: time gives no time"),
        ({**BUILD, "commit": "main"}, "build: data.vcs.ref.head.revision: must be a commit id"),
        ({**BUILD, "repository": "shop"}, "build: vcs.repository.url.full: 'shop' names no repository"),
        ({**BUILD, "ok": "yes"}, "build: pipetrail.result: "),
        ({"deployments": "all"}, "deployments: each is str, not a list"),
        ({"deployments": [{"id": 1, "to": "prod"}]}, "deployments: data.pipetrail.result: is required"),
    ],
)
def test_what_cannot_be_said_is_refused(payload: Any, told: str) -> None:
    """The refusal names the rule and the field."""
    with pytest.raises(UntranslatableError) as refused:
        SYSTEM.translate(delivery(payload))
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("mapping", "place", "told"),
    [
        ([], (), "must be a list of rules"),
        ([{"kind": "a"}], (0, "when"), "is needed"),
        ([{**MAPPING[1], "type": "build.done"}], (0, "type"), "of build there are: build.queued"),
        ([{**MAPPING[1], "typ": "x"}], (0, "typ"), "allowed: attempt, each"),
        ([MAPPING[0], {**MAPPING[1], "id": "payload."}], (1, "id"), "is no CEL expression"),
        ([{**MAPPING[1], "id": "body.id"}], (0, "id"), "'body' is not known here"),
        ([{**MAPPING[1], "fields": {"vcs.repo": "1"}}], (0, "fields", "vcs.repo"), "is no field of an event"),
        ([{**MAPPING[1], "fields": {"vcs": "payload"}}], (0, "fields", "vcs"), "is no field of an event"),
    ],
)
def test_a_wrong_mapping_names_the_place(mapping: Any, place: tuple[str | int, ...], told: str) -> None:
    """What is wrong is known before the first delivery, with the place in the file and what is allowed there."""
    with pytest.raises(MappingError) as refused:
        compile_mapping(mapping)
    assert refused.value.place == place
    assert told in str(refused.value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(name=st.sampled_from([*BUILD, "deployments"]), value=json_values)
def test_any_value_anywhere_gives_valid_events_or_a_refusal(name: str, value: Any) -> None:
    """Whatever stands in a member of the payload: valid events or UntranslatableError, nothing else."""
    try:
        found = SYSTEM.translate(delivery({**BUILD, name: value}))
    except UntranslatableError:
        return
    for one in found.facts:
        codec.validate(fact.event(one, recorded=NOW))
