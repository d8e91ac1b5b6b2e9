"""What `pipetrail emit` costs a build, beside the least that a Python program can do: produce one message and flush.

Commands in turn, so that all meet the same machine: the bare interpreter, a script of five lines with confluent_kafka (the
floor), `pipetrail emit` in a job of a CI system and outside of one (where it asks git), all against one real broker. Whole
processes are timed, from start to exit; the ratio is the median of the rounds' own ratios. Starts a Kafka of its own and leaves
nothing behind.

With `--datadog-ci PATH` (from npm, `@datadog/datadog-ci`) its smallest comparable command goes along: `tag` with one tag, as a
dry run, which builds the request and sends nothing; so it is spared the network that `emit` waits for.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from pipetrail_deploy.places import Home, remove_data
from pipetrail_deploy.stack import running
from pipetrail_schemas.topics import EVENTS

FLOOR = """
from confluent_kafka import Producer
producer = Producer({"bootstrap.servers": "SERVERS", "acks": "all", "linger.ms": 0})
producer.produce("TOPIC", b"x" * 800, b"key")
raise SystemExit(producer.flush(10))
"""


# What a job of GitLab's has, as far as either tool asks for it.
JOB = {
    "CI": "true",
    "GITLAB_CI": "true",
    "CI_SERVER_URL": "https://git.acme.example",
    "CI_PROJECT_URL": "https://git.acme.example/acme/shop",
    "CI_PROJECT_PATH": "acme/shop",
    "CI_REPOSITORY_URL": "https://git.acme.example/acme/shop.git",
    "CI_COMMIT_SHA": "5c81e53d41bb0f20ab3a5ca2f5f1f2c6d9a7e0b4",
    "CI_COMMIT_REF_NAME": "main",
    "CI_COMMIT_BRANCH": "main",
    "CI_PIPELINE_ID": "7731",
    "CI_PIPELINE_URL": "https://git.acme.example/acme/shop/-/pipelines/7731",
    "CI_JOB_ID": "91823",
    "CI_JOB_NAME": "build",
    "CI_JOB_STAGE": "build",
    "CI_JOB_URL": "https://git.acme.example/acme/shop/-/jobs/91823",
    "GITLAB_USER_LOGIN": "ada",
}
# What it needs to begin at all: no real key, and nothing is sent.
DATADOG = {"DD_API_KEY": "0" * 32, "DATADOG_API_KEY": "0" * 32}


def commands(servers: str, datadog_ci: str | None) -> dict[str, tuple[list[str], dict[str, str]]]:
    """The commands that are compared, and what each has in its environment, by name."""
    floor = FLOOR.replace("SERVERS", servers).replace("TOPIC", EVENTS.name)
    emit = [str(Path(sys.executable).with_name("pipetrail")), "emit", "build.finished", "--result", "success"]
    found = {
        "interpreter": ([sys.executable, "-c", ""], {}),
        "floor": ([sys.executable, "-c", floor], {}),
        "emit": (emit, JOB),
        "emit, no CI": (emit, {}),
    }
    if datadog_ci:
        found["datadog-ci"] = ([datadog_ci, "tag", "--level", "job", "--tags", "team:a", "--dry-run"], JOB | DATADOG)
    return found


def measure(rounds: int, servers: str, folder: Path, datadog_ci: str | None) -> dict[str, list[float]]:
    """Milliseconds of each command in each round; a warm-up round goes first and is not counted."""
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PIPETRAIL_KAFKA_BOOTSTRAP_SERVERS": servers,
        "PIPETRAIL_SPOOL": str(folder / "spool"),
    }
    taken: dict[str, list[float]] = {}
    for number in range(rounds + 1):
        for name, (command, more) in commands(servers, datadog_ci).items():
            started = perf_counter()
            subprocess.run(command, env=env | more, cwd=folder, check=True, capture_output=True)
            if number > 0:
                taken.setdefault(name, []).append((perf_counter() - started) * 1000)
    return taken


def main() -> None:
    """Print the medians and the ratio of emit to the floor."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--datadog-ci", metavar="PATH")
    given = parser.parse_args()
    rounds: int = given.rounds
    with tempfile.TemporaryDirectory() as name:
        home = Path(name) / "home"
        try:
            with running(home, opensearch=False) as stack:
                kafka = stack.connection.require_kafka()
                admin = AdminClient({**kafka.client_config(), "log_level": 0})
                admin.create_topics([NewTopic(EVENTS.name, EVENTS.partitions, 1)])[EVENTS.name].result(30)
                taken = measure(rounds, kafka.bootstrap_servers, Path(name), given.datadog_ci)
        finally:
            remove_data(Home(home))
    for command, times in taken.items():
        print(f"{command:12} {statistics.median(times):7.1f} ms  ({min(times):.1f} to {max(times):.1f}, {rounds} rounds)")
    for command in [name for name in taken if name.startswith(("emit", "datadog"))]:
        ratios = [one / floor for one, floor in zip(taken[command], taken["floor"], strict=True)]
        print(f"{command} / floor {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()
