"""The page on operating and the alerting rules: what they name is what the programs show."""

import re
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from pipetrail_processors.operation.operation import USUAL_PORT as PROCESS_PORT
from pipetrail_processors.operation.operation import Operation as ProcessOperation
from pipetrail_processors.settings import ProcessSettings
from pipetrail_producers.collector.metrics import Metrics
from pipetrail_schemas.connection import KafkaConnection
from pipetrail_sinks.commands import USUAL_PORT as INDEX_PORT
from pipetrail_sinks.notify.commands import OUTBOX
from pipetrail_sinks.notify.commands import USUAL_PORT as NOTIFY_PORT
from pipetrail_sinks.operation import Operation as SinkOperation
from pipetrail_sinks.settings import IndexSettings
from prometheus_client import ProcessCollector
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import CollectorRegistry
from support.project import ROOT

PAGE = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
RULES = ROOT / "deploy" / "prometheus" / "pipetrail.rules.yaml"
NAME = re.compile(r"\b(?:pipetrail|process)_[a-z_]+\b")
KAFKA = KafkaConnection("127.0.0.1:9")
PROGRAMS = ("process", "index", "notify")


def _names(metrics: Iterable[Metric]) -> set[str]:
    return {f"{one.name}_total" if one.type == "counter" else one.name for one in metrics}


def _figures() -> dict[str, set[str]]:
    """The names of the figures, by program."""
    counts = SimpleNamespace(messages=0, outputs=0, refused=0)
    app: Any = SimpleNamespace(job=SimpleNamespace(counts=counts, unacknowledged_bytes=lambda: 0))
    process = ProcessOperation(app, ProcessSettings(), KAFKA, lambda: "").watch.figures.collect()
    sinks = {name: SinkOperation(name, KAFKA, "g", IndexSettings()).figures.collect() for name in ("index", "notify")}
    found = {"process": _names(process)} | {name: _names(figures) for name, figures in sinks.items()}
    found["notify"] |= {f"pipetrail_notify_alerts_{state}" for state in OUTBOX}
    return {name: names | {f"pipetrail_{name}_ready"} for name, names in found.items()}


@pytest.fixture(scope="module")
def figures() -> set[str]:
    """The names of all figures that there are."""
    registry = CollectorRegistry()
    own = {name for names in _figures().values() for name in names}
    return own | _names(Metrics().registry.collect()) | _names(ProcessCollector(registry=registry).collect())


def _told() -> set[str]:
    """What the page's table of figures names, spelled out for each program."""
    table = PAGE.partition("## What to watch")[2].partition("\n## ")[0]
    first_cells = " ".join(line.split("|")[1] for line in table.splitlines() if line.startswith("| `"))
    names = re.findall(r"`((?:pipetrail|process)_\w+)`", first_cells)
    return {name.replace("PROGRAM", program) for name in names for program in (PROGRAMS if "PROGRAM" in name else ("",))}


def test_the_page_tells_every_figure_and_no_other(figures: set[str]) -> None:
    """Of the collector there is a page of its own."""
    wanted = {name for names in _figures().values() for name in names}
    assert wanted - _told() == set()
    assert _told() - figures == set()


def test_the_rules_ask_for_figures_that_there_are(figures: set[str]) -> None:
    """A misspelt name would be an alert that never comes."""
    content = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    rules = [rule for group in content["groups"] for rule in group["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules)
    for rule in rules:
        assert {"alert", "expr", "labels", "annotations"} <= rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}
        names = set(NAME.findall(rule["expr"]))
        assert names, rule["alert"]
        assert names - figures == set(), rule["alert"]
        assert rule["expr"].count("(") == rule["expr"].count(")")
        assert rule["annotations"]["summary"].endswith((".", "'*'"))


def test_the_page_names_the_ports_that_are_used() -> None:
    """Each program's pages stand where the page says."""
    ports = dict(re.findall(r"^\| `pipetrail (\w+)` \| 127\.0\.0\.1:(\d+) ", PAGE, re.MULTILINE))
    assert ports == {"process": str(PROCESS_PORT), "index": str(INDEX_PORT), "notify": str(NOTIFY_PORT), "collect": "8480"}


def test_the_lines_of_the_log_that_the_page_explains_are_logged() -> None:
    """What somebody is to look for stands in the code."""
    table = PAGE.partition("## The log")[2].partition("\n## ")[0]
    lines = re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)
    code = "".join(path.read_text(encoding="utf-8") for path in Path(ROOT, "processors").rglob("*.py"))
    assert len(lines) >= 4
    assert [line for line in lines if f'"{line}"' not in code] == []
