"""Tests of the report: its figures, its trend, and the page as a browser gets it."""

import base64
import hashlib
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipetrail_review.documents import sound, trail_of
from pipetrail_review.query import ALWAYS, Window
from pipetrail_review.report import figures as figures_module
from pipetrail_review.report.changes import NO_RECORD_SIGN, trail_view
from pipetrail_review.report.document import page
from pipetrail_review.report.figures import Figures, figures
from pipetrail_review.report.trend import MOST_BARS, trend
from pipetrail_schemas.finding import Finding
from pipetrail_schemas.trail import Trail
from support.deliveries import ANN, BOB, NOW, START, digest, document, entry, finding, finding_ref, skipped_tests, trail

HOSTILE = "</title><script>alert(1)</script><img src=https://evil.example onerror=alert(1)>\" ' \u202e & {{ 7*7 }}"
VOID = {"meta", "link", "br", "rect", "img", "input", "hr"}


class Page(HTMLParser):
    """The page's elements: (tag, attributes), its visible text, and whether every element is closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element begins."""
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element without content."""
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """An element ends; it must be the one that began last."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Text."""
        self.words.append(data)

    @property
    def text(self) -> str:
        """The visible text, white space evened out, without the style sheet."""
        return " ".join(" ".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of every such element."""
        return [attributes for name, attributes in self.elements if name == tag]


def made(told: Figures, **changes: Any) -> str:
    """The page of the figures."""
    return page(told, 7, **{"now": NOW, "window": ALWAYS, "repository": None, "zone": UTC, **changes})


def deployed(name: str, after_s: float, environment: str = "prod", result: str = "success") -> Trail:
    """A change that was deployed so many seconds after its commit."""
    fields = {"environment": environment, "result": result, "actor": ANN}
    return trail(name, [entry(name, "commit.recorded", 0, actor=ANN), entry(name, "deployment.finished", after_s, **fields)])


def a_period() -> tuple[list[Trail], list[Finding]]:
    """Three changes, one with an override, one failed, and one that is only a commit."""
    skipped, override = skipped_tests()
    only = trail("only", [entry("only", "commit.recorded", 5, actor=BOB)], ticket=None)
    return [skipped, deployed("failed", 3600, result="failure"), only], [override]


def test_the_figures_count_what_happened() -> None:
    """Changes, deployments, lead times and findings are counted by environment, rule, actor and severity."""
    told = figures(*a_period(), ALWAYS)
    prod = told.environments["prod"]
    assert (told.trails, told.commit_only, len(told.listed), told.deployments) == (3, 1, 2, 2)
    assert (prod.succeeded, prod.failed, prod.lead_time) == (1, 1, 319_000)
    assert (told.by_severity, told.by_rule) == ({"high": 1}, {"required-stage-skipped": {"high": 1}})
    assert told.by_actor == {"Ann Lee <ann@forge.example>": {"override": 1}}


def test_a_deployment_without_a_known_commit_has_no_lead_time() -> None:
    """An artifact that nobody built says nothing about how long a change takes."""
    unknown = trail("u", [entry("u", "deployment.finished", 100, environment="prod", result="success")], ticket=None)
    told = figures([unknown, deployed("b", 200)], [], ALWAYS)
    assert (told.environments["prod"].succeeded, told.environments["prod"].lead_times) == (2, [200_000])


def test_the_lead_time_is_the_median_of_first_good_deployments() -> None:
    """Failed and repeated deployments do not count, nor does one outside the period."""
    again = entry("a", "deployment.finished", 9000, environment="prod", result="success")
    first = deployed("a", 100)
    twice = trail("a", [one.model_dump(exclude_none=True) for one in first.pipetrail.trail.entries] + [again])
    trails = [twice, deployed("b", 200), deployed("c", 900), deployed("d", 50, result="failure"), deployed("e", 99_999)]
    told = figures(trails, [], Window(until=START + timedelta(seconds=90_000)))
    assert told.environments["prod"].lead_time == 200_000
    assert told.deployments == 5


def test_a_deployment_outside_the_period_is_not_counted() -> None:
    """The period is half open, by the time of the deployment."""
    edge = START + timedelta(seconds=319)
    skipped, _ = skipped_tests()
    counts = [figures([skipped], [], window).deployments for window in (Window(since=edge), Window(until=edge))]
    assert counts == [1, 0]


def test_a_withdrawn_finding_is_counted_as_withdrawn_only() -> None:
    """A finding whose ground is gone is in no ledger and no sum, and is not kept silent about."""
    skipped, _ = skipped_tests()
    at = skipped.pipetrail.trail.entries[3].model_dump(mode="json", exclude_none=True)
    told = figures([], [finding(skipped, at, status="withdrawn")], ALWAYS)
    assert (told.findings, told.withdrawn, told.overrides) == (0, 1, [])
    assert "1 withdrawn" in Page(made(told)).text


def test_what_is_not_listed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """A report that leaves changes or findings out says how many."""
    monkeypatch.setattr(figures_module, "MOST_TRAILS", 1)
    monkeypatch.setattr(figures_module, "MOST_OTHERS", 1)
    trails, _ = a_period()
    at = trails[0].pipetrail.trail.entries[0].model_dump(mode="json", exclude_none=True)
    others = [finding(trails[0], at, rule=f"rule-{number}", category="policy", severity="low") for number in range(3)]
    text = Page(made(figures(trails, others, ALWAYS))).text
    assert "1 earlier changes are counted above and not listed" in text
    assert "1 more change has only a commit on record" in text
    assert "The latest 1 of 3" in text


def test_a_short_period_is_shown_with_the_two_weeks_before() -> None:
    """One day's deployments are one bar among fourteen, not one bar as wide as the page."""
    steps = trend([(NOW, True), (NOW, False)], [NOW], now=NOW, window=ALWAYS, zone=UTC).steps
    assert [step.deployments for step in steps] == [0] * 13 + [2]
    assert (steps[-1].label, steps[-1].succeeded, steps[-1].failed, steps[-1].overrides) == ("2026-11-23", 1, 1, 1)


def test_a_day_is_the_readers_day() -> None:
    """Late in the evening in UTC is tomorrow further east."""
    late = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)
    for zone, label in ((UTC, "2026-11-22"), (ZoneInfo("Europe/Berlin"), "2026-11-23")):
        steps = trend([(late, True)], [], now=NOW, window=ALWAYS, zone=zone).steps
        assert [step.label for step in steps if step.deployments] == [label]


