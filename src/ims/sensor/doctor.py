"""What is wrong with a box, before it matters: every check looks, changes nothing, and says what to do."""

from __future__ import annotations

import contextlib
import ctypes
import os
import pwd
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from ims.capture.afpacket import PACKET_IGNORE_OUTGOING, SOL_PACKET
from ims.config import SensorConfig
from ims.sensor import doctor_network
from ims.sensor.finding import OK, WARNING, WRONG, Finding
from ims.sensor.privileges import user_to_become

TIME_ERROR = 5
MEMORY_OF_A_WORKER = 700 << 20


def examine(config: SensorConfig) -> Iterator[Finding]:
    """All findings for a sensor with this configuration on this machine."""
    for check in CHECKS:
        try:
            yield from check(config)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            yield Finding(
                WARNING, check.__name__.strip("_"), f"couldn't look: {error}", "look again when the rest is right"
            )


def _capabilities(config: SensorConfig) -> Iterator[Finding]:
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()
    except PermissionError:
        yield Finding(WRONG, "capabilities", "packet sockets are forbidden",
                      "run it as root or give it CAP_NET_RAW, as packaging/ims-sensor.service does")  # fmt: skip
        return
    yield Finding(OK, "capabilities", "packet sockets can be opened")


def _clock(config: SensorConfig) -> Iterator[Finding]:
    state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(256))
    if state == TIME_ERROR:
        yield Finding(WARNING, "clock", "nothing keeps it right", "run chrony or systemd-timesyncd")
    else:
        yield Finding(OK, "clock", "kept right by NTP")


def _disk(config: SensorConfig) -> Iterator[Finding]:
    folder = next(path for path in (config.store, *config.store.absolute().parents) if path.exists())
    usage = shutil.disk_usage(folder)
    free, wanted = usage.free, 2 * config.keep_free
    said = f"{free / 2**30:,.1f} of {usage.total / 2**30:,.1f} GiB free at {folder}"
    if free < wanted:
        yield Finding(WRONG, "disk", f"{said}: below {wanted / 2**30:,.1f} GiB no payloads are stored", "free some")
    elif config.keep_age is None and config.keep_size is None:
        yield Finding(WARNING, "disk", f"{said}, and nothing is ever dropped", "set keep_age or keep_size")
    else:
        yield Finding(OK, "disk", said)


def _memory(config: SensorConfig) -> Iterator[Finding]:
    rings = config.workers * len(config.interfaces)
    wanted = MEMORY_OF_A_WORKER + rings * config.ring
    lines = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    free = int(lines["MemAvailable"].split()[0]) << 10
    said = f"{rings} of {config.ring >> 20} MiB for rings, {wanted / 2**30:.1f} GiB in all; {free / 2**30:.1f} free"
    yield Finding(OK if free > wanted else WARNING, "memory", said, "" if free > wanted else "a smaller `ring`")
    cores = len(os.sched_getaffinity(0))
    if config.workers > cores:
        yield Finding(WARNING, "workers", f"{config.workers} on {cores} cores", f"workers = {cores}")


def _user(config: SensorConfig) -> Iterator[Finding]:
    user = user_to_become(config.user)
    if user is None:
        name = pwd.getpwuid(os.geteuid()).pw_name
        level = WARNING if os.geteuid() == 0 else OK
        yield Finding(level, "user", f"it stays {name}", "" if level == OK else "leave `user` out, or name another")
        return
    for path in (Path(sys.prefix), Path(sys.base_prefix), Path(__file__)):
        closed = next((each for each in (path, *path.parents) if not _may_enter(each, user)), None)
        if closed is not None:
            yield Finding(WARNING, "user", f"{user.pw_name}, whom the sensor becomes, can't enter {closed}",
                          "install ims where everybody may read, such as /opt/ims")  # fmt: skip
            return
    yield Finding(OK, "user", f"it becomes {user.pw_name}")


def _may_enter(path: Path, user: pwd.struct_passwd) -> bool:
    status = path.stat()
    shift = 6 if status.st_uid == user.pw_uid else 3 if status.st_gid == user.pw_gid else 0
    return bool(status.st_mode >> shift & (1 if path.is_dir() else 4))


def _kernel(config: SensorConfig) -> Iterator[Finding]:
    with contextlib.suppress(PermissionError), socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as opened:
        try:
            opened.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        except OSError:
            yield Finding(WARNING, "kernel", f"{os.uname().release}: our own replies pass through the ring, too",
                          "Linux 4.20 or later spares that")  # fmt: skip
            return
        yield Finding(OK, "kernel", f"Linux {os.uname().release}")


CHECKS: tuple[Callable[[SensorConfig], Iterator[Finding]], ...] = (
    _kernel, _capabilities, _user, doctor_network.interfaces, doctor_network.offloads, doctor_network.blocks,
    doctor_network.route, doctor_network.arp, doctor_network.rp_filter, doctor_network.firewall, _clock, _disk, _memory,
)  # fmt: skip
