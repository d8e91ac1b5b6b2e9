"""What of a delivery's body stays in its events."""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

from pipetrail_producers.claim import fitted
from pipetrail_producers.collector import sources
from pipetrail_producers.collector.entry import Entry
from pipetrail_producers.collector.making import make
from pipetrail_producers.redact import Redactor
from pipetrail_schemas import codec
from support.collector import ENV, SOURCES

RECEIVED = datetime(2026, 11, 23, 9, 2, 11, tzinfo=UTC)
BODY = json.dumps({"event": "incident", "id": "1", "reason": "5xx", "unused": None}).encode()


def raw_of(tmp_path: Path, body: bytes, text: str = SOURCES) -> dict[str, str]:
    """`pipetrail.raw` of the event of a delivery."""
    file = tmp_path / "sources.yaml"
    file.write_text(text, encoding="utf-8")
    source = sources.load(file, ENV).by_name["in-house"]
    digest = hashlib.sha256(body).hexdigest()
    entry = Entry("hook", "/hooks/generic", source.name, "generic", RECEIVED, "hmac", "in-house", digest, {}, body)
    (message,) = make(entry, 0, source, Redactor({})).messages
    event = codec.decode(message.value)
    assert event.extra.raw is not None
    return event.extra.raw


def test_an_event_names_the_body_that_it_was_made_of(tmp_path: Path) -> None:
    """The SHA-256 of what came: whoever kept the delivery can show that it is the one."""
    assert raw_of(tmp_path, BODY) == {"sha256": hashlib.sha256(BODY).hexdigest()}


def test_the_payload_itself_is_kept_on_request(tmp_path: Path) -> None:
    """With `raw: payload` the text is there as it came, null members, spaces and all."""
    text = SOURCES.replace("    instance: https://ci.acme.example", "    instance: https://ci.acme.example\n    raw: payload")
    raw = raw_of(tmp_path, BODY, text)
    assert raw["payload"].encode() == BODY
    assert hashlib.sha256(raw["payload"].encode()).hexdigest() == raw["sha256"]


def test_a_payload_that_no_message_can_carry_is_named_by_its_hash() -> None:
    """The events' own fields stay whole, and the reference stays beside what was not sent."""
    payload = "x" * 2_000
    found = fitted({"event": {"reason": "5xx"}, "pipetrail": {"raw": {"sha256": "ab", "payload": payload}}}, room=1_000)
    assert found["event"] == {"reason": "5xx"}
    digest = hashlib.sha256(payload.encode()).hexdigest()
    assert found["pipetrail"]["raw"] == {"sha256": "ab", "payload": f"[not sent: 2000 bytes, sha256:{digest}]"}
