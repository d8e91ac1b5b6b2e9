"""hoop's webhooks as pipetrail's events."""

import base64
import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from pipetrail_producers.webhook.hoop import SYSTEM
from pipetrail_producers.webhook.translation import UntranslatableError
from support import translator
from support.translator import delivery, short_types, translated

SESSION = "5bd0b7b2-40f5-4f0f-9f0a-6d2f0a1c3e55"
TYPED = b"UPDATE accounts SET balance = 0"


def opened(**more: Any) -> dict[str, Any]:
    """A session that was opened by Ann on a database."""
    return {
        "event_type": "session.open",
        "id": SESSION,
        "user_id": "idp|117",
        "user_email": "ann@pay.example",
        "connection": "accounts-db",
        "connection_type": "database",
        "command": ["psql", "-h", "db"],
        "verb": "exec",
        "input": base64.b64encode(TYPED).decode(),
        "input_size": len(TYPED),
        "is_input_truncated": False,
        "input_envs": ["PGUSER"],
        "review": None,
        **more,
    }


def reviewed(status: str) -> dict[str, Any]:
    """The session with a review in a state."""
    return opened(review={"type": "onetime", "status": status, "owner_email": "ann@pay.example"})


CLOSED = {"event_type": "session.close", "id": SESSION, "exit_code": 1, "exit_err": "connection reset"}
CARD = {
    "type": "message",
    "attachments": [
        {
            "contentType": "application/vnd.microsoft.card.adaptive",
            "content": {
                "type": "AdaptiveCard",
                "body": [
                    {"type": "TextBlock", "text": "Session Created"},
                    {"type": "TextBlock", "text": f"[{SESSION}](https://hoop.example/sessions/{SESSION})"},
                    {
                        "type": "FactSet",
                        "facts": [
                            {"title": "Created By", "value": "Ann Lee | ann@pay.example"},
                            {"title": "Approval Groups", "value": '["dba" "security"]'},
                            {"title": "Session Time", "value": "`-`"},
                            {"title": "Connection", "value": "accounts-db"},
                        ],
                    },
                ],
            },
        }
    ],
}


def test_a_session_is_an_intervention_of_its_user() -> None:
    """A session names who opened it, on what, and with which command."""
    (event,) = translated(SYSTEM, opened(), instance="https://hoop.example")
    data = event["data"]
    assert short_types([event]) == ["intervention.recorded"]
    assert data["user"] == {"id": "idp|117", "name": "ann@pay.example", "email": "ann@pay.example"}
    assert data["event"]["action"] == "session_open"
    assert data["pipetrail"]["command"]["argv"] == ["psql", "-h", "db"]
    assert data["pipetrail"]["labels"]["connection"] == "accounts-db"
    assert data["pipetrail"]["labels"]["page"] == f"https://hoop.example/sessions/{SESSION}"


def test_what_was_typed_stays_with_hoop() -> None:
    """Of the input only its size and digest are recorded: it may hold whatever a database holds."""
    (event,) = translated(SYSTEM, opened())
    assert event["data"]["pipetrail"]["labels"]["input_sha256"] == hashlib.sha256(TYPED).hexdigest()
    assert "balance" not in json.dumps(event)
    assert base64.b64encode(TYPED).decode() not in json.dumps(event)


@pytest.mark.parametrize(
    ("status", "types", "decision"),
    [
        ("PENDING", ["approval.requested"], None),
        ("PROCESSING", ["approval.decided", "intervention.recorded"], "approved"),
        ("APPROVED", ["approval.decided", "intervention.recorded"], "approved"),
        ("EXECUTED", ["approval.decided", "intervention.recorded"], "approved"),
        ("REJECTED", ["approval.decided"], "rejected"),
        ("REVOKED", ["approval.decided"], "dismissed"),
        ("UNKNOWN", ["intervention.recorded"], None),
    ],
)
def test_a_review_decides_whether_the_session_was_let_in(status: str, types: list[str], decision: str | None) -> None:
    """A session that waits or was refused is no intervention yet; what runs was approved, by whom is not told."""
    made = translated(SYSTEM, reviewed(status))
    assert short_types(made) == types
    if decision:
        assert made[0]["data"]["pipetrail"]["decision"] == decision
        assert "name" not in made[0]["data"]["user"]
        assert made[0]["data"]["user"]["target"]["email"] == "ann@pay.example"


def test_the_end_of_a_session_has_its_exit_code() -> None:
    """0 is a success, another code a failure, -100 is hoop's word for not knowing."""
    results = {}
    for code in (0, 1, -100):
        (event,) = translated(SYSTEM, {**CLOSED, "exit_code": code})
        results[code] = event["data"]["pipetrail"].get("result")
        assert event["data"]["pipetrail"]["result_raw"] == str(code)
    assert results == {0: "success", 1: "failure", -100: None}


def test_a_card_asks_for_the_same_review_as_the_session_that_waits() -> None:
    """The card for people and the waiting session are one request with one id."""
    (card,) = translated(SYSTEM, CARD)
    (session,) = translated(SYSTEM, reviewed("PENDING"))
    assert card["id"] == session["id"]
    assert card["data"]["user"]["email"] == "ann@pay.example"
    assert card["data"]["pipetrail"]["labels"]["reviewers"] == "dba security"


def test_open_and_close_are_two_facts() -> None:
    """A session's two ends have ids of their own, which stay on redelivery."""
    ids = [translated(SYSTEM, payload)[0]["id"] for payload in (opened(), CLOSED, opened(), CLOSED)]
    assert ids[:2] == ids[2:]
    assert ids[0] != ids[1]


def test_what_is_missing_is_named() -> None:
    """A session without an id, a card without a session and an unknown type are refused by name."""
    with pytest.raises(UntranslatableError, match=r"hoop session\.open: id"):
        SYSTEM.translate(delivery({"event_type": "session.open"}))
    with pytest.raises(UntranslatableError, match=r"links no session"):
        SYSTEM.translate(delivery({"type": "message", "attachments": [{}]}))
    with pytest.raises(UntranslatableError, match=r"hoop session\.paused"):
        SYSTEM.translate(delivery({"event_type": "session.paused"}))


@given(translator.damaged([opened(), reviewed("PENDING"), reviewed("PROCESSING"), CLOSED, CARD]))
def test_any_damage_is_taken(payload: Any) -> None:
    """Whatever stands in whatever place, a delivery becomes valid events, a sentence or an UntranslatableError."""
    translator.assert_is_total(SYSTEM, delivery(payload))


def test_the_table_is_true() -> None:
    """What the documentation's table lists for a kind is what the translator makes of it."""
    for payload in (opened(), reviewed("PENDING"), reviewed("PROCESSING"), CLOSED, CARD):
        translator.assert_table_is_true(SYSTEM, SYSTEM.translate(delivery(payload)), SYSTEM.kind(delivery(payload)))
    for kind in ("dbroles.job.finished", "dbroles.custom.job.finished"):
        assert SYSTEM.translate(delivery({"event_type": kind})).silent
        assert SYSTEM.kinds[kind].events == ()


def test_the_saved_events() -> None:
    """Every saved payload of hoop's becomes events; the examples in its schemas do, too."""
    for file in translator.saved("hoop"):
        whole = json.loads(file.read_bytes())
        for payload in whole.get("examples", [] if "properties" in whole else [whole]):
            assert translated(SYSTEM, payload)
