"""Sees to it that the delivering process runs, and knows how it goes: started, listened to, and started again when it dies."""

import asyncio
import sys
import time
from collections.abc import Callable
from contextlib import suppress

import orjson
import structlog

from pipetrail_producers.collector.metrics import Metrics

# A process that dies at once is not started at once again.
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 30.0
# A process that ran for so long died of something new.
_RAN_WELL_S = 60.0
# How long the end may take before it is enforced: an orchestrator waits for the whole some 10 to 30 s.
STOP_S = 3.0
# A line holds some dozen counters; a kind more than there are would be longer.
_MAX_LINE_BYTES = 1024 * 1024

_log = structlog.get_logger("pipetrail.collect")


class Delivering:
    """The delivering process, and what it told last. For one event loop."""

    def __init__(self, metrics: Metrics, *, told: Callable[[], None]) -> None:
        """`told` is called after each line that the process tells."""
        self._metrics = metrics
        self._told = told
        self._task: asyncio.Task[None] | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = False
        self.kafka_problem = ""
        self.oldest_ms: int | None = None

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.returncode is None

    def start(self) -> None:
        """Start it, and again whenever it dies."""
        self._task = asyncio.create_task(self._supervise())

    async def stop(self) -> None:
        """Let it finish what it is about, for STOP_S at most."""
        self._stopping = True
        process = self._process
        if process is not None and process.returncode is None:
            if process.stdin is not None:
                process.stdin.close()
            try:
                await asyncio.wait_for(process.wait(), STOP_S)
            except TimeoutError:
                process.kill()  # what it did not finish comes again
        if self._task is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._task, 1.0)

    async def _supervise(self) -> None:
        wait_s = _FIRST_WAIT_S
        while True:
            began = time.monotonic()
            try:
                code: int | str = await self._run()
            except (OSError, ValueError) as exc:  # it cannot be started, or says what no delivering process says
                code = str(exc)
            if self._stopping:
                return
            wait_s = _FIRST_WAIT_S if time.monotonic() - began > _RAN_WELL_S else min(wait_s * 2, _LONGEST_WAIT_S)
            self._metrics.restarts.inc()
            _log.error("the delivering process died", exit_code=code, again_in_s=wait_s)
            await asyncio.sleep(wait_s)

    async def _run(self) -> int:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "pipetrail_producers.collector.deliver",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_MAX_LINE_BYTES,
        )
        if self._process.stdout is not None:
            async for line in self._process.stdout:
                self._take(line)
        return await self._process.wait()

    def _take(self, line: bytes) -> None:
        told = orjson.loads(line)
        self._metrics.count_outcomes(told["counts"])
        self.kafka_problem = told["kafka"]
        self.oldest_ms = told["oldest_ms"]
        self._told()
