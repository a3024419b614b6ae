"""Link types and Ethernet types of frames that aren't read, counted in a table of fixed size.

The table stands behind the counters in their array, so that kernels have one array for all that they count: SLOTS pairs
of a key and its frames, and the frames of keys that found no place.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ims.decode.verdict import COUNTERS
from ims.kernels import kernel
from ims.packet.link_types import ETHERNET_TYPES, LINK_TYPES
from ims.text import quantity

SLOTS = 64
BEGIN = len(COUNTERS)
END = BEGIN + 2 * SLOTS
"""Where the number of frames stands that found no place."""

NO_TYPE, NO_LINK = -1, -2


def new_counters() -> np.ndarray[Any, np.dtype[np.int64]]:
    """Zeros for decode_frames: COUNTERS, and the table."""
    return np.zeros(END + 1, np.int64)


@kernel
def count_type(counters, link, kind):
    """Count a frame of this link type and Ethernet type (NO_TYPE: none is known; NO_LINK: the link type isn't read).
    An array without the table is left as it is."""
    if counters.size <= END:
        return
    key = (link << 17 | (kind + 2)) + 1  # 0 is a free slot
    for slot in range(BEGIN, END, 2):
        if counters[slot] == key:
            counters[slot + 1] += 1
            return
        if counters[slot] == 0:
            counters[slot] = key
            counters[slot + 1] = 1
            return
    counters[END] += 1


def frame_types(counters: np.ndarray[Any, np.dtype[np.int64]]) -> list[dict[str, Any]]:
    """The table as the report has it, most frames first."""
    found: list[dict[str, Any]] = []
    if counters.size <= END:
        return found
    for key, frames in counters[BEGIN:END].reshape(-1, 2).tolist():
        if frames:
            link, kind = (key - 1) >> 17, ((key - 1) & 0x1FFFF) - 2
            found.append(
                {
                    "counter": "unsupported_link" if kind == NO_LINK else "not_ipv4",
                    "link_type": link,
                    "link_name": LINK_TYPES.get(link),
                    "ethernet_type": kind if kind >= 0 else None,
                    "ethernet_name": ETHERNET_TYPES.get(kind),
                    "frames": frames,
                }
            )
    found.sort(key=lambda row: -row["frames"])
    if counters[END]:
        names = ("counter", "link_type", "link_name", "ethernet_type", "ethernet_name")
        found.append({**dict.fromkeys(names), "frames": int(counters[END])})
    return found


def in_words(row: dict[str, Any]) -> str:
    """A row of it in words."""
    if row["link_type"] is None:
        return f"{quantity(row['frames'], 'frame')} of other types"
    name = f" ({row['link_name']})" if row["link_name"] else ""
    words = f"{quantity(row['frames'], 'frame')} of link type {row['link_type']}{name}"
    if row["ethernet_type"] is not None:
        words += f", Ethernet type 0x{row['ethernet_type']:04x}"
        words += f" ({row['ethernet_name']})" if row["ethernet_name"] else ""
    return words
