"""Write docs/settings.md from the settings' own models: `python docs/settings.py [--check]`."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from page import write_or_check
from pipetrail_processors.settings import ProcessSettings
from pipetrail_producers.collector.settings import CollectSettings
from pipetrail_schemas.service.settings import Settings
from pipetrail_sinks.notify.settings import NotifySettings
from pipetrail_sinks.settings import IndexSettings, IndicesSettings
from pydantic.fields import FieldInfo

TARGET = Path(__file__).with_name("settings.md")

HEAD = """# Settings

Written by `make docs` from the programs themselves. All settings are environment variables; where Kafka and OpenSearch are is
told by `PIPETRAIL_KAFKA_…` and `PIPETRAIL_OPENSEARCH_…`, or by the file that `pipetrail up` writes.

A value that is not allowed stops the program, and is named with what is; so is a variable with a program's prefix that is no
setting. What delivery hangs on (acknowledgements, idempotence, partitioning, commits, where reading starts) cannot be set.
"""
PROGRAMS: dict[str, type[Settings]] = {
    "pipetrail collect": CollectSettings,
    "pipetrail process": ProcessSettings,
    "pipetrail index": IndexSettings,
    "pipetrail indices": IndicesSettings,
    "pipetrail notify": NotifySettings,
}
_BOUNDS = {"ge": "from", "gt": "above", "le": "to", "lt": "below"}


def document() -> str:
    """The whole page."""
    return "\n".join([HEAD, *(line for name, model in PROGRAMS.items() for line in _section(name, model))])


def _section(name: str, model: type[Settings]) -> Iterator[str]:
    yield f"## {name}\n"
    yield "| variable | default | allowed | what it is |"
    yield "|---|---|---|---|"
    prefix = str(model.model_config.get("env_prefix", ""))
    for field, info in model.model_fields.items():
        yield f"| `{prefix}{field}`".upper() + f" | {_default(info)} | {_allowed(info)} | {_cell(info.description or '')} |"
    yield ""


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "needed"
    return "" if info.default is None else f"`{str(info.default).lower() if isinstance(info.default, bool) else info.default}`"


def _allowed(info: FieldInfo) -> str:
    """The kind of value and its bounds, in words."""
    bounds = [f"{word} {getattr(one, name)}" for one in info.metadata for name, word in _BOUNDS.items() if hasattr(one, name)]
    kinds = [kind for kind in (info.annotation, *get_args(info.annotation)) if kind in _KINDS]
    kind = _KINDS[kinds[0]] if kinds else "text"
    return " ".join([kind, *bounds])


_KINDS: dict[Any, str] = {int: "whole number", float: "number", bool: "true or false", Path: "path"}


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    sys.exit(write_or_check(TARGET, document))
