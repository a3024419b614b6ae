"""`ims portal`: all sensors behind one API."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Option

from ims.cli.options import Check, examples
from ims.cli.start import end_checked, stop_on_signals

EXAMPLES = examples("ims account add alice --role operator --accounts accounts.db", "ims portal --config portal.toml")


def portal(
    config: Annotated[Path, Option(metavar="FILE", help="Settings in TOML: docs/deploy.md.")], check: Check = False
) -> None:
    """Ask all sensors at once, and answer people and programs over HTTPS, until stopped."""
    from ims.freed_memory import collect_garbage, give_back_freed

    give_back_freed()
    from ims.portal.config import read_portal_config

    settings = read_portal_config(config)
    if check:
        from ims.portal.checks import portal_checks
        from ims.process.start_checks import Running

        end_checked(portal_checks(settings, Running("portal", config)))
        return

    from ims.cli.present import announce_compiling
    from ims.portal.daemon import Portal
    from ims.process.logs import log_to_stderr

    log_to_stderr()
    announce_compiling()
    running = Portal(settings)
    collect_garbage()
    stop_on_signals(running.stop)
    running.run()
