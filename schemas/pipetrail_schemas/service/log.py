"""Structured logs on stderr: one JSON object a line, or readable lines on a terminal. Values of events are never logged.

The libraries' own lines come in the same form, from warnings on: what they say below is for their authors.
"""

import logging
import os
import sys
from typing import Any

import structlog

_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def configure(level: str, style: str) -> None:
    """Set up logging for the process. `level` is debug, info, warning or error; `style` auto, json or console."""
    console = style == "console" or (style == "auto" and sys.stderr.isatty())
    # Colour only where a terminal is and NO_COLOR (no-color.org) is not set: what is not one gets plain lines.
    colors = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    last = structlog.dev.ConsoleRenderer(colors=colors) if console else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[*_SHARED, structlog.processors.format_exc_info, last],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*_SHARED, structlog.stdlib.add_logger_name],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                last,
            ],
        )
    )
    logging.basicConfig(level=logging.DEBUG if level == "debug" else logging.WARNING, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
