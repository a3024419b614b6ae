"""Damage: a file of a store that isn't what was written, found before it is read.

A manifest says of each file how many octets it has and their XXH3 (64 bits). A file is read whole and compared the
first time a process uses it, and again where its inode, size or times changed, or DAY has passed: what a disk spoils by
itself changes none of them. (One core reads and compares 5 to 10 GB/s from memory: 3 ns a packet. DuckDB 2.0 doesn't
look at the checksums of Parquet's pages, and no page's checksum covers a file's end.) XXH3 finds what accidents do; it
is no signature, and who can write to the store can write its manifest.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

import xxhash

from ims.stored_file import open_regular
from ims.text import quantity

CHUNK = 1 << 20
DAY = 86_400
"""Seconds for which a file that was compared isn't compared again."""
SAME_TICK_NS = 20_000_000
"""A file that was changed no longer ago may change once more without its times telling."""
HINT = "; `ims store verify` lists all such files"
REMEDY = f"put it back from a copy or a lake, or ask for a time without it{HINT}"
OF_COVERAGE = f"put it back from a copy or a lake: a period may last into any hour, so each question needs it{HINT}"
OF_SEEN = (
    "put it back from a copy; without it nothing more is written as this sensor: `ims sensor retire`, and begin another"
)


class DamageError(ValueError):
    """A file isn't what was written. `file`, `why`, and `remedy`: what can be done; `remedy_of` the file by default."""

    def __init__(self, file: Path | str, why: str, remedy: str | None = None) -> None:
        remedy = remedy_of(file) if remedy is None else remedy
        super().__init__(f"{file} is damaged: {why}; {remedy}" if remedy else f"{file} is damaged: {why}")
        self.file, self.why, self.remedy = file, why, remedy


def remedy_of(file: Path | str) -> str:
    """What can be done where a file of a store isn't what its manifest says."""
    folders = Path(file).parts[:-1]
    if folders[-1:] == ("seen",):
        return OF_SEEN
    return OF_COVERAGE if "coverage" in folders[-4:] else REMEDY


def chunks_of(file: BinaryIO, size: int = CHUNK) -> Iterator[memoryview]:
    """What is left of an unbuffered file, in pieces, each valid until the next. Read, not mapped: of a disk's error a
    mapped page would kill the process."""
    whole = memoryview(bytearray(max(1, min(size, CHUNK))))
    while octets := file.readinto(whole):  # type: ignore[attr-defined]
        yield whole[:octets]


def xxh3_of(path: Path, go_on: Callable[[int], None] = lambda octets: None) -> tuple[int, int]:
    """(octets, XXH3) of a file. `go_on` is told of octets as they are read, and may raise. Raises OSError, also for a
    link."""
    digest, total = xxhash.xxh3_64(), 0
    with open_regular(path) as file:
        for chunk in chunks_of(file, os.fstat(file.fileno()).st_size):
            digest.update(chunk)
            total += len(chunk)
            go_on(len(chunk))
    return total, digest.intdigest()


def sizes_of(path: Path, rows: int) -> dict[str, int]:
    """What a manifest says of a file that was just written. Raises OSError."""
    octets, xxh3 = xxh3_of(path)
    return {"rows": rows, "bytes": octets, "xxh3": xxh3}


def compare(path: Path, size: Mapping[str, int], go_on: Callable[[int], None] = lambda octets: None) -> None:
    """Read a file and compare it with what its manifest says, whatever was found before. Raises DamageError, or OSError
    where it can't be read."""
    octets, xxh3 = xxh3_of(path, go_on)
    _refuse_other(path, octets, size)
    if "xxh3" in size and xxh3 != size["xxh3"]:
        raise DamageError(path, "its octets aren't those that were written")


def refuse_damage(files: Mapping[Path, Mapping[str, int]]) -> None:
    """Raises DamageError where one of some files isn't what its manifest says, OSError where one can't be read.

    Of a file of an earlier version's manifest only the size is known.
    """
    now = time.time()
    for path, size in files.items():
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        _refuse_other(path, found.st_size, size)
        if "xxh3" not in size:
            continue
        print_ = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        if abs(now * 1e9 - found.st_ctime_ns) < SAME_TICK_NS:
            compare(path, size)
        else:
            name = str(path)
            _compared(name, size["bytes"], size["xxh3"], print_, int(now + xxhash.xxh3_64_intdigest(name) % DAY) // DAY)


def is_damaged(path: Path, size: Mapping[str, int]) -> bool:
    """Whether a file isn't what its manifest says. Raises OSError."""
    try:
        refuse_damage({path: size})
    except DamageError:
        return True
    return False


@lru_cache(1 << 17)
def _compared(path: str, octets: int, xxh3: int, print_: tuple[int, ...], day: int) -> None:
    """Compared once for each print and day; what is damaged is said each time. Each file has a day of its own, so that
    they aren't all read again at once."""
    compare(Path(path), {"bytes": octets, "xxh3": xxh3})


def _refuse_other(path: Path, octets: int, size: Mapping[str, int]) -> None:
    if octets != size["bytes"]:
        raise DamageError(path, f"{quantity(octets, 'octet')} where {size['bytes']:,} were written")
