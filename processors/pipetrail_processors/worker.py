"""Runs the application until it is told to stop: signals, the ready mark, the exit code. Opens no port."""

from pathlib import Path
from typing import Any

import faust
import structlog

from pipetrail_processors.agents import end
from pipetrail_processors.app import ProcessorApp

_log = structlog.get_logger("pipetrail.process")


class Worker(faust.Worker):
    """Faust's worker without its ornaments."""

    def __init__(self, app: ProcessorApp, *, ready_file: Path | None) -> None:
        super().__init__(app, quiet=True, override_logging=False, redirect_stdouts=False)
        self.spinner = None
        self._ready_file = ready_file

    async def on_startup_finished(self) -> None:
        """Called when tables are recovered and partitions assigned."""
        if self._shutdown_immediately:
            return
        _log.info("ready")
        if self._ready_file:
            self._ready_file.write_text("ready\n", encoding="utf-8")

    def run(self) -> None:
        """Run until SIGTERM or SIGINT; blocks. An error of the application is raised at the end."""
        try:
            self.execute_from_commandline()
        finally:
            if self._ready_file:
                self._ready_file.unlink(missing_ok=True)

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
