"""How fast the window of the commit graph is: what a deployment costs in a repository with few and with many commits.

A history with branches and merges is recorded through the pipeline's own classes, in memory; then deployments of twenty to a
hundred commits each are placed, first in a small repository, then in a large one. The ratio of the two is the figure: it must
not grow with the repository. `--commits N` sets the size of the large one.
"""

import argparse
import random
import time
from datetime import UTC, datetime, timedelta

from pipetrail_processors.correlate.nodes import Work
from pipetrail_processors.graph.commits import CommitGraph
from pipetrail_processors.graph.streams import Streams
from pipetrail_processors.state.state import MemoryState
from pipetrail_processors.trail.fact import Fact
from pipetrail_schemas.times import format_time

_START = datetime(2020, 1, 1, tzinfo=UTC)
_REPOSITORY = "https://git.example/acme/shop"
_SMALL = 10_000
_DEPLOYMENTS = 50
# Commits between two deployments; every fifth commit is on a branch that is merged with the next trunk commit.
_APART = (20, 100)
_BRANCHES = 5


class CountingState(MemoryState):
    """Counts reads, writes and written bytes: what RocksDB and the changelog would see."""

    reads = writes = written = 0

    def get(self, key: bytes) -> bytes | None:
        """Count, and read."""
        self.reads += 1
        return super().get(key)

    def set(self, key: bytes, value: bytes) -> None:
        """Count, and write."""
        self.writes += 1
        self.written += len(key) + len(value)
        super().set(key, value)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--commits", type=int, default=100_000, help="how many commits the large repository has (100000)")
    options = parser.parse_args()
    costs = []
    for size in (_SMALL, options.commits):
        seconds, carried, state = run(size)
        costs.append(seconds / carried)
        print(
            f"{size:>8,} commits: {seconds / _DEPLOYMENTS * 1000:.2f} ms a deployment of {carried / _DEPLOYMENTS:.0f} commits, "
            f"{seconds / carried * 1e6:.0f} µs, {state.reads / carried:.1f} reads, {state.writes / carried:.2f} writes and "
            f"{state.written / carried:.0f} bytes a carried commit"
        )
    print(f"large beside small, by carried commit: {costs[1] / costs[0]:.2f}")


def run(size: int) -> tuple[float, int, CountingState]:
    """Seconds for all deployments, how many commits they carried, and the state with what was counted meanwhile."""
    state = CountingState()
    trunk = record(state, size)
    chance = random.Random(1)  # noqa: S311 - a workload, not a secret
    state.reads = state.writes = state.written = 0
    at, carried = len(trunk) - _DEPLOYMENTS * _APART[1], 0
    begin = time.perf_counter()
    for number in range(_DEPLOYMENTS + 1):
        work = Work(state, _REPOSITORY)
        carried += len(Streams(work).place(deployment(number), ("prod", ""), trunk[at]))
        work.save()
        at += chance.randrange(*_APART)
    return time.perf_counter() - begin, carried, state


def record(state: MemoryState, size: int) -> list[str]:
    """Record a history of an hour a commit; returns the commits of the trunk, oldest first."""
    graph = CommitGraph(state, _REPOSITORY)
    trunk: list[str] = []
    branch: str | None = None
    for number in range(size):
        commit = f"{number:040x}"
        moment = format_time(_START + timedelta(hours=number))
        if number % _BRANCHES == _BRANCHES - 1:
            graph.put(commit, moment, trunk[-1:])
            branch = commit
            continue
        graph.put(commit, moment, [*trunk[-1:], *([branch] if branch else [])])
        branch = None
        trunk.append(commit)
    return trunk


def deployment(number: int) -> Fact:
    """A successful deployment to production."""
    entry = {
        "type": "deployment.finished",
        "event_id": f"deployment {number}",
        "time": format_time(_START + timedelta(days=10_000 + number)),
        "environment": "prod",
        "result": "success",
    }
    return {"e": entry}


if __name__ == "__main__":
    main()
