"""Every prefix that a store's coverage names: what a portal must hide, whatever range a question is about."""

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
    """Of one store. Thread-safe. A file of coverage never changes, so each is read once, in 0.2 ms; its prefixes stay,
    even if it is replaced by a file without them: a block that was watched once is hidden for good."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._read: set[Path] = set()
        self._found: set[str] = set()
        self._collapsed: tuple[str, ...] = ()

    def of(self, store: Store) -> tuple[str, ...]:
        """Prefixes (CIDR, sorted, none in another) of a store's coverage, now and earlier; at most MOST_WATCHED, made
        wider if there are more. Raises DamageError for a file that isn't as it was written, OSError."""
        files = set(store.files("coverage"))
        with self._lock:
            store.refuse_damage(files - self._read)
            found = {prefix for file in files - self._read for prefix in _prefixes(file)}
            self._read = files
            if not found <= self._found:
                self._found |= found
                self._collapsed = tuple(map(str, few(map(ipaddress.IPv4Network, self._found), MOST_WATCHED)))
            return self._collapsed


def few(prefixes: Iterable[ipaddress.IPv4Network], most: int) -> list[ipaddress.IPv4Network]:
    """The same addresses in as few prefixes as possible; if these are more than `most`, in wider ones."""
    found = list(ipaddress.collapse_addresses(prefixes))
    for length in WIDER:
        if len(found) <= most:
            break
        wider = {net.supernet(new_prefix=length) if net.prefixlen > length else net for net in found}
        found = list(ipaddress.collapse_addresses(wider))
    return found


def _prefixes(file: Path) -> Iterable[str]:
    with open_regular(file) as octets, pq.ParquetFile(octets) as coverage:
        return map(str, pc.unique(coverage.read(columns=["prefix"]).column("prefix")).to_pylist())
