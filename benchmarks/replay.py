"""How fast a replay is for each core, beside the pure function that it calls: one run, the same events from a file.

The pure function works on one core, in memory, on events that are read already; the replay has a process for each core, reads
the file, deals it out, and writes the outcome. Both are measured by the clock and by processor time: on a machine that is busy
with other work only the latter says anything. Starting the processes is part of it: `--events` makes its share small or large.
"""

import argparse
import os
import resource
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from pipetrail_processors.detect.ruleset import RuleSet
from pipetrail_processors.guard.policy import Policy
from pipetrail_processors.replay.crew import Crew
from pipetrail_processors.replay.files import FileHistory
from pipetrail_processors.replay.message import Scope
from pipetrail_processors.replay.plan import Plan
from pipetrail_processors.replay.trial import Span
from pipetrail_schemas.times import now
from pipetrail_schemas.topics import TRAILS
from pure_function import ROUND, run, stream

_WAIT = timedelta(minutes=10)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--events", type=int, default=100_000, help="how many events (default 100000)")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)), help="processes (default: one a core)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.ndjson"
        values = list(stream(options.events))
        path.write_bytes(b"\n".join(values))
        before = _processor_seconds()
        seconds, _ = run(values, ROUND)
        pure = options.events / seconds
        pure_us = (_processor_seconds() - before) / options.events * 1e6
        del values
        rate, replay_us, trails = replay(path, options.workers, options.events)
    cores = min(options.workers, len(os.sched_getaffinity(0)))
    print(f"{options.events:,} events, {trails:,} trails; {options.workers} workers on {cores} cores")
    print(f"{'pure function':16}{pure:>10,.0f} events/s a core {pure_us:>7.0f} µs of processor time an event")
    print(f"{'replay':16}{rate / cores:>10,.0f} events/s a core {replay_us:>7.0f} µs of processor time an event")
    print(f"{'ratio':16}{rate / cores / pure:>10.2f} by the clock {pure_us / replay_us:>10.2f} by processor time")
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"{'largest worker':16}{largest:>10,.0f} MB")


def replay(path: Path, workers: int, events: int) -> tuple[float, float, int]:
    """Events a second, processor time in microseconds for each of them in all processes, and how many trails there are."""
    plan = Plan([[compiled.rule for compiled in RuleSet.load().rules]], Policy(), _WAIT)
    before, start = _processor_seconds(), time.perf_counter()
    with Crew(plan, workers=workers) as crew:
        outcome = crew.replay(FileHistory([str(path)]), Scope(), now(), Span())
        trails = sum(1 for _ in outcome.latest(TRAILS))
        seconds = time.perf_counter() - start
    return events / seconds, (_processor_seconds() - before) / events * 1e6, trails


def _processor_seconds() -> float:
    """Of this process and those that it has waited for."""
    found = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in found)


if __name__ == "__main__":
    main()
