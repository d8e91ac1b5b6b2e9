"""What all built-in rules cost together: microseconds of processor time an event, the difference that they make to the core.

The stream is a mix that a busy forge gives: changes with their reviews, builds, tests, artifacts and deployments, pushes of
which some are forced, protections that are altered, interventions. `--profile` shows where the time goes.
"""

import argparse
import cProfile
import gc
import pstats
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from pipetrail_processors.labelled import messages
from pipetrail_processors.pipeline import Pipeline
from pipetrail_processors.policy import Policy
from pipetrail_processors.ruleset import RuleSet
from pipetrail_processors.state import MemoryState

_REPOSITORIES = 20
_RUNS = 5
_PEOPLE = ("Ann", "Bob", "Cem", "Dee", "Eve")
_HEADERS = (("content-type", b"application/cloudevents+json"),)
# A change in so many has what rules are about, beside its ordinary life.
_RARE = 10


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--changes", type=int, default=400, help="how many changes are delivered (default 400)")
    parser.add_argument("--profile", action="store_true", help="print where the time goes, from one more run")
    options = parser.parse_args()
    values = list(messages(stream(options.changes)))
    everything = RuleSet.load()
    nothing = RuleSet.of([])
    # In turns, so that both have the same machine.
    pairs = [(run(values, nothing), run(values, everything)) for _ in range(_RUNS)]
    without, together = (min(pair[side] for pair in pairs) for side in (0, 1))
    cost = (together - without) / len(values) * 1e6
    print(f"{len(values):,} events, {len(everything.rules)} rules; best of {_RUNS} runs")
    for name, seconds in (("without rules", without), ("with all rules", together)):
        print(f"{name:16}{len(values) / seconds:>10,.0f} events/s {seconds / len(values) * 1e6:>8.1f} µs an event")
    print(f"{'the rules':16}{'':>19}{cost:>8.1f} µs an event")
    if options.profile:
        profile = cProfile.Profile()
        profile.runcall(run, values, everything)
        pstats.Stats(profile, stream=sys.stdout).sort_stats("tottime").print_stats(30)


def run(values: list[bytes], rules: RuleSet) -> float:
    """Seconds of processor time that the pure core needs for the events with these rules."""
    pipeline = Pipeline(policy=Policy(), rules=rules, alias_wait=timedelta(minutes=10))
    state = MemoryState()
    gc.collect()
    start = time.process_time()
    for value in values:
        pipeline.on_event(value, _HEADERS, state)
    return time.process_time() - start


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
