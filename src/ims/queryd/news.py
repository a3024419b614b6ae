"""What comes in, as it comes: each second's packets by block and by port, and the payloads never seen before.

A batch tells what the store shows beyond the last one. The store shows packets within two seconds; those that come
into it later than others of their second are still told, in a later batch, up to LOOK_BACK_SECONDS after it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from ims import arrow
from ims.link.contract import BLOCKS, NEW, PORTS
from ims.query.duck import plainly
from ims.query.part_files import selecting
from ims.queryd.watched_prefixes import WatchedPrefixes
from ims.store.reader import Store, open_store
from ims.stored_file import refuse_links

NEW_OCTETS = 512
LOOK_BACK_SECONDS = 15
SECOND_US = 1_000_000
OCTETS_OF_A_PORT = 400
"""That was told: its key and its sums, as Python keeps them."""
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

Told = dict[tuple[Any, ...], tuple[int, ...]]


class News:
    """What was told, and what is new. At most `rows` ports are told at once; where there are more than `memory_bytes`
    have room for, fewer, or none. Half of these are the database's, a quarter what was told of ports."""

    def __init__(
        self, path: Path, rows: int, watched: WatchedPrefixes | None = None, memory_bytes: int = 64 << 20
    ) -> None:
        self._path, self._rows = path, rows
        self._prefixes = watched or WatchedPrefixes()
        self.watched: tuple[str, ...] = ()
        """what the store had ever watched when the last batch was made"""
        self._told: dict[str, Told] = {"blocks": {}, "ports": {}}
        self._signatures: dict[tuple[str, bytes], int] = {}
        self._files: list[Path] = []
        self._began: int | None = None
        self._looked = 0
        self._most_told = max(1, memory_bytes // 4 // OCTETS_OF_A_PORT)
        self._ports_since = 0
        """Ports of earlier seconds are told no more: there is no room to know what was told of them."""
        limit = f"{memory_bytes // 2 >> 10}KiB"
        self._con = duckdb.connect(config={"threads": 1, "memory_limit": limit, "temp_directory": ""})
        self._con.execute("SET TimeZone = 'UTC'")

    def since_last(self) -> dict[str, pa.Table]:
        """The parts of one batch. Raises OSError, DamageError, MemoryError."""
        first, now = self._began is None, int(time.time())
        self._began = now if self._began is None else self._began
        since = max(self._began - LOOK_BACK_SECONDS if first else self._began - 2, self._looked - LOOK_BACK_SECONDS)
        self._looked = now
        empty = {"blocks": _table([], BLOCKS), "ports": _table([], PORTS), "new": _table([], NEW)}
        with open_store(self._path) as store:
            self.watched = self._prefixes.of(store)
            files = store.files("packets", since * SECOND_US)
            if files == self._files:
                return empty
            store.refuse_damage(files)
            self._files = files
            found = {"blocks": self._difference("blocks", files, since), "ports": self._ports(files, since)}
            new = self._new_payloads(store, files, since)
        for told in self._told.values():
            for key in [key for key in told if key[0] < since]:
                del told[key]
        self._forget_ports()
        if first:
            return empty
        return {"blocks": _table(found["blocks"], BLOCKS), "ports": _table(found["ports"], PORTS), "new": new}

    def close(self) -> None:
        """Close the database."""
        self._con.close()

    def _ports(self, files: Sequence[Path], since: int) -> list[dict[str, Any]]:
        """Of as many seconds as there is memory for; those of earlier ones are told no more then."""
        since = max(since, self._ports_since)
        for begin in (since, max(since, self._looked - 2)):
            try:
                rows = self._difference("ports", files, begin)
            except MemoryError:
                self._ports_since = self._looked + 1  # unless it is told now
                continue
            self._ports_since = begin
            return rows
        return []

    def _forget_ports(self) -> None:
        """What was told of the earliest seconds, beyond what there is room for."""
        told = self._told["ports"]
        if len(told) > self._most_told:
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

    def _new_payloads(self, store: Store, files: Sequence[Path], since: int) -> pa.Table:
        found = self._ask(NEWEST, files, since)
        fresh = [row for row in found if (row["sensor"], row["signature"]) not in self._signatures]
        self._signatures = {key: second for key, second in self._signatures.items() if second >= since}
        self._signatures |= {(row["sensor"], row["signature"]): row["second"] for row in fresh}
        octets = self._octets(store, [row["signature"] for row in fresh], since)
        return _table([row | {"payload": octets.get(row["signature"])} for row in fresh], NEW)

    def _octets(self, store: Store, signatures: list[bytes], since: int) -> dict[bytes, bytes]:
        files = store.files("payloads", since // 86_400 * 86_400 * SECOND_US)
        if not signatures or not files:
            return {}
        store.refuse_damage(files)
        sql = f"SELECT signature, payload[1:{NEW_OCTETS}] FROM {_files(files)} WHERE list_contains(?, signature)"  # noqa: S608
        with plainly(files):
            return dict(self._con.execute(sql, [signatures]).fetchall())

    def _ask(self, sql: str, files: Sequence[Path], since: int) -> list[dict[str, Any]]:
        if not files:
            return []
        source = f"(SELECT * FROM ({selecting('packets', files)}) WHERE epoch_us(time) >= {since * SECOND_US})"  # noqa: S608
        with plainly(files):
            return arrow.rows(self._con.sql(sql.format(packets=source)).to_arrow_table())


def _files(files: Sequence[Path]) -> str:
    """Files as DuckDB reads them; their paths are ours. Raises OSError where one is a link."""
    refuse_links(files)
    listed = ", ".join("'" + str(file).replace("'", "''") + "'" for file in files)
    return f"read_parquet([{listed}], hive_partitioning = true, hive_types = {{'sensor': VARCHAR}})"


def _table(rows: list[dict[str, Any]], schema: pa.Schema) -> pa.Table:
    return arrow.table([{name: row.get(name) for name in schema.names} for row in rows], schema)
