"""Structured logs on stderr: one JSON object a line, or readable lines on a terminal. Nothing of a body is ever logged."""

import logging
import sys

import structlog


def configure(level: str, style: str) -> None:
    """Set up logging for the process. `level` is debug, info, warning or error; `style` auto, json or console."""
    console = style == "console" or (style == "auto" and sys.stderr.isatty())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.dev.ConsoleRenderer() if console else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
