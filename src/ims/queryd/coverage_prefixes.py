"""Every prefix that a store's coverage names: what a portal has to hide, whatever range a question is about."""

from __future__ import annotations

import ipaddress
import threading
from collections.abc import Iterable
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

from ims.link.contract import MOST_WATCHED
from ims.store.reader import Store
from ims.stored_file import open_regular

WIDER = (24, 20, 16, 12, 8, 0)
"""Lengths to which prefixes are cut, one after the other, until there are few enough."""


class CoveragePrefixes:
    """Of one store, for several threads. A file of coverage never changes, so each is read once, in 0.2 ms; what was
    read stays, even where a file is replaced by one without it: a block that was watched once is hidden for good."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._read: set[Path] = set()
        self._found: set[str] = set()
        self._told: tuple[str, ...] = ()

    def of(self, store: Store) -> tuple[str, ...]:
        """Prefixes (CIDR, sorted, none in another) of the coverage of a store as it is opened, and of what it was
        before; at most MOST_WATCHED, made wider where there are more. Raises DamageError for a file that isn't what was
        written, OSError."""
        files = set(store.files("coverage"))
        with self._lock:
            store.refuse_damage(files - self._read)
            found = {prefix for file in files - self._read for prefix in _prefixes(file)}
            self._read = files
            if not found <= self._found:
                self._found |= found
                self._told = tuple(map(str, few(map(ipaddress.IPv4Network, self._found), MOST_WATCHED)))
            return self._told


def few(prefixes: Iterable[ipaddress.IPv4Network], most: int) -> list[ipaddress.IPv4Network]:
    """The same addresses in as few prefixes as there can be; where these are more than `most`, wider ones."""
    found = list(ipaddress.collapse_addresses(prefixes))
    for length in WIDER:
        if len(found) <= most:
            break
        wider = {net.supernet(new_prefix=length) if net.prefixlen > length else net for net in found}
        found = list(ipaddress.collapse_addresses(wider))
    return found


def _prefixes(file: Path) -> list[str]:
    with open_regular(file) as octets, pq.ParquetFile(octets) as coverage:
        rows = coverage.read(columns=["prefix"])
    return [str(prefix) for prefix in pc.unique(rows.column("prefix")).to_pylist()]
