"""What is wrong with a box, before it matters: every check looks, changes nothing, and says what to do."""

from __future__ import annotations

import contextlib
import ctypes
import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from ims.capture.afpacket import PACKET_IGNORE_OUTGOING, SOL_PACKET
from ims.config import SensorConfig
from ims.sensor import doctor_network
from ims.sensor.access import REMEDY, Need, check_program_readable, obstacles, sentence
from ims.sensor.finding import OK, WARNING, WRONG, Finding
from ims.sensor.privileges import user_to_become

TIME_ERROR = 5
MEMORY_OF_A_WORKER = 700 << 20


def examine(config: SensorConfig, file: Path | None = None) -> Iterator[Finding]:
    """All findings for a sensor with this configuration, from this file, on this machine."""
    checks = {check.__name__.strip("_"): partial(check, config) for check in CHECKS}
    checks["access"] = partial(_access, config, file)
    yield from findings(checks)


def findings(checks: Mapping[str, Callable[[], Iterable[Finding]]]) -> Iterator[Finding]:
    """What some checks, by subject, find; one that can't look says so."""
    for subject, check in checks.items():
        try:
            yield from check()
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            yield Finding(WARNING, subject, f"couldn't look: {error}", "look again when the rest is right")


def access(name: str | None, needs: Sequence[Need]) -> Iterator[Finding]:
    """Whether the user that a daemon becomes can use all files that it needs; `name`: its setting `user`."""
    user = user_to_become(name)
    found = obstacles(user, needs, stay_root=name == "root")
    for obstacle in found:
        yield Finding(WRONG, "access", sentence(user, obstacle), REMEDY)
    if not found and needs:
        yield Finding(OK, "access", f"{', '.join(need.named for need in needs)} can be used")


def program(name: str | None) -> Iterator[Finding]:
    """Which user a daemon becomes, and whether it can read the program; `name`: its setting `user`."""
    user = user_to_become(name)
    if user is None:
        stays = pwd.getpwuid(os.geteuid()).pw_name
        level = WARNING if os.geteuid() == 0 else OK
        yield Finding(level, "user", f"it stays {stays}", "" if level == OK else "leave `user` out, or name another")
        return
    try:
        check_program_readable(user)
    except PermissionError as error:
        said, _, remedy = str(error).partition("; ")
        yield Finding(WARNING, "user", said, remedy)
        return
    yield Finding(OK, "user", f"it becomes {user.pw_name}")


def _access(config: SensorConfig, file: Path | None) -> Iterator[Finding]:
    from ims.sensor.daemon import needs

    found = needs(config, file)
    if not config.store.exists() or not any(config.store.iterdir()):  # the sensor makes it his
        found = [need for need in found if need.path != config.store]
    return access(config.user, found)


def _capabilities(config: SensorConfig) -> Iterator[Finding]:
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()
    except PermissionError:
        yield Finding(WRONG, "capabilities", "packet sockets are forbidden",
                      "run it as root or give it CAP_NET_RAW, as `ims install-service sensor` does")  # fmt: skip
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
    return program(config.user)


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
