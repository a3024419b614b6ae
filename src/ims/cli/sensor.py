"""`ims sensor`: live capture and responder."""

from __future__ import annotations

import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, get_args

import typer
from typer import Argument, Exit, Option, Typer

from ims.cli.options import Check, examples
from ims.cli.start import act_as_owner, end_checked, stop_on_signals
from ims.cli.stderr import warn
from ims.text import quantity

EXAMPLES = examples(
    "ims sensor --config sensor.toml",
    "ims sensor --interface eth0 --store STORE --sensor sensor-a --block C/24=198.51.100.0/24",
    "ims sensor --interface eth0 --store STORE --sensor sensor-a --block C/24=198.51.100.0/24 --policy synack --arp",
    "ims sensor --replay dark.pcap --speed 0 --store STORE --sensor sensor-b --block C/24=198.51.100.0/24",
)

app = Typer(rich_markup_mode=None)
RETIRE = "ims sensor retire sensor-a --store STORE"
StoreOf = Annotated[Path, Option("--store", metavar="DIR", help="The store that has it.")]


@app.callback(invoke_without_command=True, epilog=EXAMPLES)
def sensor(
    context: typer.Context,
    config: Annotated[Path | None, Option(metavar="FILE", help="Settings in TOML: docs/sensor.md.")] = None,
    interface: Annotated[list[str] | None, Option(metavar="IF", help="An interface; give one or more.")] = None,
    store: Annotated[Path | None, Option(metavar="DIR", help="The store; made if there is none.")] = None,
    sensor: Annotated[str | None, Option(metavar="NAME", help="The sensor's name.")] = None,
    block: Annotated[list[str] | None, Option(metavar="NAME=CIDR", help="A monitored block; give one or more.")] = None,
    policy: Annotated[str, Option(metavar="silent|synack|ack|reset", help="What is answered, on every port.")] = "ack",
    arp: Annotated[bool, Option("--arp", help="Answer ARP for the blocks: they are on-link.")] = False,
    reply_limit: Annotated[str, Option(metavar="PPS|none", help="Replies a second to one address.")] = "500",
    replay: Annotated[
        str | None, Option(metavar="FILE", help="Replay a capture; no reply is sent. Exit status 3 if it is damaged.")
    ] = None,
    speed: Annotated[float, Option(min=0, metavar="N", help="How many times as fast to replay; 0: at once.")] = 1.0,
    check: Check = False,
    check_reload: Annotated[bool, Option("--check-reload", help="Only check what SIGHUP would have taken up.")] = False,
) -> None:
    """Watch interfaces, answer what comes to the monitored blocks, and store every packet, until stopped."""
    if context.invoked_subcommand is not None:
        if config or interface or store or sensor or block or replay:
            raise ValueError(f"options of `ims sensor {context.invoked_subcommand}` stand behind its name")
        return
    import os

    # Arrow's jemalloc, unused, would start a thread before privileges are dropped, which belong to a thread.
    os.environ["JE_ARROW_MALLOC_CONF"] = "background_thread:false"
    from ims.process.privileges import no_new_privileges

    no_new_privileges()
    from ims.sensor.config import SensorConfig, checked, read_config

    def read() -> SensorConfig:
        if config is not None:
            return read_config(config)
        return checked(_data(interface, store, sensor, block, policy, arp, reply_limit, replay))

    if config is not None and (interface or store or sensor or block):
        raise ValueError("expected --config, or --interface, --store, --sensor and --block, not both")
    settings = read()
    if replay is not None:
        act_as_owner(settings.store, captures=True)
    if check or check_reload:
        from ims.process.start_checks import Running
        from ims.sensor.sensor_checks import reload_checks, sensor_checks

        known, replayed = Running("sensor", config) if config is not None else None, replay is not None
        checks = reload_checks(settings, replayed) if check_reload else sensor_checks(settings, config, replayed, known)
        end_checked(checks)
        return

    from ims.cli.present import announce_compiling
    from ims.freed_memory import collect_garbage
    from ims.process.logs import log_to_stderr
    from ims.respond.reply import REPLIES
    from ims.sensor.daemon import Sensor

    log_to_stderr()
    announce_compiling()
    running = Sensor(settings, replay, speed, config)
    stop_on_signals(running.stop)
    signal.signal(signal.SIGHUP, lambda *_: running.reload())
    try:
        running.open()
    except InterruptedError as error:
        warn(str(error))
        raise Exit(130) from None
    collect_garbage()
    line = None
    if sys.stderr.isatty():
        from ims.cli.live_line import LiveLine

        line = LiveLine(running.state)
    try:
        running.run(read if config is not None else None, line)
    except RuntimeError as error:
        warn(f"{error}; what was taken before is stored")
        raise Exit(1) from None
    finally:
        if line is not None:
            line.end()
    state = running.state()
    complete, warnings = running.replayed
    warn(
        f"stopped; {quantity(state.stored, 'packet')} stored, {state.lost_in_ring + state.not_stored:,} lost, "
        f"{quantity(state.sum_of(*REPLIES), 'reply', 'replies')}",
        *warnings,
    )
    if not complete:
        raise Exit(3)


