"""Write docs/webhooks.md from the translators' own tables: `python docs/webhooks.py [--check]`."""

import sys
from collections.abc import Iterator
from pathlib import Path

from page import write_or_check
from pipetrail_producers.webhook.systems import PLACES, system
from pipetrail_producers.webhook.translation import System

TARGET = Path(__file__).with_name("webhooks.md")

HEAD = """# Webhooks: what is taken from which system

Written by `make docs` from the translators themselves. `pipetrail collect` takes them at `/hooks/SYSTEM`, or at
`/hooks/SYSTEM/NAME` where there are several sources of a system. Unless a source's settings name another scheme, a delivery is
proven as the table says; in-house systems are described in the settings, in CEL.

A kind that becomes no event says nothing about delivery: it is answered, counted, and not kept. A kind that is not listed here,
or that lacks what its kind always has, becomes a dead letter, with its body byte for byte and the reason, and is answered with
2xx all the same, so that its sender does not disable the hook.
"""
PROOF = {
    "github": "HMAC-SHA256 of the body, in `X-Hub-Signature-256`",
    "gitlab": "`webhook-signature` by Standard Webhooks, `X-Gitlab-Token`, or `X-Gitlab-Event-Streaming-Token`",
    "bitbucket": "HMAC-SHA256 of the body, in `X-Hub-Signature`",
    "standard-webhooks": "`webhook-signature` by Standard Webhooks, not older than five minutes",
    "bearer": "a bearer token, in `Authorization`",
}


def document() -> str:
    """The whole page."""
    systems = {name: system(name) for name in PLACES}
    return "\n".join([HEAD, *_overview(systems), *(line for one in systems.values() for line in _section(one))])


def _overview(systems: dict[str, System]) -> Iterator[str]:
    yield "| system | path | proven by | kinds |"
    yield "|---|---|---|---|"
    for name, one in systems.items():
        silent = sum(not kind.events for kind in one.kinds.values())
        count = f"{len(one.kinds)}" + (f", of which {silent} say nothing" if silent else "")
        yield f"| [{one.title}](#{_anchor(one.title)}) | `/hooks/{name}` | {PROOF[PLACES[name].scheme]} | {count} |"
    yield ""


def _section(one: System) -> Iterator[str]:
    yield f"## {one.title}\n"
    yield "| kind | becomes | what is taken |"
    yield "|---|---|---|"
    for name, kind in sorted(one.kinds.items()):
        events = ", ".join(f"`{event}`" for event in kind.events) if len(kind.events) < _MANY else "any event"
        yield f"| {_cell(name)} | {events or 'nothing'} | {_cell(kind.takes)} |"
    yield ""


# A kind that can become so many types can become any.
_MANY = 40


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _anchor(title: str) -> str:
    return "".join(one for one in title.lower().replace(" ", "-") if one.isalnum() or one in "-_")


if __name__ == "__main__":
    sys.exit(write_or_check(TARGET, document))
