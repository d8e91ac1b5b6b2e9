"""What all built-in rules cost together: microseconds of processor time an event, the difference that they make to the core.

The stream is a mix that a busy forge gives: changes with their reviews, builds, tests, artifacts and deployments, pushes of
which some are forced, protections that are altered, interventions. In rounds of one, as on a quiet day, and of 60, as a worker
with a small backlog takes them in; `--profile` shows where the time goes.
"""

import argparse
import gc
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from _profile import print_profile
from pipetrail_processors.correlate.round import Round
from pipetrail_processors.detect.labelled import messages
from pipetrail_processors.detect.ruleset import RuleSet
from pipetrail_processors.guard.policy import Policy
from pipetrail_processors.pipeline import Pipeline
from pipetrail_processors.state.state import MemoryState

_REPOSITORIES = 20
_RUNS = 5
_STRETCH = 120  # events: some 30 ms, in which little else happens, and whole rounds of up to as many
_PEOPLE = ("Ann", "Bob", "Cem", "Dee", "Eve")
_HEADERS = (("content-type", b"application/cloudevents+json"),)
# A change in so many has what rules are about, beside its ordinary life.
_RARE = 10


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--changes", type=int, default=400, help="how many changes are delivered (default 400)")
    parser.add_argument(
        "--round", type=int, nargs="+", default=[1, 60], help="how many events are taken in together (default 1 and 60)"
    )
    parser.add_argument("--profile", action="store_true", help="print where the time goes, from one more run")
    options = parser.parse_args()
    values = list(messages(stream(options.changes)))
    everything = RuleSet.load()
    for batch in options.round:
        without, together = compared(values, RuleSet.of([]), everything, batch=batch)
        print(f"{len(values):,} events in rounds of {batch}, {len(everything.rules)} rules; stretches' best of {_RUNS}")
        for name, cost in (("without rules", without), ("with all rules", together)):
            print(f"{name:16}{1e6 / cost:>10,.0f} events/s {cost:>8.1f} µs an event")
        print(f"{'the rules':16}{'':>19}{together - without:>8.1f} µs an event, {together / without - 1:.2f} of the rest")
        if options.profile:
            print_profile(Core(everything, batch).take, values)


def compared(values: list[bytes], *sides: RuleSet, batch: int) -> list[float]:
    """Microseconds of processor time an event that the pure core needs with each of the sets of rules.

    They take turns every few events, and of each stretch the best of several runs counts: so all have the same machine, and
    what else runs on it disturbs none more than the other.
    """
    stretches = [values[start : start + _STRETCH] for start in range(0, len(values), _STRETCH)]
    best = [[float("inf")] * len(stretches) for _ in sides]
    for _ in range(_RUNS):
        cores = [Core(rules, batch) for rules in sides]
        gc.collect()
        for number, stretch in enumerate(stretches):
            for core, times in zip(cores, best, strict=True):
                start = time.process_time()
                core.take(stretch)
                times[number] = min(times[number], time.process_time() - start)
    return [sum(times) / len(values) * 1e6 for times in best]


class Core:
    """The pure core with some rules, which takes in events in rounds of a size."""

    def __init__(self, rules: RuleSet, batch: int) -> None:
        self._pipeline = Pipeline(policy=Policy(), rules=rules, alias_wait=timedelta(minutes=10))
        self._state = MemoryState()
        self._batch = batch

    def take(self, values: list[bytes]) -> None:
        """Take in events."""
        for start in range(0, len(values), self._batch):
            together = Round(self._state)
            for value in values[start : start + self._batch]:
                self._pipeline.take_event(together, value, _HEADERS)
            self._pipeline.end(together)


def stream(changes: int) -> Iterator[dict[str, Any]]:
    """The events of so many changes, in short form."""
    for number in range(changes):
        repository = f"https://git.example/acme/repo-{number % _REPOSITORIES}"
        for place, event in enumerate(_change(number)):
            about = {"vcs.repository.url.full": repository, "partitionkey": repository, "key": f"{number} {place}"}
            yield {**about, "minute": number * 3 + place * 0.1, **event}


