"""Runs the application until it is told to stop: signals, the ready mark, the exit code. Opens no port."""

from collections.abc import Callable
from typing import Any

import faust
import structlog

from pipetrail_processors.engine.agents import end
from pipetrail_processors.engine.app import ProcessorApp

_log = structlog.get_logger("pipetrail.process")


class Worker(faust.Worker):
    """Faust's worker without its ornaments."""

    def __init__(self, app: ProcessorApp, *, ready: Callable[[], None]) -> None:
        """`ready` is called once: when the state is recovered and partitions are assigned."""
        super().__init__(app, quiet=True, override_logging=False, redirect_stdouts=False)
        self.spinner = None
        self._ready = ready

    async def on_startup_finished(self) -> None:
        """Called when tables are recovered and partitions assigned."""
        if self._shutdown_immediately:
            return
        _log.info("ready")
        self._ready()

    def run(self) -> None:
        """Run until SIGTERM or SIGINT; blocks. An error of the application is raised at the end."""
        self.execute_from_commandline()

    def _crash(self, reason: BaseException) -> None:
        # Faust would wind everything down in good order, commits included. Nothing is known to be in order.
        if self.should_stop:
            super()._crash(reason)
        else:
            end(reason)

    def on_worker_shutdown(self) -> None:
        """Say so; the process's title stays."""
        _log.info("stopping")

    def _setproctitle(self, *_args: Any, **_options: Any) -> None:
        """Nothing: what `ps` shows is the command that was given."""

    def _on_sigusr2(self) -> None:
        """Nothing: Faust would open a debugger."""
