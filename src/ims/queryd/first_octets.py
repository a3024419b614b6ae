"""The first octets of payloads, read from a store's files a few rows at a time.

A database reads a row group's payloads all at once, and compaction makes row groups of 64 MiB of them
(store/compaction.py): more than all live followers may take. Here it is a page and a few rows, however large the row
group: 4 MiB in all for payloads of 1,400 octets, 6 for 60,000.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ims.stored_file import refuse_links

FIRST_OCTETS = 512
MOST_READ = 64 << 20
"""Octets of payloads, also before those looked for; beyond, no row group is begun. One of 48 MiB takes 0.05 s."""
_BUFFER, _SIGNATURES = 64 << 10, 1 << 14
"""Octets of a file, and rows of signatures alone, that are read at once."""
_AT_ONCE, _ROWS = 256 << 10, 64
"""Octets of payloads, by the mean of their row group, and rows of them, that are read at once at most."""


def first_octets(
    files: Sequence[Path], signatures: Sequence[bytes], since_us: int, until_us: int
) -> tuple[dict[bytes, bytes], bool]:
    """First octets of those payloads that are found among the first seen in [since_us, until_us), later files first,
    and whether all were searched for the others. `files`: undamaged, of `payloads`. Raises OSError, ArrowException."""
    refuse_links(files)
    found: dict[bytes, bytes] = {}
    read = 0
    for path in reversed(files):
        with pq.ParquetFile(path, buffer_size=_BUFFER, pre_buffer=False) as file:
            for group in reversed(range(file.num_row_groups)):
                missing = [signature for signature in signatures if signature not in found]
                if not missing or read >= MOST_READ:
                    return found, not missing
                if _may_hold(file, group, since_us, until_us):
                    read += _read(file, group, missing, found)
    return found, True


def _may_hold(file: Any, group: int, since_us: int, until_us: int) -> bool:
    """Whether a row group may have payloads that were first seen then."""
    row_group = file.metadata.row_group(group)
    known = row_group.column(file.schema_arrow.get_field_index("first_seen")).statistics
    if known is None or not known.has_min_max:
        return True
    first, last = (pa.scalar(end, pa.timestamp("us", "UTC")).value for end in (known.min, known.max))
    return bool(first < until_us and last >= since_us)


def _read(file: Any, group: int, signatures: Sequence[bytes], found: dict[bytes, bytes]) -> int:
    """Add what a row group has of them to `found`; returns how many octets were read."""
    at = _positions(file, group, signatures)
    if not at:
        return 0
    whole = file.metadata.row_group(group)
    rows = max(1, min(_ROWS, _AT_ONCE * whole.num_rows // max(1, whole.total_byte_size)))
    first = read = 0
    for batch in _batches(file, group, rows, "signature", "payload"):
        read += batch.nbytes
        while at and at[0] < first + batch.num_rows:
            signature, payload = (column[at[0] - first].as_py() for column in batch.columns)
            found[signature] = payload[:FIRST_OCTETS]
            at.popleft()
        if not at:
            break
        first += batch.num_rows
    return read


def _positions(file: Any, group: int, signatures: Sequence[bytes]) -> deque[int]:
    chosen = pa.array(signatures, pa.binary(16))
    rows: deque[int] = deque()
    first = 0
    for batch in _batches(file, group, _SIGNATURES, "signature"):
        rows.extend(first + row for row in pc.indices_nonzero(pc.is_in(batch.column(0), value_set=chosen)).to_pylist())
        first += batch.num_rows
    return rows


def _batches(file: Any, group: int, rows: int, *columns: str) -> Iterator[pa.RecordBatch]:
    yield from file.iter_batches(rows, row_groups=[group], columns=list(columns), use_threads=False)
