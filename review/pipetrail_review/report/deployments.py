"""Deployments as the page shows them: a row an environment, and the bars of the trend. Pure."""

from dataclasses import dataclass
from datetime import tzinfo

from pipetrail_review.documents import label_of
from pipetrail_review.moments import duration, stamp
from pipetrail_review.report.changes import NO_RECORD_SIGN, anchor
from pipetrail_review.report.figures import Environment
from pipetrail_review.report.trend import Step, Trend
from pipetrail_review.text import count, plain

# The chart's own units; the page stretches it.
BAR_WIDTH, BAR_GAP, UPPER, LOWER = 10.0, 2.0, 100.0, 40.0


@dataclass(frozen=True, slots=True)
class EnvironmentView:
    """One row of the deployments."""

    name: str
    deployments: str
    succeeded: str
    failed: str
    last: str
    last_trail: str
    last_anchor: str
    lead_time: str


@dataclass(frozen=True, slots=True)
class BarView:
    """One step of the chart, in its units: offset from the left, and heights of its three parts."""

    label: str
    x: float
    succeeded: float
    failed: float
    overrides: float


def environment_view(environment: Environment, zone: tzinfo | None, listed: frozenset[str]) -> EnvironmentView:
    """An environment as the page shows it."""
    last, trail = environment.last, environment.last_trail
    lead_time = environment.lead_time
    trail_id = trail.pipetrail.trail.id if trail else ""
    return EnvironmentView(
        name=plain(environment.name),
        deployments=f"{environment.succeeded + environment.failed:,}",
        succeeded=f"{environment.succeeded:,}",
        failed=f"{environment.failed:,}",
        last=stamp(last.time, zone) if last else "",
        last_trail=label_of(trail) if trail else "",
        last_anchor=anchor(trail_id) if trail_id in listed else "",
        lead_time=f"{duration(lead_time)} ({len(environment.lead_times)})" if lead_time is not None else NO_RECORD_SIGN,
    )


def bars(trend: Trend) -> list[BarView]:
    """The trend as bars: deployments above the line to the height UPPER, overrides below it to LOWER."""
    up, down = UPPER / max(trend.most_deployments, 1), LOWER / max(trend.most_overrides, 1)
    return [
        BarView(
            label=_bar_label(step),
            x=number * (BAR_WIDTH + BAR_GAP),
            succeeded=round(step.succeeded * up, 2),
            failed=round(step.failed * up, 2),
            overrides=round(step.overrides * down, 2),
        )
        for number, step in enumerate(trend.steps)
    ]


def _bar_label(step: Step) -> str:
    return f"{step.label}: {count(step.deployments, 'deployment')}, {step.failed} failed, {count(step.overrides, 'override')}"
