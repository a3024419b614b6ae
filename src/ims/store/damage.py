"""Damage: a file of a store that isn't what was written, found before it is read.

A manifest has each file's size and XXH3 (64 bits). A file is read whole and compared the first time a process uses it,
and again when its inode, size or times changed, or DAY has passed, for a failing disk changes none of them. (One core
reads and compares 5 to 10 GB/s from memory: 3 ns a packet. DuckDB 2.0 ignores the checksums of Parquet's pages, and no
page's checksum covers a file's end.) XXH3 finds accidents, not forgeries: a forger can write the manifest, too.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path

import xxhash

from ims.stored_file import open_regular, refuse_links
from ims.text import quantity

CHUNK = 1 << 20
DAY = 86_400
"""Seconds for which a file that was compared isn't compared again."""
SAME_TICK_NS = 20_000_000
"""A file that was changed so recently may change again without its times showing it."""
HINT = "; `ims store verify` lists all such files"
REMEDY = f"put it back from a copy or a lake, or ask for a time without it{HINT}"
OF_COVERAGE = f"put it back from a copy or a lake: a period may last into any hour, so each question needs it{HINT}"
OF_SEEN = "put it back from a copy; without it the sensor can't write: `ims sensor retire`, and begin another"


class DamageError(ValueError):
    """A file isn't what was written. `file`, `why`, and `remedy`: what can be done; `remedy_of` the file by default."""

    def __init__(self, file: Path | str, why: str, remedy: str | None = None) -> None:
        remedy = remedy_of(file) if remedy is None else remedy
        super().__init__(f"{file} is damaged: {why}; {remedy}" if remedy else f"{file} is damaged: {why}")
        self.file, self.why, self.remedy = file, why, remedy


def remedy_of(file: Path | str) -> str:
    """What to do about a damaged file of a store."""
    folders = Path(file).parts[:-1]
    if folders[-1:] == ("seen",):
        return OF_SEEN
    return OF_COVERAGE if "coverage" in folders[-4:] else REMEDY


def xxh3_of(path: Path, go_on: Callable[[int], None] = lambda octets: None) -> tuple[int, int]:
    """(octets, XXH3) of a file. `go_on` gets the octets of each read, and may raise. Raises OSError, also for links."""
    digest, total = xxhash.xxh3_64(), 0
    with open_regular(path) as file:
        # Read, not mapped: a disk's error in a mapped page would kill the process.
        chunk = memoryview(bytearray(max(1, min(os.fstat(file.fileno()).st_size, CHUNK))))
        while octets := file.readinto(chunk):  # type: ignore[attr-defined]
            digest.update(chunk[:octets])
            total += octets
            go_on(octets)
    return total, digest.intdigest()


def sizes_of(path: Path, rows: int) -> dict[str, int]:
    """A manifest's entry for a file that was just written. Raises OSError."""
    octets, xxh3 = xxh3_of(path)
    return {"rows": rows, "bytes": octets, "xxh3": xxh3}


def compare(path: Path, size: Mapping[str, int], go_on: Callable[[int], None] = lambda octets: None) -> None:
    """Read a file and compare it with its manifest's entry. Raises DamageError, or OSError where it can't be read."""
    refuse_other(path, size, *xxh3_of(path, go_on))


def refuse_damage(files: Mapping[Path, Mapping[str, int]]) -> None:
    """Raises DamageError where a file isn't what its manifest says, OSError where one can't be read, or is a link.

    Of a file of an earlier version's manifest only the size is known.
    """
    refuse_links(files)
    now = time.time()
    for path, size in files.items():
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        refuse_other(path, size, found.st_size)
        if "xxh3" not in size:
            continue
        print_ = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        if abs(now * 1e9 - found.st_ctime_ns) < SAME_TICK_NS:
            compare(path, size)
        else:
            name = str(path)
            _compared(name, size["bytes"], size["xxh3"], print_, int(now + xxhash.xxh3_64_intdigest(name) % DAY) // DAY)


@lru_cache(1 << 17)
def _compared(path: str, octets: int, xxh3: int, print_: tuple[int, ...], day: int) -> None:
    """Compared once for each print and day; damage is raised each time. Days of files begin at different times."""
    compare(Path(path), {"bytes": octets, "xxh3": xxh3})


def refuse_other(path: Path, size: Mapping[str, int], octets: int, xxh3: int | None = None) -> None:
    """Raises DamageError where these octets, and their XXH3 where it is known, aren't those of the manifest's entry."""
    if octets != size["bytes"]:
        raise DamageError(path, f"{quantity(octets, 'octet')} where {size['bytes']:,} were written")
    if xxh3 is not None and xxh3 != size.get("xxh3", xxh3):
        raise DamageError(path, "its octets aren't those that were written")
