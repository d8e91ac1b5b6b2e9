"""How fast the pure core is: one process, state in memory, a mixed stream of deliveries, all built-in rules on.

Prints events a second for `Pipeline.on_event` beside its floor, decoding and validating the same events, and with `--profile`
where the time goes. `--events N` sets the length.
"""

import argparse
import hashlib
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from _profile import print_profile
from pipetrail_processors.correlate.round import Round
from pipetrail_processors.detect.ruleset import RuleSet
from pipetrail_processors.guard.policy import Policy
from pipetrail_processors.pipeline import Pipeline
from pipetrail_processors.state.state import MemoryState
from pipetrail_schemas import ids
from pipetrail_schemas.check import event_type
from pipetrail_schemas.event import Event
from pipetrail_schemas.times import format_time

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
REPOSITORIES = 50
_WAIT = timedelta(minutes=10)
_PEOPLE = ("Ann", "Bob", "Cem", "Dee", "Eve")
# As many as the worker takes in together when it has a backlog (`PIPETRAIL_PROCESS_BATCH_MESSAGES`).
ROUND = 1000
# Deliveries that are under way at the same time: their events come interleaved.
_INTERLEAVED = 20
_RUNS = 3


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--events", type=int, default=20_000, help="how many events (default 20000)")
    parser.add_argument("--profile", action="store_true", help="print where the time goes, from a second run")
    parser.add_argument("--round", type=int, default=ROUND, help=f"how many events are taken in together (default {ROUND})")
    options = parser.parse_args()
    values = list(stream(options.events))
    outputs = run(values, options.round)[1]
    floor = min(validate(values) for _ in range(_RUNS))
    seconds = min(run(values, options.round)[0] for _ in range(_RUNS))
    size = sum(map(len, values)) / len(values)
    print(f"{len(values):,} events of {size:.0f} bytes, {outputs / len(values):.2f} outputs an event; best of {_RUNS} runs")
    for name, needed in (("floor: JSON and schema", floor), ("pure function", seconds)):
        print(f"{name:24}{len(values) / needed:>10,.0f} events/s {needed / len(values) * 1e6:>8.1f} µs an event")
    print(f"{'ratio':24}{floor / seconds:>10.2f}")
    if options.profile:
        print_profile(run, values, options.round)


def validate(values: list[bytes]) -> float:
    """Seconds that reading and validating the events takes, and nothing else: no processor can do with less."""
    start = time.perf_counter()
    for value in values:
        Event.model_validate_json(value)
    return time.perf_counter() - start


def run(values: list[bytes], size: int) -> tuple[float, int]:
    """Seconds that the pipeline needs for the events, in rounds of this size, and how many messages it gives."""
    pipeline = Pipeline(policy=Policy(), rules=RuleSet.load(), alias_wait=_WAIT)
    state = MemoryState()
    headers = (("content-type", b"application/cloudevents+json"),)
    outputs = 0
    start = time.perf_counter()
    for first in range(0, len(values), size):
        together = Round(state)
        for value in values[first : first + size]:
            outputs += len(pipeline.take_event(together, value, headers))
        outputs += len(pipeline.end(together))
    return time.perf_counter() - start, outputs


def stream(count: int) -> Iterator[bytes]:
    """A mixed stream: deliveries of some kinds, interleaved."""
    number = 0
    deliveries: list[list[bytes]] = []
    produced = 0
    while produced < count:
        while len(deliveries) < _INTERLEAVED:
            deliveries.append(list(delivery(number)))
            number += 1
        for events in list(deliveries):
            yield events.pop(0)
            produced += 1
            if not events:
                deliveries.remove(events)
            if produced == count:
                return


def repository_of(number: int) -> str:
    """Which repository a delivery is of."""
    return f"https://git.example/acme/service-{number % REPOSITORIES}"


def delivery(number: int, apart_s: float = 30.0) -> Iterator[bytes]:
    """One change on its way: of seven, one stays undeployed, one has its tests skipped, one is deployed by its digest.

    Each begins so many seconds after the one before it.
    """
    repository = repository_of(number)
    commit = hashlib.sha1(b"%d" % number, usedforsecurity=False).hexdigest()
    digest = "sha256:" + hashlib.sha256(b"%d" % number).hexdigest()
    author, other = _PEOPLE[number % 5], _PEOPLE[(number + 1) % 5]
    vcs = {
        "repository": {"name": f"service-{number % REPOSITORIES}", "url": {"full": repository}},
        "ref": {"head": {"name": "main", "type": "branch", "revision": commit}},
    }
    run_url = f"{repository}/runs/{number}"

    def event(step: int, kind: str, data: dict[str, Any], actor: str = author, *, linked: bool = True) -> bytes:
        moment = format_time(START + timedelta(seconds=number * apart_s + step * 20))
        described = event_type(kind)
        where = vcs if linked else {"repository": vcs["repository"]}
        user = {"id": actor.lower(), "name": actor, "email": f"{actor.lower()}@acme.example"}
        return orjson.dumps(
            {
                "specversion": "1.0",
                "id": ids.event_id(provider="bench", instance=repository, kind=kind, native_id=f"{number}-{step}"),
                "source": repository,
                "type": described.full_name,
                "time": moment,
                "recordedtime": moment,
                "subject": f"{number}/{step}",
                "datacontenttype": "application/json",
                "dataschema": described.schema_url,
                "partitionkey": repository,
                "data": {"user": user, "vcs": where, **data},
            }
        )

    def ran(name: str, result: str | None = None) -> dict[str, Any]:
        task = {"name": name, "run": {"id": f"{number}-{name}", "url": {"full": run_url}}}
        cicd = {"pipeline": {"name": "ci", "run": {"id": str(number)}, "task": task}, "system": "bench"}
        timed = {"event": {"duration": 4_200_000_000}, "pipetrail": {"result": result, "run": {"attempt": 1}}}
        return {"cicd": cicd, **(timed if result else {"pipetrail": {"run": {"attempt": 1}}})}

    message = f"PAY-{number} Retry on 503\n\nThe gateway gives up too early."
    person = {"name": author, "email": f"{author.lower()}@acme.example"}
    yield event(0, "commit.recorded", {"pipetrail": {"commit": {"message": message, "author": person, "parents": []}}})
    yield event(1, "pipelinerun.started", ran("ci"))
    yield event(2, "build.started", ran("build"))
    yield event(3, "build.finished", ran("build", "success"))
    if number % 7 == 1:
        skipped = {"pipetrail": {"stage": "test", "skip": "on_purpose"}, "event": {"reason": "hotfix"}}
        yield event(4, "taskrun.skipped", {**ran("test"), **skipped})
    else:
        yield event(4, "testsuiterun.started", ran("test"))
        yield event(5, "testsuiterun.finished", ran("test", "success"))
    yield event(6, "artifact.packaged", {**ran("package"), "artifact": {"hash": digest, "filename": "service.tar.gz"}})
    yield event(7, "pipelinerun.finished", ran("ci", "success"))
    if number % 7 == 0:
        return
    place = {"id": str(number), "environment": {"name": "prod"}}
    linked = number % 7 != 2
    yield event(8, "approval.decided", {"pipetrail": {"decision": "approved"}, "deployment": place}, other)
    yield event(9, "deployment.started", {"deployment": place, "artifact": {"hash": digest}}, linked=linked)
    done = {"deployment": place, "artifact": {"hash": digest}, "pipetrail": {"result": "success"}}
    yield event(10, "deployment.finished", done, linked=linked)


if __name__ == "__main__":
    main()
