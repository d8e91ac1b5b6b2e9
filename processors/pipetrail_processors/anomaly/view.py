"""What a rule sees of a sample that is out of the ordinary, and the fields by which its texts and conditions name it."""

from collections.abc import Callable, Mapping, Sequence

from pipetrail_processors.anomaly.verdict import Verdict, day
from pipetrail_processors.detect.case import Case, Value
from pipetrail_processors.guard.policy import Policy
from pipetrail_processors.trail.fact import Fact
from pipetrail_processors.trail.summary import Subject
from pipetrail_processors.watch.dossier import DossierView

_NOTHING = Verdict(value="", normal="", samples=0, since_ms=0, score=0.0)


class MeasureView(DossierView):
    """The events of a finding, and the verdict."""

    def __init__(self, subject: Subject, facts: Sequence[Fact], policy: Policy, verdict: Verdict) -> None:
        super().__init__(subject, facts, policy, lambda _: {})
        self.verdict = verdict


def _verdict(case: Case) -> Verdict:
    return case.view.verdict if isinstance(case.view, MeasureView) else _NOTHING


def _run(case: Case) -> str:
    """What ran: pipeline and task, else what kind of run."""
    return str(case.facts[0].get("k", "")).strip("/") or str(case.entry.get("type", "")).partition(".")[0]


def _place(case: Case) -> str:
    """Where it was deployed: environment, and service where there is one."""
    service = case.facts[0].get("v", "")
    return f"{service} in {case.entry.get('environment', '')}" if service else str(case.entry.get("environment", ""))


FIELDS: Mapping[str, Callable[[Case], Value]] = {
    "measure.value": lambda case: _verdict(case).value,
    "measure.normal": lambda case: _verdict(case).normal,
    "measure.samples": lambda case: _verdict(case).samples,
    "measure.since": lambda case: day(_verdict(case).since_ms),
    "measure.known": lambda case: f"of {_verdict(case).samples} since {day(_verdict(case).since_ms)}",
    "measure.score": lambda case: int(_verdict(case).score),
    "measure.run": _run,
    "measure.place": _place,
}
