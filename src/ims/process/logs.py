"""Structured logs on standard error: a line of JSON each, or of words on a terminal."""

from __future__ import annotations

import sys
from typing import Any


def log_to_stderr() -> None:
    """Send all logs there, with the time in UTC."""
    import structlog

    # Without plain_traceback, rich would draw every variable of every frame: half a minute for one of a portal.
    words = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    renderer = words if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    structlog.configure(
        processors=[structlog.processors.add_log_level, stamp, renderer],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def log_warning(event: str, **fields: Any) -> None:
    """Log a warning of a command that seldom has one: structlog isn't loaded before (0.04 s)."""
    import structlog

    structlog.get_logger().warning(event, **fields)
