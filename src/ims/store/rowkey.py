"""A packet's row key: finds the row of `packets` to which a packet kept in `frames_raw` belongs.

It is SipHash-2-4 with a zero key over nine 64-bit words, least significant octet first, that hold the row's
columns (below): the same at ingest, from a batch, and at export, from stored columns. Packets with the same
key are alike in every column; their rows and raw packets correspond in the order they were stored.

| word | high to low |
|---|---|
| 0 | time (microseconds) |
| 1 | source (32 bits), destination (32) |
| 2 | source_port, destination_port, ip_id, ip_fragment (16 each) |
| 3 | tcp_sequence, tcp_acknowledgment (32 each) |
| 4 | tcp_window, tcp_urgent, total_length, payload_length (16 each) |
| 5 | icmp_rest (32), icmp_type, icmp_code (8 each), tcp_flags (16) |
| 6 | time_ns (16), protocol, tos, ttl, checksum, layers + 16 * truncated, length of tcp_options (8 each) |
| 7, 8 | signature |

Null counts as 0; of `layers` only PORTS, TCP, ICMP and PAYLOAD count. So keys are the same as before a truncated header
was stored field by field, and before `packets` had columns for lengths, which aren't included.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ims.records import ICMP, PACKETS, PAYLOAD, PORTS, TCP, TCP_OPTIONS
from ims.siphash import siphash_rows

if TYPE_CHECKING:
    import pyarrow as pa

Array = np.ndarray[Any, Any]

_WORDS = (
    (("time", 0),),
    (("source", 32), ("destination", 0)),
    (("source_port", 48), ("destination_port", 32), ("ip_id", 16), ("ip_fragment", 0)),
    (("tcp_sequence", 32), ("tcp_acknowledgment", 0)),
    (("tcp_window", 48), ("tcp_urgent", 32), ("total_length", 16), ("payload_length", 0)),
    (("icmp_rest", 32), ("icmp_type", 24), ("icmp_code", 16), ("tcp_flags", 0)),
    (("time_ns", 48), ("protocol", 40), ("tos", 32), ("ttl", 24), ("checksum", 16), ("layers", 8), ("truncated", 12),
     ("options_length", 0)),
)  # fmt: skip
"""Columns in each word, with the bits to shift."""
_LAYER_OF = {column.name: column.layer for column in PACKETS} | {"options_length": TCP_OPTIONS}
FIELDS = tuple((word, name, at, _LAYER_OF.get(name, 0)) for word, names in enumerate(_WORDS) for name, at in names)
"""Word, name, bits to shift, layer without which the column of a batch is null."""
LAYERS = PORTS | TCP | ICMP | PAYLOAD


def _keys(columns: dict[str, Array], signatures: Array) -> Array:
    layers = columns["layers"]
    words = np.zeros((len(layers), 9), np.uint64)
    for word, name, shift, _ in FIELDS:
        words[:, word] |= columns[name].astype(np.uint64) << np.uint64(shift)
    words[:, 7:] = np.ascontiguousarray(signatures).view("<u8")
    keys = np.empty(len(layers), np.uint64)
    siphash_rows(words, np.uint64(0), np.uint64(0), keys)
    return keys


def row_keys_of_batch(batch: Any, rows: Array, signatures: Array) -> Array:
    """Row keys (uint64) of `rows` of a PacketBatch, whose `signature_entry` indexes `signatures` (uint8, n x 16)."""
    columns = {name: getattr(batch, name)[rows] for _, name, _, _ in FIELDS}
    layers = columns["layers"]
    for _, name, _, layer in FIELDS:
        if layer:
            columns[name] = np.where(layers & layer, columns[name], 0)
    entries = batch.signature_entry[rows]
    own = np.zeros((len(rows), 16), np.uint8)
    signed = (layers & PAYLOAD != 0) & (entries >= 0)
    own[signed] = signatures[entries[signed]]
    columns["layers"] = layers & LAYERS
    return _keys(columns, own)


def row_keys_of_arrow(table: pa.Table | pa.RecordBatch, old: bool = False) -> Array:
    """Row keys (uint64) of all rows of a table with the columns of `packets`. `old`: as the first sensors with a
    responder made them, with the bit of `truncated` set where it ran."""
    from ims.store.arrays import layers, numbers, octet_lengths, present
    from ims.store.arrays import signatures as signatures_of

    columns = {"layers": layers(table), "options_length": octet_lengths(table.column("tcp_options"))}
    columns |= {name: numbers(table.column(name), "i8") for _, name, _, _ in FIELDS if name not in columns}
    if old:
        columns["truncated"] = columns["truncated"] | present(table.column("verified"))
    return _keys(columns, signatures_of(table.column("signature")))
