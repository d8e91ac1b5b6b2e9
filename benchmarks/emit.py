"""What `pipetrail emit` costs a build, beside the least that a Python program can do: produce one message and flush.

Three commands in turn, so that all meet the same machine: the bare interpreter, a script of five lines with confluent_kafka
(the floor), and `pipetrail emit`, all against one real broker. Whole processes are timed, from start to exit; the ratio is the
median of the rounds' own ratios. Starts a Kafka of its own and leaves nothing behind.
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


def commands(servers: str) -> dict[str, list[str]]:
    """The commands that are compared, by name."""
    floor = FLOOR.replace("SERVERS", servers).replace("TOPIC", EVENTS.name)
    emit = [str(Path(sys.executable).with_name("pipetrail")), "emit", "build.finished", "--result", "success"]
    return {"interpreter": [sys.executable, "-c", ""], "floor": [sys.executable, "-c", floor], "emit": emit}


def measure(rounds: int, servers: str, folder: Path) -> dict[str, list[float]]:
    """Milliseconds of each command in each round; a warm-up round goes first and is not counted."""
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PIPETRAIL_KAFKA_BOOTSTRAP_SERVERS": servers,
        "PIPETRAIL_SPOOL": str(folder / "spool"),
    }
    taken: dict[str, list[float]] = {}
    for number in range(rounds + 1):
        for name, command in commands(servers).items():
            started = perf_counter()
            subprocess.run(command, env=env, cwd=folder, check=True)
            if number > 0:
                taken.setdefault(name, []).append((perf_counter() - started) * 1000)
    return taken


def main() -> None:
    """Print the medians and the ratio of emit to the floor."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as name:
        home = Path(name) / "home"
        try:
            with running(home, opensearch=False) as stack:
                kafka = stack.connection.require_kafka()
                admin = AdminClient({**kafka.client_config(), "log_level": 0})
                admin.create_topics([NewTopic(EVENTS.name, EVENTS.partitions, 1)])[EVENTS.name].result(30)
                taken = measure(rounds, kafka.bootstrap_servers, Path(name))
        finally:
            remove_data(Home(home))
    for command, times in taken.items():
        print(f"{command:12} {statistics.median(times):7.1f} ms  ({min(times):.1f} to {max(times):.1f}, {rounds} rounds)")
    ratios = [emit / floor for emit, floor in zip(taken["emit"], taken["floor"], strict=True)]
    print(f"emit / floor {statistics.median(ratios):7.2f}")


if __name__ == "__main__":
    main()
