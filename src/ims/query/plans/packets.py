"""Plans of exports: all selected packets, with their payloads, and raw frames."""

from __future__ import annotations

from collections.abc import Mapping

from ims.query.plans.part import Parts, Rows, Table
from ims.query.plans.plan import ARRIVAL, Plan, Tables, selected
from ims.query.request import Request
from ims.records import PACKETS
from ims.settings.durations import DAY_US


def _sorted(parts: Mapping[str, Table], request: Request, whole: bool) -> Table:
    return parts["rows"].order_by(ARRIVAL)


def _rows(tables: Tables, request: Request) -> Parts:
    return {"rows": Rows(selected(tables, request))}


ROWS = Plan(_rows, _sorted)
"""All selected packets, oldest first."""


def _whole_rows(tables: Tables, request: Request) -> Parts:
    packets = selected(tables, request)
    packets = packets.mutate(day=tables.micros(packets.time) // DAY_US)
    keys = ["sensor", "day", "signature"]
    needed = packets.filter(packets.signature.notnull()).select(*keys).distinct()
    payloads = tables.payloads.drop("day")
    payloads = payloads.mutate(day=tables.micros(payloads.first_seen) // DAY_US).semi_join(needed, keys)
    first = payloads.payload.argmin(tables.micros(payloads.first_seen))
    joined = packets.left_join(payloads.group_by(keys).agg(payload_bytes=first), keys)
    names = [*(column.name for column in PACKETS), "sensor", "payload_bytes"]
    return {"rows": Rows(joined.select(*names).order_by(ARRIVAL))}


WHOLE_ROWS = Plan(_whole_rows, _sorted)
"""All selected packets, oldest first, with `payload_bytes`; of an MD5's second payload, raw frames were kept."""


def _frames(tables: Tables, request: Request) -> Parts:
    frames = tables.frames_raw
    micros = tables.micros(frames.time)
    return {"rows": Rows(frames.filter((micros >= (request.since or 0)) & (micros < (request.until or 1 << 62))))}


FRAMES = Plan(_frames, lambda parts, request, whole: parts["rows"])
"""Raw frames of the range."""
