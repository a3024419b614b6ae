"""`ims doctor` for a sensor: every check changes nothing, and says what to do."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from ims.capture.afpacket import PACKET_IGNORE_OUTGOING, SOL_PACKET
from ims.process.doctor import OK, WARNING, WRONG, Finding, findings, root
from ims.process.file_access import check_program_readable
from ims.process.privileges import user_to_become
from ims.process.start_checks import Running, findings_of
from ims.sensor import doctor_network
from ims.sensor.config import SensorConfig
from ims.sensor.sensor_checks import sensor_checks
from ims.text import quantity

TIME_ERROR = 5
MEMORY_OF_A_WORKER = 700 << 20


def examine(config: SensorConfig, file: Path | None = None) -> Iterator[Finding]:
    """All findings for a sensor with this configuration, from this file, on this machine: what it checks at its start,
    and what would be a problem later."""
    running = Running("sensor", file) if file is not None else None
    yield from findings_of(sensor_checks(config, file, running=running))
    yield from findings({look.__name__.strip("_"): partial(look, config) for look in LOOKS})


def _clock(config: SensorConfig) -> Iterator[Finding]:
    state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(256))
    if state == TIME_ERROR:
        yield Finding(WARNING, "clock", "it is not synchronised", "run chrony or systemd-timesyncd")
    else:
        yield Finding(OK, "clock", "kept right by NTP")


def _disk(config: SensorConfig) -> Iterator[Finding]:
    folder = next(path for path in (config.store, *config.store.absolute().parents) if path.exists())
    usage, needed = shutil.disk_usage(folder), 2 * config.keep_free
    state = f"{usage.free / 2**30:,.1f} of {usage.total / 2**30:,.1f} GiB free at {folder}"
    if usage.free < needed:
        yield Finding(WRONG, "disk", f"{state}: below {needed / 2**30:,.1f} GiB no payloads are stored", "free some")
    elif config.keep_age is None and config.keep_size is None:
        yield Finding(WARNING, "disk", f"{state}, and nothing is ever dropped", "set keep_age or keep_size")
    else:
        yield Finding(OK, "disk", state)


def _memory(config: SensorConfig) -> Iterator[Finding]:
    rings = config.workers * len(config.interfaces)
    needed = MEMORY_OF_A_WORKER + rings * config.ring
    lines = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    free = int(lines["MemAvailable"].split()[0]) << 10
    state = f"{rings} of {config.ring >> 20} MiB for rings, {needed / 2**30:.1f} GiB in all; {free / 2**30:.1f} free"
    yield Finding(OK if free > needed else WARNING, "memory", state, "" if free > needed else "a smaller `ring`")
    cores = len(os.sched_getaffinity(0))
    if config.workers > cores:
        yield Finding(WARNING, "workers", f"{config.workers} on {quantity(cores, 'core')}", f"workers = {cores}")


def _user(config: SensorConfig) -> Iterator[Finding]:
    yield from root(config.user)
    try:
        check_program_readable(user_to_become(config.user))
    except PermissionError as error:  # no failure: a start loads what it needs before
        problem, _, remedy = str(error).partition("; ")
        yield Finding(WARNING, "user", problem, remedy)


def _kernel(config: SensorConfig) -> Iterator[Finding]:
    with contextlib.suppress(PermissionError), socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as opened:
        try:
            opened.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        except OSError:
            yield Finding(WARNING, "kernel", f"{os.uname().release}: our own replies pass through the ring, too",
                          "Linux 4.20 or later spares that")  # fmt: skip
            return
        yield Finding(OK, "kernel", f"Linux {os.uname().release}")


LOOKS: tuple[Callable[[SensorConfig], Iterator[Finding]], ...] = (
    _kernel, _user, doctor_network.interfaces, doctor_network.offloads, doctor_network.route, doctor_network.arp,
    doctor_network.rp_filter, doctor_network.firewall, _clock, _disk, _memory,
)  # fmt: skip
"""Checks that no start makes."""
