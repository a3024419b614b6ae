"""`ims queryd`: the query daemon beside a sensor."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = """\b
Examples:
  ims queryd --config queryd.toml
  ims queryd --store STORE
"""


def queryd(
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Settings in TOML: docs/deploy.md.")] = None,
    store: Annotated[Path | None, typer.Option(metavar="DIR", help="The store, instead of settings.")] = None,
    listen: Annotated[str, typer.Option(metavar="ADDRESS:PORT", help="Where, with --store: loopback.")] = (
        "127.0.0.1:9443"
    ),
    check: Annotated[
        bool, typer.Option("--check", help="Only check what a start checks; exit status 2 where it would be refused.")
    ] = False,
) -> None:
    """Answer a portal's questions about one sensor's store, over mutual TLS, until stopped. It only reads."""
    if (config is None) == (store is None):
        raise ValueError("wanted --config FILE, or --store DIR")
    from ims.queryd.config import QuerydConfig, checked_queryd, read_queryd_config

    settings: QuerydConfig = (
        read_queryd_config(config) if config is not None else checked_queryd({"store": store, "listen": listen})
    )
    if check:
        from ims.cli.check import end_checked
        from ims.queryd.checks import queryd_checks
        from ims.sensor.check import Running

        end_checked(queryd_checks(settings, Running("queryd", config) if config is not None else None))
        return

    from ims.cli.present import announce_compiling
    from ims.queryd.daemon import Queryd
    from ims.sensor.logs import log_to_stderr

    log_to_stderr()
    announce_compiling()
    running = Queryd(settings)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: running.stop())
    running.listen_for_signals()
    running.run()
