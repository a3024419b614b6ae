"""What comes in, as it comes: each second's packets by block and by port, and payloads never seen before.

A batch has what the store shows beyond the last one. The store shows packets within two seconds; those that come into
it later than others of their second are in a later batch, up to LOOK_BACK_SECONDS after it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from ims import arrow
from ims.link.contract import TAIL
from ims.query.engines.duckdb_adapter import plainly
from ims.query.engines.parquet_files import selecting
from ims.queryd.coverage_prefixes import CoveragePrefixes
from ims.queryd.first_octets import first_octets
from ims.store.reader import Store, open_store

LOOK_BACK_SECONDS = 15
SECOND_US = 1_000_000
OCTETS_OF_A_PORT = 400
"""In memory, once it was sent: its key and its sums, as Python objects."""
MEASURES = ("packets", "bytes", "payloads", "new_payloads", "verified")
_SUMS = (
    "count(*) AS packets, sum(coalesce(presumed_length, total_length))::BIGINT AS bytes, "
    "count(*) FILTER (payload_length > 0) AS payloads, count(*) FILTER (new_payload) AS new_payloads, "
    "count(*) FILTER (verified) AS verified"
)
_KEYS = {
    "blocks": "epoch_us(time) // 1000000 AS second, sensor, block",
    "ports": "epoch_us(time) // 1000000 AS second, sensor, block, category, protocol, destination_port",
}
NEWEST = (
    "SELECT epoch_us(time) // 1000000 AS second, sensor, block, signature, payload_length AS length, protocol, "
    "destination_port FROM {packets} WHERE new_payload ORDER BY time DESC LIMIT 100"
)
LEFT_OUT = ("ports", "new", "octets")
"""What there may be no room for: ports, new payloads, and the first octets of some that are sent."""


class News:
    """What was sent, and what is new. At most `rows` ports are sent at once; fewer, or none, if `memory_bytes` have no
    room for them. Likewise new payloads, which come without their octets if there is no room for these; packets by
    block are always sent. The database has half of `memory_bytes`, the ports that were sent a quarter. `left_out`:
    called with each of LEFT_OUT that a look had no room for."""

    def __init__(
        self,
        path: Path,
        rows: int,
        watched: CoveragePrefixes | None = None,
        memory_bytes: int = 64 << 20,
        left_out: Callable[[str], None] = lambda part: None,
    ) -> None:
        self._path, self._rows, self._left_out = path, rows, left_out
        self._prefixes = watched or CoveragePrefixes()
        self.watched: tuple[str, ...] = ()
        """what the store had ever watched when the last batch was made"""
        self._told: dict[str, dict[tuple[Any, ...], tuple[int, ...]]] = {"blocks": {}, "ports": {}}
        self._signatures: dict[tuple[str, bytes], int] = {}
        self._files: list[Path] = []
        self._lacking: set[str] = set()
        self._began: int | None = None
        self._looked = 0
        self._most_told = max(1, memory_bytes // 4 // OCTETS_OF_A_PORT)
        self._ports_since = 0
        """Ports of earlier seconds are sent no more: there is no room to know what was sent of them."""
        limit = f"{memory_bytes // 2 >> 10}KiB"
        self._con = duckdb.connect(config={"threads": 1, "memory_limit": limit, "temp_directory": ""})
        self._con.execute("SET TimeZone = 'UTC'")

    def since_last(self) -> dict[str, pa.Table]:
        """The parts of one batch. Raises OSError, DamageError, MemoryError."""
        first, now = self._began is None, int(time.time())
        self._began = now if self._began is None else self._began
        since = max(self._began - LOOK_BACK_SECONDS if first else self._began - 2, self._looked - LOOK_BACK_SECONDS)
        self._looked = now
        with open_store(self._path) as store:
            self.watched = self._prefixes.of(store)
            files = store.files("packets", since * SECOND_US)
            if files == self._files:
                return {part: pa.Table.from_batches([], schema) for part, schema in TAIL.items()}
            store.refuse_damage(files)
            self._files, self._lacking = files, set()
            found = {"blocks": self._difference("blocks", files, since), "ports": self._ports(files, since)}
            new = self._new_payloads(files, since)
            octets = {} if first else self._octets(store, new)
        for part, told in self._told.items():
            self._told[part] = {key: sums for key, sums in told.items() if key[0] >= since}
        self._forget_ports()
        if first:
            return {part: pa.Table.from_batches([], schema) for part, schema in TAIL.items()}
        for part in sorted(self._lacking):
            self._left_out(part)
        found["new"] = [row | {"payload": octets.get(row["signature"])} for row in new]
        return {part: _table(found[part], schema) for part, schema in TAIL.items()}

    def close(self) -> None:
        """Close the database."""
        self._con.close()

    def _ports(self, files: Sequence[Path], since: int) -> list[dict[str, Any]]:
        """Of as many seconds as there is memory for; those of earlier ones are then sent no more."""
        since = max(since, self._ports_since)
        for begin in (since, max(since, self._looked - 2)):
            try:
                rows = self._difference("ports", files, begin)
                self._ports_since = begin
                return rows
            except MemoryError:
                self._lacking.add("ports")
        self._ports_since = self._looked + 1
        return []

    def _forget_ports(self) -> None:
        """Forget the ports of the earliest seconds, beyond what there is room for."""
        told = self._told["ports"]
        if len(told) > self._most_told:
            self._lacking.add("ports")
            seconds = sorted((key[0] for key in told), reverse=True)
            self._ports_since = max(self._ports_since, seconds[self._most_told] + 1)
            self._told["ports"] = {key: sums for key, sums in told.items() if key[0] >= self._ports_since}

    def _difference(self, name: str, files: Sequence[Path], since: int) -> list[dict[str, Any]]:
        told = self._told[name]
        rows = []
        limit = f"ORDER BY packets DESC LIMIT {self._rows}" if name == "ports" else ""
        sql = f"SELECT {_KEYS[name]}, {_SUMS} FROM {{packets}} GROUP BY ALL {limit}"  # noqa: S608  # all ours
        for row in self._ask(sql, files, since):
            key = tuple(value for column, value in row.items() if column not in MEASURES)
            now = tuple(int(row[measure] or 0) for measure in MEASURES)
            before = told.get(key, (0,) * len(MEASURES))
            if now != before:
                told[key] = now
                rows.append(row | {m: max(0, a - b) for m, a, b in zip(MEASURES, now, before, strict=True)})
        return rows

    def _new_payloads(self, files: Sequence[Path], since: int) -> list[dict[str, Any]]:
        """The newest of them, without their octets; none if there is no room to look for them."""
        try:
            found = self._ask(NEWEST, files, since)
        except MemoryError:
            self._lacking.add("new")
            found = []
        fresh = [row for row in found if (row["sensor"], row["signature"]) not in self._signatures]
        self._signatures = {key: second for key, second in self._signatures.items() if second >= since}
        self._signatures |= {(row["sensor"], row["signature"]): row["second"] for row in fresh}
        return fresh

    def _octets(self, store: Store, new: list[dict[str, Any]]) -> dict[bytes, bytes]:
        """The first octets of these payloads by signature, of as many as there is room for."""
        if not new:
            return {}
        seconds = [row["second"] for row in new]
        since_us, until_us = min(seconds) * SECOND_US, (max(seconds) + 1) * SECOND_US
        files = store.files("payloads", since_us, until_us)
        store.refuse_damage(files)
        try:
            with plainly(files):
                octets, is_all = first_octets(files, [row["signature"] for row in new], since_us, until_us)
        except MemoryError:
            octets, is_all = {}, False
        if not is_all:
            self._lacking.add("octets")
        return octets

    def _ask(self, sql: str, files: Sequence[Path], since: int) -> list[dict[str, Any]]:
        if not files:
            return []
        source = f"(SELECT * FROM ({selecting('packets', files)}) WHERE epoch_us(time) >= {since * SECOND_US})"  # noqa: S608
        with plainly(files):
            return arrow.rows(self._con.sql(sql.format(packets=source)).to_arrow_table())


def _table(rows: list[dict[str, Any]], schema: pa.Schema) -> pa.Table:
    return arrow.table([{name: row.get(name) for name in schema.names} for row in rows], schema)