@given(st.lists(st.tuples(st.datetimes(datetime(2001, 1, 1), datetime(2026, 11, 23)), st.booleans()), min_size=1))  # noqa: DTZ001 - hypothesis wants naive bounds and adds the zone below
def test_no_deployment_falls_out_of_the_trend(when: list[tuple[datetime, bool]]) -> None:
    """However long the period, every deployment is in a step, and there are few enough steps to see."""
    deployments = [(moment.replace(tzinfo=UTC), good) for moment, good in when]
    found = trend(deployments, [], now=NOW, window=ALWAYS, zone=UTC)
    assert sum(step.succeeded + step.failed for step in found.steps) == len(when)
    assert len(found.steps) <= MOST_BARS


def test_the_page_tells_the_period() -> None:
    """Figures, ledger, deployments and changes stand on the page in words, every element closed."""
    text = Page(made(figures(*a_period(), ALWAYS))).text
    for words in (
        "Changes 3 7 events",
        "Deployments 2 1 did not succeed",
        "Overrides 1 controls passed over",
        "Ann Lee skipped the tests of what went to prod",
        "“hotfix”",
        "test ⊘ skipped",
        f"review {NO_RECORD_SIGN} no record",
        "prod 2 1 1 5m 19s (1)",
        "everything recorded until 2026-11-23 12:00:00",
    ):
        assert words in text


def test_junk_of_an_index_is_left_out_and_said() -> None:
    """One document that somebody wrote straight into the index takes nobody's report away, and is no secret."""
    (change, *_), _ = a_period()
    junk: list[str] = []
    told = figures(sound(trail_of, [{"note": "from somebody"}, document(change)], junk), [], ALWAYS)
    told.junk = junk
    assert (told.trails, len(junk)) == (1, 1)
    assert "1 document of the index cannot be read and is counted nowhere" in Page(made(told)).text


def test_an_empty_index_still_makes_a_page() -> None:
    """Nothing recorded is said in words, without a chart and without a division by zero."""
    html = made(figures([], [], ALWAYS))
    assert "No override in this period." in html
    assert not Page(html).all("svg")


def test_the_page_asks_nobody_and_runs_nothing() -> None:
    """No script, no handler, nothing loaded from elsewhere; the policy says so and fits the style sheet."""
    html = made(figures(*a_period(), ALWAYS))
    parsed = Page(html)
    policy = next(str(one["content"]) for one in parsed.all("meta") if one.get("http-equiv") == "Content-Security-Policy")
    css = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
    assert css is not None
    wanted = base64.b64encode(hashlib.sha256(css[1].encode()).digest()).decode()
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{wanted}'")
    assert not {"script", "img", "iframe", "object", "form", "base"} & {tag for tag, _ in parsed.elements}
    attributes = {name for _, attrs in parsed.elements for name in attrs}
    assert not {name for name in attributes if name.startswith("on") or name in {"src", "style", "srcset"}}
    assert not re.search(r"url\(|@import", css[1])
    assert [one["href"] for one in parsed.all("link")] == ["data:,"]


def test_text_from_events_cannot_become_markup() -> None:
    """Tags, quotes, template syntax and bidirectional overrides in any field are shown as text."""
    person = {"name": HOSTILE, "email": HOSTILE}
    one = entry("h", "deployment.finished", 0, name=HOSTILE, reason=HOSTILE, environment=HOSTILE, actor=person, digest=HOSTILE)
    one |= {"result": "success", "url": "javascript:alert(1)"}
    hostile = trail("h", [one], message=HOSTILE, ticket=HOSTILE, findings=[finding_ref(one, rule=HOSTILE, title=HOSTILE)])
    found = finding(hostile, one, rule=HOSTILE, title=HOSTILE)
    html = made(figures([hostile], [found], ALWAYS), repository=HOSTILE)
    parsed = Page(html)
    assert "script" not in {tag for tag, _ in parsed.elements}
    assert "img" not in {tag for tag, _ in parsed.elements}
    assert "javascript:" not in html
    assert "\u202e" not in html
    assert "{{ 7*7 }}" in parsed.text
    assert "\\u202e" in parsed.text