def _data(
    interface: list[str] | None,
    store: Path | None,
    sensor: str | None,
    block: list[str] | None,
    policy: str,
    arp: bool,
    reply_limit: str,
    replay: str | None,
) -> dict[str, Any]:
    required = {"--interface": interface or replay, "--store": store, "--sensor": sensor, "--block": block}
    missing = ", ".join(name for name, value in required.items() if not value)
    if missing:
        raise ValueError(f"{missing} missing; expected --config FILE, or --interface, --store, --sensor and --block")
    from ims.sensor.config import Policy

    if policy not in get_args(Policy):
        raise ValueError(f"--policy {policy!r}: expected one of {', '.join(get_args(Policy))}")
    blocks = []
    for text in block or ():
        name, equals, prefix = text.partition("=")
        if not equals:
            raise ValueError(f"block {text!r}: expected NAME=CIDR, such as C/24=198.51.100.0/24")
        blocks.append({"name": name, "prefix": prefix, "policy": policy})
    try:
        limit: float | str = reply_limit if reply_limit == "none" else float(reply_limit)
    except ValueError:
        raise ValueError(f"--reply-limit {reply_limit!r}: expected a number, or none") from None
    found = {"name": sensor, "store": store, "interfaces": interface or ["replay"], "block": blocks, "arp": arp}
    return found | {"reply_limit": limit} | ({"global_limit": "none"} if limit == "none" else {})


@app.command(epilog=examples("ims sensor rename here sensor-a --store STORE"))
def rename(
    old: Annotated[str, Argument(metavar="OLD", help="The sensor's name in the store.")],
    new: Annotated[str, Argument(metavar="NEW", help="Its name from now on.")],
    store: StoreOf,
) -> None:
    """Give a sensor of a store another name, with all of its packets. Stop the sensor before.

    Where it was cut off, the same command goes on. What went to a lake stays there under its old name, so a sensor that
    was shipped can't be renamed.
    """
    from ims.store.rename import rename_sensor
    from ims.store.schema import check_store

    act_as_owner(store)
    check_store(store)
    rename_sensor(store, old, new)
    print(f"{store}: sensor {old} is {new} now")
    need = f"the settings' `name`, the certificate (`ims pki issue {new} --role sensor`) and the portal's registry need"
    warn(f"{need} the same name")


@app.command(epilog=examples(RETIRE, f"{RETIRE} --undo"))
def retire(
    name: Annotated[str, Argument(metavar="NAME", help="The sensor's name in the store.")],
    store: StoreOf,
    undo: Annotated[bool, Option("--undo", help="Let it write again.")] = False,
) -> None:
    """End a sensor of a store for good: its last hour is finished, and nothing more is written under its name.

    Questions are answered as before. What no lake has yet is named. Stop the sensor before.
    """
    from ims.store.retirement import retire_sensor, take_back
    from ims.store.schema import check_store

    act_as_owner(store)
    check_store(store)
    if undo:
        print(f"{store}: sensor {name} {'may write again' if take_back(store, name) else 'was not retired'}")
        return
    done = retire_sensor(store, name)
    print(f"{store}: sensor {name} is retired; {_until(done.until_us)}, {quantity(done.hours, 'hour')} finished now")
    if done.lake and done.unshipped:
        print(f"not in {done.lake} yet, `ims ship` takes it there: {quantity(len(done.unshipped), 'file')}")
        for path in done.unshipped:
            print(f"  {path}")
    elif done.lake:
        print(f"all of it is in {done.lake}")
    else:
        print(f"none of it was shipped to a lake: {quantity(len(done.unshipped), 'file')} in the store alone")


def _until(until_us: int | None) -> str:
    if until_us is None:
        return "it never watched"
    return f"it watched until {datetime.fromtimestamp(until_us / 1e6, UTC):%Y-%m-%dT%H:%M:%SZ}"
