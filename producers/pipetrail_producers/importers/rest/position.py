"""How far an import came, in a small file, so that the same command goes on where an earlier one stopped.

Written after what a page told was acknowledged, never before: a crash in between tells a page again, which doubles nothing.
The file is of one plan (what, from where, since when); with another plan it says nothing. It goes when everything is done.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipetrail_producers.importers.errors import PositionError

_VERSION = 1


class Position:
    """The place in each step of a plan. `file` None keeps it in memory only.

    Raises:
        PositionError: the file is there and cannot be read.
    """

    def __init__(self, file: Path | None, plan: Mapping[str, Any]) -> None:
        self._file = file
        self._plan = dict(plan)
        self._steps: dict[str, str | None] = self._read()

    @property
    def resumed(self) -> bool:
        """Whether an earlier import of this plan stopped half-way."""
        return bool(self._steps)

    def is_done(self, step: str) -> bool:
        """Whether the whole of a step was imported."""
        return step in self._steps and self._steps[step] is None

    def next(self, step: str) -> str | None:
        """Where a step goes on; None: at its beginning."""
        return self._steps.get(step)

    def came_to(self, step: str, following: str | None) -> None:
        """Keep that a step is imported up to a page; None: it is done.

        Raises:
            PositionError: the file cannot be written.
        """
        self._steps[step] = following
        if self._file is None:
            return
        content = json.dumps({"version": _VERSION, "plan": self._plan, "steps": self._steps}, indent=1)
        beside = self._file.with_name(f"{self._file.name}.{os.getpid()}.tmp")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            beside.write_text(content, encoding="utf-8")
            beside.replace(self._file)
        except OSError as exc:
            raise PositionError(f"{self._file}: {exc.strerror}") from exc

    def finish(self) -> None:
        """All is done: the next import begins anew."""
        self._steps = {}
        if self._file is not None:
            self._file.unlink(missing_ok=True)

    def _read(self) -> dict[str, str | None]:
        if self._file is None:
            return {}
        try:
            content = json.loads(self._file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except OSError as exc:
            raise PositionError(f"{self._file}: {exc.strerror}") from exc
        except ValueError as exc:
            raise PositionError(f"{self._file} is no JSON; delete it to begin anew") from exc
        if not isinstance(content, dict) or content.get("version") != _VERSION or content.get("plan") != self._plan:
            return {}
        steps = content.get("steps")
        return {str(name): place for name, place in steps.items()} if isinstance(steps, dict) else {}