def test_links_on_the_page_lead_somewhere() -> None:
    """Every link within the page has its place, every other is http(s) and tells the other side nothing."""
    skipped, override = skipped_tests()
    entries = [one.model_dump(exclude_none=True) for one in skipped.pipetrail.trail.entries]
    entries.append(entry("link", "build.finished", 500, name="x", result="success", url="https://ci.example/run/1"))
    linked = trail("skipped tests", entries, findings=[finding_ref(entries[3])])
    parsed = Page(made(figures([linked], [override], ALWAYS)))
    ids = [str(attributes["id"]) for _, attributes in parsed.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    inner = [str(one["href"])[1:] for one in parsed.all("a") if str(one["href"]).startswith("#")]
    assert set(inner) <= set(ids)
    outer = [one for one in parsed.all("a") if not str(one["href"]).startswith("#")]
    assert [(one["href"], one["rel"]) for one in outer] == [("https://ci.example/run/1", "noreferrer noopener")]


def test_the_page_can_be_read_without_seeing_it() -> None:
    """Language, one main heading, no skipped level, named charts, and headers with a scope on every table."""
    parsed = Page(made(figures(*a_period(), ALWAYS)))
    levels = [int(tag[1]) for tag, _ in parsed.elements if re.fullmatch(r"h[1-6]", tag)]
    assert parsed.all("html")[0]["lang"] == "en"
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert all("scope" in one for one in parsed.all("th"))
    assert len(parsed.all("caption")) == len(parsed.all("table"))
    assert all(one.get("aria-label") for one in parsed.all("svg"))


def _luminance(color: str) -> float:
    # WCAG 2.2, "relative luminance".
    digits = color.lstrip("#")
    digits = "".join(digit * 2 for digit in digits) if len(digits) == 3 else digits
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_every_text_has_contrast_enough() -> None:
    """Light and dark alike, text stands off from every ground it is put on by at least 4.5 to 1 (WCAG 2.2, 1.4.3)."""
    css = re.search(r"<style>(.*?)</style>", made(figures([], [], ALWAYS)), re.DOTALL)
    assert css is not None
    palettes = [dict(re.findall(r"--([\w-]+): (#\w+)", block)) for block in re.findall(r":root \{(.*?)\}", css[1], re.DOTALL)]
    grounds = {
        "ink": ("paper", "sheet", "good-tint", "bad-tint", "warn-tint"),
        "soft": ("paper", "sheet"),
        "good": ("paper", "good-tint"),
        "bad": ("paper", "bad-tint"),
        "warn": ("paper", "warn-tint"),
        "calm": ("paper", "sheet", "calm-tint"),
        "paper": ("bad",),
    }
    pairs = [(palette, text, ground) for palette in palettes for text, on in grounds.items() for ground in on]
    weak = []
    for palette, text, ground in pairs:
        lighter, darker = sorted((_luminance(palette[text]), _luminance(palette[ground])), reverse=True)
        if (lighter + 0.05) / (darker + 0.05) < 4.5:
            weak.append((text, ground, palette[text], palette[ground]))
    assert len(palettes) == 3
    assert weak == []


def test_a_change_tells_what_is_known_besides_its_timeline() -> None:
    """Where it runs, what was approved and how strong its links are stand on the page, as `show` tells them, with dates."""
    approval = entry("k", "approval.decided", 5, decision="approved", actor=BOB, environment="prod")
    deploy = entry("k", "deployment.finished", 9, environment="prod", result="success", actor=ANN)
    content = document(trail("k", [entry("k", "commit.recorded", 0, actor=ANN), approval, deploy]))
    place = {
        "environment": "prod",
        "result": "success",
        "time": deploy["time"],
        "event_id": deploy["event_id"],
        "lead_ms": 9000,
    }
    content["pipetrail"]["trail"]["deployments"] = [place]
    view = trail_view(Trail.model_validate(content), UTC)
    assert [section.title for section in view.sections] == ["Stages", "Where it runs", "Approvals"]
    assert view.sections[1].rows == (("prod", "✓ succeeded  2026-11-23 09:02:20  9.0s after the commit"),)
    assert view.sections[2].rows == (("2026-11-23 09:02:16", "Bob Ray", "approved", "environment prod"),)


def test_an_artifact_without_a_build_is_listed_by_its_digest() -> None:
    """A change that is known by its digest only is on the page under it."""
    only = trail("d", [entry("d", "deployment.finished", 0, environment="prod", result="success", digest=digest("d"))])
    content = only.model_dump(by_alias=True, exclude_none=True)
    del content["vcs"]["ref"]
    content["artifact"] = {"hash": digest("d")}
    text = Page(made(figures([Trail.model_validate(content)], [], ALWAYS))).text
    assert f"{digest('d')[:18]}…" in text
