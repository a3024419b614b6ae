"""The plan of `storage`: what packets hold by bin, and the files that they are stored in.

Files are of whole hours and all packets: what a filter or a part of an hour takes of them isn't known, so how many
packets they hold stands beside their octets.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ibis

from ims.query.bins import since_a_bin_began
from ims.query.plans.part import Parts, Rows, Table
from ims.query.plans.plan import Plan, Tables, binned, octets, selected
from ims.query.request import Request

_OF_PACKETS = ("packets", "bytes", "payloads", "payload_bytes", "new_payloads", "new_bytes", "truncated")
_OF_FILES = ("stored_packets", "stored_bytes")


def _partial(tables: Tables, request: Request) -> Parts:
    packets = selected(tables, request)
    packets = packets.mutate(bin=binned(tables, packets, request))
    length = packets.payload_length.cast("int64")
    values = packets.group_by("bin").agg(
        packets=packets.count(),
        bytes=octets(packets).sum(),
        payloads=(length > 0).cast("int64").sum(),
        payload_bytes=length.sum(),
        new_payloads=packets.new_payload.cast("int64").sum(),
        new_bytes=ibis.ifelse(packets.new_payload, length, 0).sum(),
        truncated=packets.truncated.cast("int64").sum(),
    )
    return {"values": Rows(values), "files": Rows(_files(tables, request))}


def _files(tables: Tables, request: Request) -> Table:
    """Packets and octets of the files of each bin. An hour belongs to the bin in which it begins, or in which the range
    does."""
    files = tables.files
    begin: Any = files.begin
    if request.since is not None:
        begin = ibis.greatest(begin, ibis.literal(request.since, "int64"))
    shift = since_a_bin_began(request.bin, request.origin or 0)
    files = files.mutate(bin=begin - (begin + ibis.literal(shift, "int64")) % ibis.literal(request.bin, "int64"))
    return files.group_by("bin").agg(
        stored_packets=ibis.ifelse(files.of == "packets", files.rows, 0).sum(), stored_bytes=files.octets.sum()
    )


def _merge(parts: Mapping[str, Table], request: Request, whole: bool) -> Table:
    values, files = parts["values"], parts["files"]
    nothing = ibis.literal(0, "int64")
    both = ibis.union(
        values.select("bin", *(values[name].cast("int64").name(name) for name in _OF_PACKETS),
                      **dict.fromkeys(_OF_FILES, nothing)),
        files.select("bin", **dict.fromkeys(_OF_PACKETS, nothing),
                     **{name: files[name].cast("int64") for name in _OF_FILES}),
    )  # fmt: skip
    merged = both.group_by("bin").agg(**{name: both[name].sum().cast("int64") for name in (*_OF_PACKETS, *_OF_FILES)})
    return merged.order_by("bin").limit(request.rows)


STORAGE = Plan(_partial, _merge)
"""Octets of packets, of payloads, of those that were new, and of files."""
