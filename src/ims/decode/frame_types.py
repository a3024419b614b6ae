"""Link types and Ethernet types of frames that aren't read, counted in a table of fixed size.

The table follows the counters in their array, so that kernels count in one array: SLOTS pairs of a key and its frames,
and the frames of keys that found no slot.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ims.decode.verdict import ARP, COUNTERS, IPV6, IS_TYPE, NOT_IPV4, UNSUPPORTED_LINK
from ims.kernels import kernel
from ims.packet.link_types import ETHERNET_TYPES, LINK_TYPES
from ims.text import quantity

SLOTS = 64
BEGIN = len(COUNTERS)
END = BEGIN + 2 * SLOTS
"""Where the number of frames is that found no slot."""

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


@kernel
def refuse(verdict, link, counters):
    """Count a frame without a packet for us, by its (negative) verdict and its type."""
    counter = np.int64(NOT_IPV4 if verdict <= IS_TYPE else -verdict)
    counters[counter] += 1
    if counter == ARP or counter == IPV6:
        counters[NOT_IPV4] += 1
    elif counter == UNSUPPORTED_LINK:
        count_type(counters, link, np.int64(NO_LINK))
    elif counter == NOT_IPV4:
        count_type(counters, link, np.int64(IS_TYPE - verdict if verdict <= IS_TYPE else NO_TYPE))


def frame_types(counters: np.ndarray[Any, np.dtype[np.int64]]) -> list[dict[str, Any]]:
    """The table as the report has it, most frames first."""
    if counters.size <= END:
        return []
    pairs = counters[BEGIN:END].reshape(-1, 2).tolist()
    found = [_row(key - 1, frames) for key, frames in sorted(pairs, key=lambda pair: -pair[1]) if frames]
    if counters[END]:
        names = ("counter", "link_type", "link_name", "ethernet_type", "ethernet_name")
        found.append({**dict.fromkeys(names), "frames": int(counters[END])})
    return found


def _row(key: int, frames: int) -> dict[str, Any]:
    link, kind = key >> 17, (key & 0x1FFFF) - 2
    return {
        "counter": "unsupported_link" if kind == NO_LINK else "not_ipv4",
        "link_type": link, "link_name": LINK_TYPES.get(link),
        "ethernet_type": kind if kind >= 0 else None, "ethernet_name": ETHERNET_TYPES.get(kind),
        "frames": frames,
    }  # fmt: skip


def in_words(row: dict[str, Any]) -> str:
    """A row of the table as text."""
    if row["link_type"] is None:
        return f"{quantity(row['frames'], 'frame')} of other types"
    name = f" ({row['link_name']})" if row["link_name"] else ""
    words = f"{quantity(row['frames'], 'frame')} of link type {row['link_type']}{name}"
    if row["ethernet_type"] is not None:
        words += f", Ethernet type 0x{row['ethernet_type']:04x}"
        words += f" ({row['ethernet_name']})" if row["ethernet_name"] else ""
    return words
