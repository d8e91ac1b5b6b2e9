"""The only way to an agent. Faust acknowledges what an agent failed on; here the process ends instead, before anything is.

A batch counts as done when the work on it has returned, and never otherwise (`transport.batch`). Whatever goes wrong ends the
process at once: a restart reads again from what is committed.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterable, Awaitable, Callable
from typing import NoReturn

import faust
import structlog
from faust.types import TopicT
from pipetrail_schemas.errors import PipetrailError

from pipetrail_processors.transport.batch import Batch

UNEXPECTED = 70  # EX_SOFTWARE of sysexits.h

_log = structlog.get_logger("pipetrail.process")


def add_agent(app: faust.App, topic: TopicT, work: Callable[[Batch], Awaitable[None]]) -> None:
    """Let `work` have every batch of the topic, one after the other."""

    @app.agent(topic, name=work.__qualname__)
    async def agent(stream: AsyncIterable[Batch]) -> None:
        async for batch in stream:
            await ending_the_process(work(batch))
            batch.done = True


async def ending_the_process(work: Awaitable[None]) -> None:
    """Wait for the work; an error of it ends the process. A cancellation is passed on: what it was for is not done."""
    try:
        await work
    except asyncio.CancelledError:
        raise
    except BaseException as exc:  # noqa: BLE001 - there is nothing that may be survived
        end(exc)


def end(error: BaseException) -> NoReturn:
    """End the process now, without any clean-up that could acknowledge something."""
    if isinstance(error, PipetrailError):
        _log.critical("ends, nothing is acknowledged", error=type(error).__name__, reason=str(error))
    else:
        _log.critical("ends, nothing is acknowledged", exc_info=error)
    sys.stderr.flush()
    os._exit(error.exit_code if isinstance(error, PipetrailError) else UNEXPECTED)
