"""What the messages look like on each channel, word for word, and within the limits that the services set."""

import re
import unicodedata
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pipetrail_sinks.notify.channels import slack, teams
from pipetrail_sinks.notify.channels.console import lines_of
from support.alert_layouts import GOLDEN, HOSTILE, LAYOUTS, cases, renderings
from support.alerts import NOON

RENDERINGS = {path.name: (path, content) for path, content in renderings()}
LONG = {"title": "t" * 5000, "reason": "&" * 9000, "why": "*" * 9000, "runbook": ("s" * 900,) * 30, "who": "[" * 4000}


@pytest.mark.parametrize("name", RENDERINGS)
def test_golden(name: str) -> None:
    """A message is what its golden file says, which somebody has looked at."""
    path, content = RENDERINGS[name]
    assert content == path.read_text(encoding="utf-8")


def test_no_golden_file_without_a_case() -> None:
    """Every golden file is one that is compared."""
    assert {path.name for path in Path(GOLDEN).iterdir()} == set(RENDERINGS)


@pytest.mark.parametrize("case", cases())
def test_limits(case: str) -> None:
    """However long the texts are, a message is within what Slack and Teams take."""
    alert = cases()[case]
    items = tuple(item.model_copy(update={**LONG, "rule": f"rule-{place}"}) for place, item in enumerate(alert.items))
    alert = alert.model_copy(update={"items": items})
    blocks = slack.payload(alert, again=True)["attachments"][0]["blocks"]
    assert len(blocks) <= 50
    assert all(len(block["text"]["text"]) <= 3000 for block in blocks if block["type"] == "section")
    assert len(orjson.dumps(teams.payload(alert, again=True))) <= 28 * 1024


@pytest.mark.parametrize("layout", ["slack.json", "teams.json", "mail.txt", "console.txt"])
def test_everything_is_said(layout: str) -> None:
    """Who, what, where, when, why, which rule, why it matters, what to do, what was before, and where to look."""
    content = RENDERINGS[f"opened.{layout}"][1]
    wanted = ["Bob", "prod", "356a192", "2026-11-23 12:00 UTC", "“hotfix 1”", "PAY-1", "Required stage skipped", "4 overrides"]
    wanted += [
        "What was not tested",
        "Run the stage for this commit now",
        "tests skipped by Bob",
        "github.com/acme/shop/compare/",
    ]
    wanted += ["audit.acme.example/trails/", "/commit/356a192", "finding ack 89df9769"]
    assert [text for text in wanted if text not in " ".join(content.split())] == []


def test_slack_obeys_nothing() -> None:
    """What a finding says mentions nobody and links nowhere in Slack."""
    content = RENDERINGS["hostile.slack.json"][1]
    assert "<!channel" not in content
    assert "<https://evil" not in content
    assert "javascript:" not in content


def test_terminal_obeys_nothing() -> None:
    """What a finding says moves no cursor, sets no colour and reverses no text."""
    shown = "\n".join(lines_of(cases()["hostile"]))
    assert "\x1b" in HOSTILE
    assert not {"\x1b", "\u202e", "\r"} & set(shown)


def test_colour() -> None:
    """On a terminal, colour says how bad it is; the words are the same."""
    alert = cases()["opened"]
    coloured = "\n".join(lines_of(alert, colour=True))
    assert "\x1b[31m" in coloured
    for code in ("31", "2", "1", "0"):
        coloured = coloured.replace(f"\x1b[{code}m", "")
    assert coloured == "\n".join(lines_of(alert))


@pytest.mark.parametrize("width", [40, 72, 100])
def test_narrow(width: int) -> None:
    """Lines are as wide as the terminal, but for addresses, which are never broken."""
    alert = cases()["group"]
    assert [line for line in lines_of(alert, width=width) if len(line) > width and "https://" not in line] == []


def test_time_is_utc() -> None:
    """Where a channel cannot know the reader's zone, times are UTC and say so."""
    assert NOON.tzname() == "UTC"
    assert "2026-11-23 12:00 UTC" in RENDERINGS["opened.console.txt"][1]


ODD = st.text(st.characters(codec="utf-8") | st.sampled_from(list("<>&*_|[]()`\\@#!\r\n\x1b\u202e")), max_size=60)


@settings(max_examples=100, deadline=None)
@given(ODD, ODD, ODD, ODD, ODD)
def test_whatever_a_finding_says(title: str, who: str, reason: str, why: str, step: str) -> None:
    """Whatever stands in a finding, every channel can tell it, and no channel obeys it."""
    (item,) = cases()["opened"].items
    said = {"title": title, "who": who, "reason": reason, "why": why, "runbook": (step,), "ticket": title}
    alert = cases()["opened"].model_copy(update={"items": (item.model_copy(update=said),)})
    for render in LAYOUTS.values():
        assert render(alert)
    shown = "".join(lines_of(alert))
    assert not [one for one in shown if unicodedata.category(one) in {"Cc", "Cf", "Cs"} and one not in "\u200c\u200d"]
    for block in slack.payload(alert)["attachments"][0]["blocks"]:
        text = (block.get("text") or block["elements"][0])["text"]
        assert re.findall("<[^>]*>", text) == re.findall("<(?:https://|!date)[^>]*>", text)
        assert text.count("<") == text.count(">")
