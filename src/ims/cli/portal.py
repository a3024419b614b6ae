"""`ims portal`: all sensors behind one API."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = """\b
Examples:
  ims account add alice --role operator --accounts accounts.db
  ims portal --config portal.toml
"""


def portal(
    config: Annotated[Path, typer.Option(metavar="FILE", help="Settings in TOML: docs/deploy.md.")],
) -> None:
    """Ask all sensors at once, and answer people and programs over HTTPS, until stopped."""
    from ims.portal.config import read_portal_config

    settings = read_portal_config(config)
    from ims.portal.daemon import Portal
    from ims.sensor.logs import log_to_stderr

    log_to_stderr()
    running = Portal(settings)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: running.stop())
    running.run()
