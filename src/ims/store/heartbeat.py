"""A live sensor's heartbeat in its store: `_state/sensor=NAME/heartbeat`, one block rewritten in place.

The block is reserved when the file is made and never grows, so it can be written on a full disk (except on file systems
that copy on write). It is one line: a checksum, and `Beat` in JSON. While the sensor's process lives it holds a lock on
the file (fcntl(2), open file description locks), which ends with the process, however that ends. Anybody who may read
the file can test the lock, from another container too. Process numbers, which are reused, aren't compared.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import struct
import time
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ims.full_disk import naming
from ims.store.checked_record import checked_block, line_text, read_block
from ims.store.damage import DamageError
from ims.store.schema import state_folder
from ims.stored_file import open_regular

BLOCK = 4096
"""Octets of the file: a page, which most file systems write at once."""
UNWRITTEN = b" " * (BLOCK - 1) + b"\n"
"""The block before the first heartbeat."""
MENDED = "the sensor's next start, or removing it, mends it"
TEXT = 300
_FLOCK = struct.Struct("@hhqqi0q")
Moment = Annotated[float, Field(ge=0, lt=1 << 38)]
Count = Annotated[int, Field(ge=0, lt=1 << 63)]
Text = Annotated[str, Field(max_length=TEXT)]


class Beat(BaseModel):
    """How a sensor is. Moments are seconds since the epoch by its clock."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    boot: Annotated[str, Field(max_length=64)] = ""
    """the kernel's boot id: `uptime` means nothing in another"""
    uptime: Moment = 0.0
    """CLOCK_BOOTTIME, which can't be set"""
    time: Moment
    began: Moment
    """since when it watches"""
    replay: bool = False
    ended: Moment | None = None
    """when it was stopped, in order"""
    down: tuple[Annotated[str, Field(max_length=16)], ...] = Field(default=(), max_length=32)
    """interfaces that are down, where all are"""
    last_packet: Moment | None = None
    storing: bool = True
    storing_since: Moment
    """since when it stores, or doesn't"""
    why: Text = ""
    """why it doesn't"""
    payloads_since: Moment | None = None
    """since when new payloads aren't stored, because the disk is nearly full"""
    lost_in_ring: Count = 0
    lost_in_store: Count = 0
    losing_since: Moment | None = None
    """since when packets are lost, where some were lost just now"""
    lost_now: Count = 0
    """packets lost since it stopped storing, or since `losing_since`"""


class Heard(NamedTuple):
    """What a reader finds. `lives`: whether the process that wrote it lives; None where the file system can't tell."""

    beat: Beat
    lives: bool | None


def heartbeat_file(store: Path, sensor: str) -> Path:
    """Where a sensor's heartbeat is."""
    return state_folder(store, sensor) / "heartbeat"


def boot_id() -> str:
    """The kernel's id of this boot; empty where it can't be read."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def uptime() -> float:
    """Seconds since the boot, sleep included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Heartbeat:
    """The writer's side: whoever holds the sensor's lock may make one. Raises OSError."""

    def __init__(self, store: Path, sensor: str) -> None:
        file = heartbeat_file(store, sensor)
        self._name = str(file)
        self._fd = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        try:
            with naming(file):
                if os.fstat(self._fd).st_size < BLOCK and os.pwrite(self._fd, UNWRITTEN, 0) != BLOCK:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                with contextlib.suppress(OSError):  # a file system that reserves nothing keeps the written block
                    os.posix_fallocate(self._fd, 0, BLOCK)
            _lock(self._fd)
        except BaseException:
            os.close(self._fd)
            raise

    def write(self, beat: Beat) -> None:
        """Replace the block. Raises OSError."""
        block = checked_block(beat.model_dump_json(exclude_defaults=True).encode(), BLOCK)
        if len(block) > BLOCK:
            raise ValueError(f"a heartbeat of {len(block):,} octets; expected at most {BLOCK:,}")
        with naming(self._name):
            os.pwrite(self._fd, block, 0)

    def close(self) -> None:
        """Release the lock; may be called again."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _lock(fd: int) -> None:
    request = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    try:
        fcntl.fcntl(fd, fcntl.F_OFD_SETLK, request)
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL):
            raise


def _is_held(fd: int) -> bool | None:
    """Whether a process holds the lock; it isn't taken."""
    request = _FLOCK.pack(fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0)
    try:
        found = fcntl.fcntl(fd, fcntl.F_OFD_GETLK, request)
    except OSError:
        return None
    return bool(_FLOCK.unpack(found)[0] != fcntl.F_UNLCK)


def read_heartbeat(store: Path, sensor: str) -> Heard | None:
    """A sensor's last heartbeat; None where none was ever written, or its block is damaged. Raises OSError."""
    try:
        fd = os.open(heartbeat_file(store, sensor), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return None
        lives = _is_held(fd)  # before it is read: a sensor that ends meanwhile has written so
        beat = read_block(fd, BLOCK, _parsed)
        return None if beat is None else Heard(beat, lives)
    finally:
        os.close(fd)


def refuse_spoiled(store: Path, sensor: str) -> None:
    """Raises DamageError where a heartbeat's block is damaged, so that present losses are unknown; OSError."""
    file = heartbeat_file(store, sensor)
    if read_heartbeat(store, sensor) is not None or not file.exists():
        return
    with open_regular(file) as opened:
        block = opened.read(BLOCK + 1)
    if block and block != UNWRITTEN and read_heartbeat(store, sensor) is None:
        raise DamageError(file, "it does not match its checksum", MENDED)


def refuse_emptied(store: Path, sensor: str) -> None:
    """Raises DamageError where a heartbeat is an empty file, OSError where it can't be read. For a sensor without a
    process: one that starts makes its file before it can fill it, on a full disk long before."""
    file = heartbeat_file(store, sensor)
    if file.exists() and file.stat().st_size == 0:
        raise DamageError(file, "it was emptied, so no answer says what was being lost when the sensor stopped", MENDED)


def _parsed(block: bytes) -> Beat | None:
    text = line_text(block.rstrip())
    try:
        return None if text is None else Beat.model_validate_json(text)
    except ValidationError:
        return None
