"""Alerts in every layout, as golden files: `python tests/support/alert_layouts.py` writes them anew, and a look decides."""

import json
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from pipetrail_schemas.finding import Finding
from pipetrail_schemas.times import format_time
from pipetrail_sinks.notify.alert import Alert, Item, Override, item_of
from pipetrail_sinks.notify.channels import console, mail, pagerduty, slack, teams, webhook
from pipetrail_sinks.notify.links import Links

sys.path.insert(0, str(Path(__file__).parents[1]))
from support.alerts import NOON, finding, parsed

GOLDEN = Path(__file__).parents[1] / "sinks" / "notify" / "golden"
LINKS = Links(trail="https://audit.acme.example/trails/{trail}")
HOSTILE = (
    "<!channel> <https://evil.example|click> *bold* [x](https://evil.example) `c` "
    "\x1b[31mred \u202egnp.exe \r\nBcc: all@acme.example"
)


def _json(document: Any) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _mail(alert: Alert) -> str:
    message = mail.message_of(alert, "pipetrail@acme.example", ["security@acme.example"])
    head = "\n".join(f"{name}: {value}" for name, value in message.items() if name != "Content-Type")
    bodies = [part.get_content() for part in message.iter_parts()]
    return "\n\n".join([head, *bodies])


LAYOUTS: dict[str, Callable[[Alert], str]] = {
    "slack.json": lambda alert: _json(slack.payload(alert)),
    "teams.json": lambda alert: _json(teams.payload(alert)),
    "pagerduty.json": lambda alert: _json(pagerduty.payload(alert, "0123456789abcdef0123456789abcdef")),
    "webhook.json": lambda alert: _json(webhook.payload(alert)),
    "mail.txt": _mail,
    "console.txt": lambda alert: "\n".join(console.lines_of(alert)),
}


def _item(number: int = 1, **more: Any) -> Item:
    return item_of(parsed(number, **more), LINKS)


def _decided(status: str, place: str, reason: str, **state: Any) -> Item:
    """A finding that Ann decided about an hour later."""
    document = finding(1, revision=2, status=status)
    ticket = {"ticket": "PAY-9"} if status == "justified" else {}
    by = {"by": {"name": "Ann"}, "time": format_time(NOON + timedelta(hours=1)), "reason": reason, "event_id": "e-1", **ticket}
    document["pipetrail"]["finding"] |= {place: by, **state}
    return item_of(Finding.model_validate(document), LINKS)


def _came_back() -> Item:
    """What a bot did for somebody, after the exclusion of it had ended."""
    document = finding(1, actor="deploy-bot")
    ended = {
        "owner": "cem@acme.example",
        "reason": "the bot is being replaced",
        "expires": format_time(NOON - timedelta(days=2)),
    }
    due = format_time(NOON + timedelta(days=3))
    document["pipetrail"]["finding"] |= {"on_behalf_of": {"name": "Bob"}, "exclusion": ended, "review_due": due}
    return item_of(Finding.model_validate(document), LINKS)


def _alert(*items: Item, kind: str = "opened", **more: Any) -> Alert:
    return Alert.model_validate(
        {
            "id": "msg_0123456789abcdef0123456789abcdef",
            "kind": kind,
            "conversation": "pipetrail-0123456789abcdef0123456789abcdef",
            "channel": "security",
            "route": "overrides",
            "time": NOON,
            "items": items,
            **more,
        }
    )


def _hostile() -> Item:
    document = finding(1, actor=HOSTILE, repository=None, severity="critical")
    document["event"]["reason"] = HOSTILE
    document["pipetrail"]["ticket"] = {"id": HOSTILE, "url": {"full": "javascript:alert(1)"}}
    document["pipetrail"]["finding"]["title"] = HOSTILE
    return item_of(parsed().model_validate(document), LINKS)


def _anomaly() -> Item:
    document = finding(3, category="anomaly", severity="medium", actor=None)
    document["event"].pop("reason")
    document["pipetrail"].pop("ticket")
    document["pipetrail"]["finding"]["title"] = "Build of acme/shop took 41 min; it takes 8 to 12"
    return item_of(parsed().model_validate(document), LINKS)


def cases() -> dict[str, Alert]:
    """Every kind of message."""
    earlier = tuple(Override(time=NOON - timedelta(days=day), title=f"tests skipped by Bob: hotfix {day}") for day in (1, 5, 9))
    repeated = _item().model_copy(update={"overrides": 4, "latest_overrides": earlier})
    self_approved = _item(2).model_copy(
        update={"rule": "self-approval", "rule_name": "Self-approval", "title": "Bob approved what Bob wrote: acme/shop"}
    )
    withdrawn = _item(revision=2, status="withdrawn").model_copy(update={"correction": "a late report showed that tests ran"})
    many = [_item(number, severity="critical" if number == 1 else "medium") for number in range(1, 21)]
    return {
        "opened": _alert(repeated),
        "group": _alert(_item(1, severity="critical"), self_approved, _item(3), _item(4, severity="low"), kind="more"),
        "anomaly": _alert(_anomaly()),
        "escalated": _alert(_item(), kind="escalated", waited_s=1800),
        "acknowledged": _alert(_decided("acknowledged", "acknowledged", "I talk to Bob"), kind="acknowledged"),
        "justified": _alert(_decided("justified", "justified", "it had to go out; tests ran since"), kind="resolved"),
        "reopened": _alert(_decided("open", "reopened", "the same again"), kind="opened"),
        "came-back": _alert(_came_back()),
        "resolved": _alert(withdrawn, kind="resolved"),
        "digest": _alert(*many, digest=True, more=13),
        "hostile": _alert(_hostile()),
    }


def renderings() -> Iterator[tuple[Path, str]]:
    """Every case in every layout: (file, content)."""
    for case, alert in cases().items():
        for layout, render in LAYOUTS.items():
            yield GOLDEN / f"{case}.{layout}", render(alert)


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for path, content in renderings():
        path.write_text(content, encoding="utf-8")
