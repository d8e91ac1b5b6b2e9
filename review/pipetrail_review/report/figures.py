"""The report's figures, counted over trails and findings in one pass, however many there are. Pure; the period is passed in.

Rules:
- Deployments and lead times count what happened in the period, also of changes that began before it.
- A withdrawn finding is counted as withdrawn and nowhere else: its ground is gone.
- Trails that hold nothing but their commit (imported history) are counted, not listed; of the others the newest are listed.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from statistics import median

from pipetrail_schemas.finding import Finding
from pipetrail_schemas.trail import Entry, Trail
from pipetrail_schemas.types import Result, Stage

from pipetrail_review.detail import person
from pipetrail_review.exclusions import Tally
from pipetrail_review.query import Window

# Trails told in full. More make a file that no browser or printer likes; the rest is counted, and `pipetrail show` tells it.
MOST_TRAILS = 200
# Findings listed beside the overrides, which are all listed.
MOST_OTHERS = 500
_DEPLOYED = "deployment.finished"
NOBODY = "not known"


@dataclass(slots=True)
class Environment:
    """What happened to one environment in the period. Lead times: milliseconds from the commit to its first good deployment."""

    name: str
    succeeded: int = 0
    failed: int = 0
    last: Entry | None = None
    last_trail: Trail | None = None
    lead_times: list[float] = field(default_factory=list)

    @property
    def lead_time(self) -> float | None:
        """The median lead time, None without a deployment that succeeded."""
        return median(self.lead_times) if self.lead_times else None


@dataclass(slots=True)
class Figures:
    """All that the report tells. `deployed_at` and `overridden_at` are for the trend, `junk` says why documents are not."""

    trails: int = 0
    commit_only: int = 0
    listed: list[Trail] = field(default_factory=list)
    environments: dict[str, Environment] = field(default_factory=dict)
    deployed_at: list[tuple[datetime, bool]] = field(default_factory=list)
    findings: int = 0
    withdrawn: int = 0
    by_severity: Counter[str] = field(default_factory=Counter)
    by_rule: dict[str, Counter[str]] = field(default_factory=dict)
    rule_names: dict[str, str] = field(default_factory=dict)
    by_actor: dict[str, Counter[str]] = field(default_factory=dict)
    overrides: list[Finding] = field(default_factory=list)
    others: list[Finding] = field(default_factory=list)
    others_total: int = 0
    exclusions: Tally = field(default_factory=Tally)
    junk: list[str] = field(default_factory=list)

    @property
    def deployments(self) -> int:
        """Deployments that ended in the period, well or not."""
        return len(self.deployed_at)

    @property
    def left_out(self) -> int:
        """Trails with more than a commit that are counted and not listed."""
        return self.trails - self.commit_only - len(self.listed)


def figures(trails: Iterable[Trail], findings: Iterable[Finding], window: Window) -> Figures:
    """Count the trails and findings, each given newest first."""
    told = Figures()
    for trail in trails:
        _count_trail(told, trail, window)
    for finding in findings:
        _count_finding(told, finding)
    return told


def _count_trail(told: Figures, trail: Trail, window: Window) -> None:
    state = trail.pipetrail.trail
    told.trails += 1
    if not state.findings and all(entry.stage is Stage.COMMIT for entry in state.entries):
        told.commit_only += 1
    elif len(told.listed) < MOST_TRAILS:
        told.listed.append(trail)
    reached: set[str] = set()
    for entry in sorted(state.entries, key=lambda one: (one.time, one.event_id)):
        if entry.type == _DEPLOYED and entry.environment:
            _count_deployment(told, trail, entry, window, reached)


def _count_deployment(told: Figures, trail: Trail, entry: Entry, window: Window, reached: set[str]) -> None:
    name = str(entry.environment)
    first = name not in reached and entry.result is Result.SUCCESS
    if entry.result is Result.SUCCESS:
        reached.add(name)
    if not _inside(entry.time, window):
        return
    environment = told.environments.setdefault(name, Environment(name))
    succeeded = entry.result is Result.SUCCESS
    environment.succeeded += succeeded
    environment.failed += not succeeded
    told.deployed_at.append((entry.time, succeeded))
    if environment.last is None or entry.time >= environment.last.time:
        environment.last, environment.last_trail = entry, trail
    committed = min((one.time for one in trail.pipetrail.trail.entries if one.type == "commit.recorded"), default=None)
    # Without its commit a trail has no lead time: counting from the deployment itself would say "at once".
    if first and committed is not None:
        environment.lead_times.append((entry.time - committed).total_seconds() * 1000)


def _count_finding(told: Figures, finding: Finding) -> None:
    state = finding.pipetrail.finding
    if state.status == "withdrawn":
        told.withdrawn += 1
        return
    told.findings += 1
    told.exclusions.add(finding)
    told.by_severity[state.severity] += 1
    told.by_rule.setdefault(finding.rule.id, Counter())[state.severity] += 1
    told.rule_names.setdefault(finding.rule.id, finding.rule.name)
    told.by_actor.setdefault(person(finding.user) or NOBODY, Counter())[state.category] += 1
    if state.category == "override":
        told.overrides.append(finding)
        return
    told.others_total += 1
    if len(told.others) < MOST_OTHERS:
        told.others.append(finding)


def _inside(moment: datetime, window: Window) -> bool:
    return (window.since is None or moment >= window.since) and (window.until is None or moment < window.until)