def _change(number: int) -> Iterator[dict[str, Any]]:
    author, reviewer = _PEOPLE[number % 5], _PEOPLE[(number + 1) % 5]
    head, merged = f"{number:040x}", f"{number + 2**64:040x}"
    change = {"vcs.change.id": str(number), "user.name": author}
    run = {"cicd.pipeline.run.id": str(number), "cicd.pipeline.name": "ci"}
    digest = f"sha256:{number:064x}"
    commit = {"pipetrail.commit": {"message": f"PAY-{number} Do it", "author": {"name": author}}, "user.name": author}
    yield {"type": "push.received", "vcs.ref.head": {"name": f"{author}/{number}", "revision": head}, "user.name": author}
    yield {"type": "commit.recorded", "vcs.ref.head": {"name": f"{author}/{number}", "revision": head}, **commit}
    yield {"type": "change.created", "vcs.ref": {"head": {"revision": head}, "base": {"name": "main"}}, **change}
    for name in ("lint", "unit", "integration"):
        task = {"cicd.pipeline.task.name": name, "vcs.ref.head.revision": head, **run}
        yield {"type": "taskrun.started", **task}
        yield {"type": "taskrun.finished", "pipetrail.result": "success", "pipetrail.stage": "test", **task}
    yield {
        "type": "change.reviewed",
        "vcs.ref.head.revision": head,
        **change,
        "user.name": reviewer,
        "pipetrail.decision": "approved",
    }
    if number % _RARE == 0:
        yield from _rare(number, author)
    yield {"type": "change.merged", "vcs.ref": {"head": {"revision": head}, "base": {"name": "main"}}, **change,
           "pipetrail.change.merge_revision": merged}  # fmt: skip
    yield {"type": "push.received", "vcs.ref.head": {"name": "main", "revision": merged}, "user.name": author}
    yield {"type": "commit.recorded", "vcs.ref.head": {"name": "main", "revision": merged}, **commit}
    trunk = {"vcs.ref.head.revision": merged, "cicd.pipeline.run.id": f"m{number}", "cicd.pipeline.name": "ci"}
    yield {"type": "pipelinerun.started", **trunk}
    yield {"type": "build.started", **trunk}
    yield {"type": "build.finished", "pipetrail.result": "success", **trunk}
    yield {"type": "testsuiterun.finished", "pipetrail.result": "success", **trunk}
    yield {"type": "artifact.packaged", "artifact.hash": digest, **trunk}
    for name in ("staging", "prod"):
        where = {"deployment.environment.name": name, "deployment.id": f"{number}-{name}", "artifact.hash": digest}
        if name == "prod":
            yield {"type": "approval.decided", "pipetrail.decision": "approved", "user.name": reviewer, **trunk}
        yield {"type": "deployment.started", "user.name": author, **where, **trunk}
        yield {"type": "deployment.finished", "user.name": author, "pipetrail.result": "success", **where, **trunk}
    yield {"type": "pipelinerun.finished", "pipetrail.result": "success", **trunk}


def _rare(number: int, author: str) -> Iterator[dict[str, Any]]:
    protection = {"type": "policy.changed", "vcs.ref": None, "pipetrail.control": "branch protection", "user.name": author}
    yield {"type": "push.received", "vcs.ref.head.name": f"{author}/{number}", "user.name": author, "event.action": "forced"}
    yield {**protection, "event.action": "edited"}
    yield {"type": "intervention.recorded", "vcs.ref": None, "event.action": "rerun", "user.name": author}
    yield {"type": "policy.bypassed", "vcs.ref": None, "pipetrail.control": "branch protection", "user.name": author}


if __name__ == "__main__":
    main()
