"""Structured logs: a line of JSON each on standard error, or of words on a terminal."""

from __future__ import annotations

import sys
from typing import Any


def log_to_stderr() -> None:
    """Have all logs go there, with the time in UTC."""
    import structlog

    terminal = sys.stderr.isatty()
    # Without plain_traceback, rich would draw every variable of every frame: half a minute for one of a portal.
    words = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    renderer = words if terminal else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def log_warning(event: str, **said: Any) -> None:
    """Log a warning of a command that seldom has one: structlog isn't loaded before (0.04 s)."""
    import structlog

    structlog.get_logger().warning(event, **said)
