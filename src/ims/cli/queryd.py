"""`ims queryd`: the query daemon beside a sensor."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Option

from ims.cli.options import Check, examples
from ims.cli.start import end_checked, stop_on_signals
from ims.cli.stderr import outlive_its_reader

if TYPE_CHECKING:
    from ims.queryd.config import QuerydConfig
    from ims.queryd.handshakes import Handshakes

EXAMPLES = examples("ims queryd --config queryd.toml", "ims queryd --store STORE")


def queryd(
    config: Annotated[Path | None, Option(metavar="FILE", help="Settings in TOML: docs/deploy.md.")] = None,
    store: Annotated[Path | None, Option(metavar="DIR", help="The store, instead of settings.")] = None,
    listen: Annotated[str, Option(metavar="ADDRESS:PORT", help="Where, with --store: loopback.")] = "127.0.0.1:9443",
    check: Check = False,
) -> None:
    """Answer a portal's questions about one sensor's store, over mutual TLS, until stopped. It only reads."""
    if (config is None) == (store is None):
        raise ValueError("expected --config FILE, or --store DIR")
    from ims.freed_memory import collect_garbage, give_back_freed

    give_back_freed()
    from ims.queryd.config import checked_queryd, read_queryd_config

    settings = read_queryd_config(config) if config is not None else checked_queryd({"store": store, "listen": listen})
    if check:
        from ims.process.start_checks import Running
        from ims.queryd.checks import queryd_checks

        end_checked(queryd_checks(settings, Running("queryd", config) if config is not None else None))
        return

    from ims.cli.present import announce_compiling
    from ims.process.logs import log_to_stderr
    from ims.queryd.daemon import Queryd

    with _watched_handshakes(settings) as handshakes:
        log_to_stderr()
        announce_compiling()
        running = Queryd(settings)
        collect_garbage()
        stop_on_signals(running.stop)
        running.listen_for_signals()
        if handshakes is not None:
            handshakes.start(running.note_handshake)
        running.run()


@contextlib.contextmanager
def _watched_handshakes(settings: QuerydConfig) -> Iterator[Handshakes | None]:
    """Read libraries' standard error for callers that TLS refuses; not where somebody wants gRPC's own messages."""
    from ims.queryd.handshakes import TRACE, VERBOSITY, Handshakes

    if settings.tls is None or VERBOSITY in os.environ or TRACE in os.environ:
        yield None
        return
    handshakes, before = Handshakes(), sys.stderr
    sys.stderr = open(handshakes.divert(), "w", encoding=before.encoding)  # noqa: PTH123, SIM115  # a descriptor
    outlive_its_reader()
    try:
        yield handshakes
    finally:
        handshakes.end()
        sys.stderr.flush()
        sys.stderr = before
