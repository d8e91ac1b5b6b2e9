"""How well anomalies are found, and what that costs: `ARGS='[--teams N] [--repository PATH [--since DATE]]'`.

Generated histories with planted anomalies (tests/support/histories.py): precision and recall of each rule at its default
thresholds. The same histories with nothing planted, and a real repository of somebody else: false alarms a week. What it costs:
the processor time of the pure core with the rules that measure, beside the same without them.

A repository's history is judged twice: its commits as they are, and as if each commit on its trunk had been deployed by its
author when it was made, with all that came with it, since commits alone have neither builds nor deployments.
"""

import argparse
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
from pipetrail_processors.detect.labelled import messages
from pipetrail_processors.detect.ruleset import RuleSet
from pipetrail_schemas import ids
from pipetrail_schemas.times import parse_time
from pipetrail_schemas.types import EVENT_TYPES

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from rule_cost import stream
from support.histories import MEASURED, WEEKS, findings, history, judged, measuring, scores, table

# Seeds that no test uses and no threshold was chosen by.
_FIRST_SEED = 100
_SHOWN = 5
_CHANGES = 600
_WEEK_S = 7 * 86_400
_DEPLOYED = EVENT_TYPES["deployment.finished"]

Event = dict[str, Any]


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--teams", type=int, default=10, help=f"how many histories of {WEEKS} weeks (default 10)")
    parser.add_argument("--repository", type=Path, help="a clone or mirror of a repository whose history is judged, too")
    parser.add_argument("--since", help="leave out of it what was committed before")
    options = parser.parse_args()
    seeds = range(_FIRST_SEED, _FIRST_SEED + options.teams)
    planted = history(seeds)
    print(f"{len(planted.events):,} events of {options.teams} teams in {WEEKS} weeks each, seeds from {_FIRST_SEED} on")
    for line in table(scores(planted, judged(planted))):
        print(line)
    quiet = history(seeds, planted=False)
    _print_alarms("the same teams with nothing planted", judged(quiet), options.teams * WEEKS)
    _print_cost("of these events", list(messages(quiet.events)))
    _print_cost("of a busy forge's mix (rule_cost.py)", list(messages(stream(_CHANGES))))
    if options.repository:
        _print_repository(options.repository, options.since)


def _print_cost(what: str, values: list[bytes]) -> None:
    rounds = [(_seconds(values, RuleSet.of([])), _seconds(values, measuring())) for _ in range(3)]
    without, together = (min(one[side] for one in rounds) / len(values) * 1e6 for side in (0, 1))
    print(f"cost {what}: {together - without:.1f} µs an event, beside {without:.1f} µs of the core without rules")


def _seconds(values: list[bytes], rules: RuleSet) -> float:
    start = time.process_time()
    findings(values, rules)
    return time.process_time() - start


def _print_repository(path: Path, since: str | None) -> None:
    command = [
        sys.executable,
        "-m",
        "pipetrail",
        "import",
        "git",
        str(path),
        "--dry-run",
        *(["--since", since] if since else []),
    ]
    values = subprocess.run(command, check=True, capture_output=True).stdout.splitlines()
    times = [parse_time(orjson.loads(value)["time"]) for value in values]
    weeks = (max(times) - min(times)).total_seconds() / _WEEK_S
    print(f"{path.parent.name}: {len(values):,} commits in {weeks:,.0f} weeks")
    _print_alarms("its commits as they are", findings(values, measuring()), weeks)
    deployed = list(_as_deployed([orjson.loads(value) for value in values]))
    _print_alarms(f"as {len(deployed):,} deployments of its trunk", findings([*values, *deployed], measuring()), weeks)


def _as_deployed(commits: list[Event]) -> Iterator[bytes]:
    """The commits of the trunk, first parents from the tip on, as deployments; in order of time."""
    by_id = {commit["subject"]: commit for commit in commits}
    parents = {parent for commit in commits for parent in commit["data"]["pipetrail"]["commit"].get("parents", ())}
    tips = [commit for commit in commits if commit["subject"] not in parents]
    at = max(tips, key=lambda commit: str(commit["time"]), default=None)
    trunk = []
    while at:
        trunk.append(at)
        at = by_id.get(next(iter(at["data"]["pipetrail"]["commit"].get("parents", ())), ""))
    for commit in sorted(trunk, key=lambda commit: str(commit["time"])):
        deployment = {"id": commit["subject"], "environment": {"name": "trunk"}}
        data = {**commit["data"], "deployment": deployment, "pipetrail": {"result": "success"}}
        envelope = {"type": _DEPLOYED.full_name, "dataschema": _DEPLOYED.schema_url, "id": _deployment_id(commit)}
        yield orjson.dumps({**commit, **envelope, "recordedtime": commit["time"], "data": data})


def _deployment_id(commit: Event) -> str:
    return ids.event_id(provider="benchmark", instance=commit["source"], kind=_DEPLOYED.name, native_id=commit["subject"])


def _print_alarms(what: str, found: list[Event], weeks: float) -> None:
    print(f"{what}: {len(found)} false alarms in {weeks:,.0f} weeks, {len(found) / weeks:.3f} a week")
    counts = Counter(one["rule"]["id"] for one in found)
    for rule in (rule for rule in MEASURED if counts[rule]):
        print(f"  {rule:34}{counts[rule]:>6}{counts[rule] / weeks:>9.3f} a week")
    for one in found[-_SHOWN:]:
        print(f"    {one['@timestamp'][:16]}  {one['message']:.150}")


if __name__ == "__main__":
    main()
