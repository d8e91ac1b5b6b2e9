"""The door for events: every mode of CloudEvents, judged by the contract, field by field; what is refused is kept."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pipetrail_producers.collector import making
from pipetrail_producers.collector.making import DEAD, EVENT, SILENT, Made, make
from pipetrail_producers.redact import Redactor
from pipetrail_schemas import codec
from pipetrail_schemas.topics import DEAD_LETTERS, EVENTS
from support.collector import AGENT_TOKEN, Collector, listening

SAMPLES = Path(__file__).parents[3] / "schemas/samples/v1"
BUILD: dict[str, Any] = json.loads((SAMPLES / "build.finished.json").read_bytes())
BATCH = "application/cloudevents-batch+json"
PLAIN = Redactor({})


def made_of(collector: Collector) -> list[Made]:
    """What becomes of each entry in the store."""
    return [make(entry, 7, collector.sources.by_name.get(entry.source), PLAIN) for entry in collector.entries()]


def without(event: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """The event without some of its attributes."""
    return {name: value for name, value in event.items() if name not in names}


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_every_type_of_event_is_taken(collector: Collector, path: Path) -> None:
    """A golden sample of each type is accepted and goes on as it is, but for who proved to have sent it."""
    sample = json.loads(path.read_bytes())
    answer = collector.events(path.read_bytes())
    assert (answer.status_code, answer.json()) == (202, {"accepted": 1})
    (one,) = made_of(collector)
    (message,) = one.messages
    assert (one.outcome, message.topic) == (EVENT, EVENTS.name)
    assert message.key == sample["partitionkey"].encode()
    assert json.loads(message.value) == {**sample, "authtype": "token", "authid": "build-agents"}


def test_binary_mode_is_the_same_event(collector: Collector) -> None:
    """Attributes in headers and data in the body give the same event as structured mode."""
    headers = {f"ce-{name}": str(value) for name, value in without(BUILD, "data", "datacontenttype").items()}
    collector.events(json.dumps(BUILD).encode())
    assert collector.events(json.dumps(BUILD["data"]).encode(), "application/json; charset=utf-8", **headers).status_code == 202
    structured, binary = (codec.decode(one.messages[0].value) for one in made_of(collector))
    assert structured == binary


def test_the_content_type_decides_the_mode(collector: Collector) -> None:
    """A structured event that passed a gateway may carry ce- headers, too: they count for nothing."""
    headers = {"ce-id": "other", "ce-type": "other"}
    assert collector.events(json.dumps(BUILD).encode(), "application/cloudevents+json", **headers).status_code == 202
    assert codec.decode(made_of(collector)[0].messages[0].value).id == BUILD["id"]


def test_what_the_collector_knows_is_added(collector: Collector) -> None:
    """Without `recordedtime` it is the time of receipt, without `partitionkey` the repository."""
    assert collector.events(json.dumps(without(BUILD, "recordedtime", "partitionkey")).encode()).status_code == 202
    event = codec.decode(made_of(collector)[0].messages[0].value)
    assert event.recordedtime == collector.entries()[0].received
    assert event.partitionkey == BUILD["data"]["vcs"]["repository"]["url"]["full"]


def test_a_batch_is_taken_event_by_event(collector: Collector) -> None:
    """What is valid in a batch is taken and what is not is refused, named by its place, and kept as a dead letter."""
    wrong = {**BUILD, "type": "dev.pipetrail.build.done.v1"}
    answer = collector.events(json.dumps([BUILD, wrong, 7, BUILD]).encode(), BATCH)
    told = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    assert (told["accepted"], [one["index"] for one in told["refused"]]) == (2, [1, 2])
    assert told["refused"][0]["problems"][0]["field"] == "type"
    assert "of build there are" in told["refused"][0]["problems"][0]["problem"]
    (one,) = made_of(collector)
    assert one.outcome == DEAD
    assert [message.topic for message in one.messages] == [EVENTS.name, DEAD_LETTERS.name, DEAD_LETTERS.name, EVENTS.name]
    assert [json.loads(message.value) for message in one.messages[1:3]] == [wrong, 7]


def test_what_is_refused_again_is_kept_once(collector: Collector) -> None:
    """A sender that takes a refused batch apart to find the wrong one does not fill the dead letters with it."""
    wrong = {**BUILD, "type": "nothing"}
    for batch in ([BUILD, wrong], [wrong], [BUILD]):
        collector.events(json.dumps(batch).encode(), BATCH)
    topics = [message.topic for one in made_of(collector) for message in one.messages]
    assert sorted(topics) == [DEAD_LETTERS.name, EVENTS.name, EVENTS.name]


@pytest.mark.parametrize(
    ("body", "content_type", "field"),
    [
        (b"{", "application/cloudevents+json", "value"),
        (b"[]", "application/cloudevents+json", "value"),
        (b"{}", BATCH, "body"),
        (b"\xff", BATCH, "body"),
        (b"{}", "application/cloudevents+json", "specversion"),
        (json.dumps({**BUILD, "data": {**BUILD["data"], "x": 1}}).encode(), "application/cloudevents+json", "data.x"),
        (json.dumps({**BUILD, "id": "18"}).encode(), "application/cloudevents+json", "id"),
    ],
)
def test_what_is_no_event_is_refused_by_field_and_kept(
    collector: Collector, body: bytes, content_type: str, field: str
) -> None:
    """The answer names the field and what is allowed; the body becomes a dead letter byte for byte."""
    answer = collector.events(body, content_type)
    assert answer.status_code == 400
    fields = [problem["field"] for problem in answer.json()["refused"][0]["problems"]]
    assert field in fields
    (one,) = made_of(collector)
    (message,) = one.messages
    assert (one.outcome, message.topic, message.value) == (DEAD, DEAD_LETTERS.name, body)
    headers = dict(message.headers)
    assert field.encode() in headers["error"]
    assert (headers["topic"], headers["stage"], headers["offset"]) == (b"/v1/events", b"collect", b"7")
    assert headers["original-content-type"] == content_type.encode()


def test_an_empty_batch_is_accepted(collector: Collector) -> None:
    """A batch of no events is no error (CloudEvents JSON batch format 1.0, section 4.1)."""
    assert collector.events(b"[]", BATCH).json() == {"accepted": 0}
    assert [one.outcome for one in made_of(collector)] == [SILENT]


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "application/cloudevents+avro", ""])
def test_another_content_type_is_not_supported(collector: Collector, content_type: str) -> None:
    """The answer says what is."""
    answer = collector.events(b"{}", content_type)
    assert answer.status_code in {400, 415}
    assert answer.status_code == 415 or not content_type
    assert collector.client.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer x", f"Basic {AGENT_TOKEN}", f"Bearer {AGENT_TOKEN}x", "Bearer é"]
)
def test_a_stranger_is_refused(collector: Collector, authorization: str) -> None:
    """Without a token that the settings know nothing is taken, and nothing kept."""
    answer = collector.client.post(
        "/v1/events",
        content=json.dumps(BUILD).encode(),
        headers=[(b"content-type", b"application/cloudevents+json"), (b"authorization", authorization.encode())],
    )
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert collector.entries() == []


def test_open_events_are_marked(tmp_path: Path) -> None:
    """Where the settings let anybody send events, they say that nobody proved anything, whatever they claim."""
    with listening(tmp_path, "events: {unsigned: true}") as collector:
        body = json.dumps({**BUILD, "authtype": "oidc", "authid": "me"}).encode()
        assert collector.post("/v1/events", body, {"content-type": "application/cloudevents+json"}).status_code == 202
        event = codec.decode(made_of(collector)[0].messages[0].value)
    assert (event.authtype, event.authid) == ("unauthenticated", "anybody")


def test_a_replay_makes_the_same_bytes(collector: Collector) -> None:
    """Whatever is made of an entry is made again byte for byte: with the time of receipt, not of the making."""
    collector.post("/hooks/generic", b'{"event": "incident", "id": 1, "reason": "5xx"}')
    collector.post("/hooks/generic", b'{"event": "nothing"}')
    collector.events(json.dumps(without(BUILD, "recordedtime")).encode())
    assert made_of(collector) == made_of(collector)


def test_what_a_source_says_of_itself_is_counted_by_its_own_kinds(collector: Collector) -> None:
    """A kind that a system does not have is counted as unknown: strangers make up no names for counters."""
    collector.github(b"{}", {"x-github-event": "made-up-by-a-stranger"})
    (one,) = made_of(collector)
    assert (one.kind, one.outcome) == ("unknown", DEAD)


def test_a_source_that_is_gone_still_has_its_deliveries(collector: Collector) -> None:
    """A delivery of a source that the settings do not have any more is translated without them, or kept as a dead letter."""
    collector.post("/hooks/generic", b'{"event": "incident", "id": 1, "reason": "5xx"}')
    one = make(collector.entries()[0], 0, None, PLAIN)
    assert (one.outcome, one.messages[0].value) == (DEAD, b'{"event": "incident", "id": 1, "reason": "5xx"}')


def test_a_translator_that_breaks_loses_nothing(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a translator raises, its delivery becomes a dead letter that names the error."""

    def broken(_name: str) -> None:
        raise RecursionError("too much")

    collector.post("/hooks/tekton", b"{}")
    monkeypatch.setattr(making, "system", broken)
    (one,) = made_of(collector)
    assert (one.outcome, dict(one.messages[0].headers)["error-type"]) == (DEAD, b"RecursionError")


def test_a_body_that_no_message_carries_is_kept_in_a_file(collector: Collector) -> None:
    """A dead letter of over a message's size names its body by its hash; the body itself is handed on to be kept."""
    body = b'{"x": "' + b"y" * 5_000_000 + b'"}'
    collector.post("/hooks/generic", body)
    (one,) = made_of(collector)
    digest = collector.entries()[0].sha256
    assert one.kept == {digest: body}
    assert json.loads(one.messages[0].value) == {"not_sent": {"bytes": len(body), "sha256": digest}}
