"""The command line: parse, call, print; one file per command.

Heavy imports are made inside the commands, so that `ims --help` answers in half a second. Bad usage and bad
input end in one line on standard error and exit code 2; `IMS_DEBUG=1` shows the traceback instead.
"""

from __future__ import annotations

import gc
import os
import sys
from typing import Any, NoReturn

import typer

from ims.cli import (
    accounts,
    analyse,
    demo,
    doctor,
    export,
    ingest,
    install_service,
    pki,
    portal,
    query,
    queryd,
    registry,
    sensor,
    ship,
    simulate,
    store,
)
from ims.cli.root_command import app
from ims.cli.stderr import error_line, outlive_its_reader

app.command("ingest", epilog=ingest.EXAMPLES)(ingest.ingest)
app.add_typer(sensor.app, name="sensor")
app.command("queryd", epilog=queryd.EXAMPLES)(queryd.queryd)
app.command("portal", epilog=portal.EXAMPLES)(portal.portal)
app.command("doctor", epilog=doctor.EXAMPLES)(doctor.doctor)
app.command("ship", epilog=ship.EXAMPLES)(ship.ship)
app.command("install-service", epilog=install_service.EXAMPLES)(install_service.install_service)
app.command("export", epilog=export.EXAMPLES)(export.export)
app.command("simulate", epilog=simulate.EXAMPLES)(simulate.simulate)
app.command("demo", epilog=demo.EXAMPLES)(demo.demo)
app.add_typer(query.app, name="query")
app.add_typer(analyse.app, name="analyse")
app.add_typer(store.app, name="store")
app.add_typer(accounts.app, name="account")
app.add_typer(pki.app, name="pki")
app.add_typer(registry.app, name="registry")


# Typer carries a click of its own, whose base class it doesn't export.
_USAGE: type[Any] = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")


def _open_standard_output() -> None:
    """Discard what is written to a closed standard output or error, lest a file opened later takes its number."""
    for number, name in ((1, "stdout"), (2, "stderr")):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_WRONLY)
            if null != number:
                os.dup2(null, number)
                os.close(null)
            setattr(sys, name, os.fdopen(number, "w"))


def main() -> None:
    """Run `ims`: what the console script calls."""
    gc.set_threshold(100_000, 50, 50)  # importing makes a million objects and no garbage: 0.08 s of a 0.9 s answer
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy's linear algebra, unused here, would start spinning
    _open_standard_output()
    outlive_its_reader()
    try:
        code = app(standalone_mode=False)
    except _USAGE as error:
        _refuse(error.format_message())
    except (typer.Abort, KeyboardInterrupt):
        sys.exit(130)
    except BrokenPipeError:
        _end_unread()
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):  # for which click exits with 1
            _end_unread()
        raise
    except Exception as error:
        from ims.cause import engine_behind

        known = isinstance(error, ValueError | OSError | MemoryError) or engine_behind(error) is not None
        if os.environ.get("IMS_DEBUG") or not known:
            raise
        _refuse(error_line(error) + _caret(error))
    sys.exit(code if isinstance(code, int) else 0)


def _end_unread() -> NoReturn:
    """End normally: the reader of our output has read enough."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains at exit
    sys.exit(0)


def _caret(error: BaseException) -> str:
    """On a terminal, the filter and a caret below its error."""
    if not (hasattr(error, "column") and hasattr(error, "text") and sys.stderr.isatty()):
        return ""
    from ims.query.language.errors import point

    return "\n" + point(error.text, error.column)


def _refuse(line: str) -> None:
    print(f"ims: {line}", file=sys.stderr)
    sys.exit(2)
