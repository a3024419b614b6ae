"""Structured logs: a line of JSON each on standard error, or of words on a terminal."""

from __future__ import annotations

import sys

import structlog


def log_to_stderr() -> None:
    """Have all logs go there, with the time in UTC."""
    terminal = sys.stderr.isatty()
    renderer = structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
