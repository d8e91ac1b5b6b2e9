"""A campaign against three workers: kills at seeded moments, and all else that may befall them, while events keep coming.

What happens and when is drawn from a seed, and said in `told`: a run that failed can be had again. Moments are conditions (so
many more records, a worker that is ready), not times, so that a slow machine sees the same campaign.
"""

import random
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from support.index_bench import PATIENCE_S
from support.processor import MISSED_SOON_S, ProcessorBench, Worker
from support.wait import wait_for

if TYPE_CHECKING:
    from pathlib import Path

WORKERS = 3
# Ends by which a worker says that it must not go on, and wants to be started again: as whoever runs it does.
_STALLED = 75
_UNAVAILABLE = 69
# How one may end that was told to: well, as above, or before it was far enough to hear of it.
_LEFT = (0, _STALLED, -signal.SIGTERM)
# Seconds until a moment that does not come is not waited for any longer: nobody may be there to bring it about.
_MOMENT_S = 5.0


class Campaign:
    """Three workers, and what befalls them."""

    def __init__(self, bench: ProcessorBench, values: Sequence[bytes], *, seed: int, kills: int) -> None:
        """Plan it.

        Args:
            bench: the corner of Kafka that it takes place in.
            values: the events, written a share before each step.
            seed: of all that is drawn.
            kills: how many workers are killed with -9.
        """
        self.bench = bench
        bench.session_s = MISSED_SOON_S
        self.told: list[str] = [f"seed {seed}"]
        self.kills = 0
        self._values = values
        self._random = random.Random(seed)  # noqa: S311 - the same campaign for the same seed is what is wanted
        self._workers: dict[int, Worker] = {}
        self._everybody: list[Worker] = []
        self._old_folder: tuple[int, Path] | None = None
        self._steps = self._plan(kills)
        self._began = time.monotonic()

    def run(self) -> None:
        """Go through with it; at its end three workers run and all events are written."""
        try:
            share = len(self._values) // (len(self._steps) + 1)
            for number in range(WORKERS):
                self._start(number)
            for step in self._steps:
                self.bench.produce(self._values[:share])
                self._values = self._values[share:]
                self._wait_for_a_moment()
                step()
                self._revive()
            self.bench.produce(self._values)
            self._tell("all events are written")
        except BaseException:
            self.close()
            raise

    def revive(self) -> bool:
        """Start again who ended by itself as a worker may; true, for use in conditions. Fails when one ended otherwise."""
        self._revive()
        return True

    def stop(self) -> None:
        """Stop the workers in good order."""
        for number, worker in self._workers.items():
            code = worker.stop(PATIENCE_S)
            assert code in _LEFT, f"worker {number} ended with {code}:\n{worker.log_file.read_text()[-3000:]}"
        self._workers.clear()

    def close(self) -> None:
        """Leave nothing running."""
        for worker in self._everybody:
            worker.popen.kill()
            worker.popen.wait()

    def logs(self) -> str:
        """What happened, and the end of what each worker had to say that was no mere information."""
        said = []
        for number, worker in enumerate(self._everybody):
            lines = worker.log_file.read_text(errors="replace").splitlines()
            said += [f"-- start {number}", *[line[:600] for line in lines if '"info"' not in line][-12:]]
        return "\n".join([*self.told, *said])

    def _plan(self, kills: int) -> list[Callable[[], object]]:
        """The steps: kills first of all, and of each other thing what is due, in a drawn order."""
        others: list[Callable[[], object]] = [self._leave, self._leave, *[self._kill_two] * 4]
        plain = kills - 3 - 2 * others.count(self._kill_two)
        steps: list[Callable[[], object]] = [self._kill] * plain + others
        self._random.shuffle(steps)
        third = len(steps) // 3
        draw = self._random.randrange
        # Each in its third: a copy is made before it is put back, and much happens before and after each.
        steps.insert(draw(third, 2 * third), self._restart_kafka)
        steps.insert(draw(third, 2 * third), self._kill_and_delete)
        steps.insert(draw(third, 2 * third), self._empty_the_changelog)
        steps.insert(draw(1, third), self._kill_and_copy)
        steps.insert(draw(2 * third, len(steps)), self._kill_and_put_back)
        return steps

    def _start(self, number: int) -> None:
        self._workers[number] = worker = self.bench.launch(number)
        self._everybody.append(worker)

    def _revive(self) -> None:
        for number in range(WORKERS):
            worker = self._workers.get(number)
            if worker is None:
                self._start(number)
                continue
            if worker.popen.poll() is not None:
                self._start_again(number)

    def _start_again(self, number: int) -> None:
        worker = self._workers[number]
        code = worker.popen.poll()
        assert code in (_STALLED, _UNAVAILABLE), (
            f"worker {number} ended by itself with {code}:\n{worker.log_file.read_text(errors='replace')[-3000:]}"
        )
        self._tell(f"worker {number} ended with {code} and is started again")
        self._start(number)

    def _wait_for_a_moment(self) -> None:
        kind = self._random.choice(("at once", "progress", "ready"))
        more = self._random.randrange(1, 200)
        newest = self._everybody[-1]
        before = len(self.bench.recorded())
        moments: dict[str, Callable[[], bool]] = {
            "at once": lambda: True,
            "progress": lambda: len(self.bench.recorded()) >= before + more,
            "ready": lambda: newest.is_ready,
        }
        with suppress(AssertionError):
            wait_for(moments[kind], timeout_s=_MOMENT_S, what=f"the moment: {kind}")

    def _kill(self) -> int:
        number = self._random.choice(sorted(self._workers))
        self._workers.pop(number).kill()
        self.kills += 1
        self._tell(f"worker {number} killed")
        return number

    def _kill_two(self) -> None:
        self._kill()
        self._kill()

    def _leave(self) -> None:
        number = self._random.choice(sorted(self._workers))
        code = self._workers.pop(number).stop(PATIENCE_S)
        assert code in _LEFT, f"worker {number} stopped with {code}"
        self._tell(f"worker {number} left")

    def _kill_and_delete(self) -> None:
        number = self._kill()
        shutil.rmtree(self.bench.datadir(number), ignore_errors=True)
        self._tell(f"folder {number} deleted")

    def _kill_and_copy(self) -> None:
        wait_for(lambda: self.revive() and self._have_folders(), timeout_s=240, what="every worker to have a folder")
        number = self._kill()
        copy = self.bench.folder / "old"
        shutil.copytree(self.bench.datadir(number), copy)
        self._old_folder = number, copy
        self._tell(f"folder {number} copied")

    def _have_folders(self) -> bool:
        return all(self.bench.datadir(number).is_dir() for number in self._workers)

    def _kill_and_put_back(self) -> None:
        assert self._old_folder
        number, copy = self._old_folder
        self._workers.pop(number).kill()
        self.kills += 1
        shutil.rmtree(self.bench.datadir(number), ignore_errors=True)
        shutil.copytree(copy, self.bench.datadir(number))
        self._tell(f"worker {number} killed, its old folder put back")

    def _empty_the_changelog(self) -> None:
        """While one worker has all partitions: what no disk of theirs has, others could only say to be lost."""
        while len(self._workers) > 1:
            self._leave()
        (last,) = self._workers
        wait_for(lambda: self._keep(last) and self.bench.lag() == 0, timeout_s=240, what="one worker to have all partitions")
        now = datetime.now(UTC).isoformat()
        cut = self.bench.empty_changelog()
        self._tell(f"changelog emptied, {len(cut)} partitions")
        wait_for(
            lambda: self._keep(last) and cut <= self._written_anew(now), timeout_s=240, what="the changelog to be written anew"
        )
        self._tell("changelog written anew")

    def _keep(self, number: int) -> bool:
        """Start that worker again if it ended as it may; true."""
        if self._workers[number].popen.poll() is not None:
            self._start_again(number)
        return True

    def _written_anew(self, since: str) -> set[int]:
        lines = [line for worker in self._everybody for line in worker.log() if line["timestamp"] > since]
        return {line["partition"] for line in lines if line["event"] == "the changelog was written anew"}

    def _restart_kafka(self) -> None:
        self.bench.stack.kafka.kill()
        self._tell("Kafka killed")
        self.bench.stack.kafka.start()
        self._tell("Kafka started")

    def _tell(self, what: str) -> None:
        self.told.append(f"{time.monotonic() - self._began:6.1f} s, {len(self.bench.recorded())} records: {what}")
