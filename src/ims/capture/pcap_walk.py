"""Walk the records of a pcap file (draft-ietf-opsawg-pcap, section 5) that lie in one buffer."""

from __future__ import annotations

import numpy as np

from ims.kernels import kernel
from ims.packet.octets import be32, le32

LARGEST_CAPTURED = 262_144
"""libpcap's MAXIMUM_SNAPLEN: a record that claims more is damage."""

# Why a walk stopped: no whole record left in the buffer, columns full, a record can't be right, or is all zeros.
MORE, FULL, DAMAGED, ZEROS = 0, 1, 2, 3

# Which of a record's two lengths is first: captured; on the wire (before version 2.3); the smaller (2.3: either).
CAPTURED_FIRST, LENGTH_FIRST, SMALLER_FIRST = 0, 1, 2


@kernel
def walk_pcap(octets, begin, end, swapped, header, fraction_ns, link, frames, result, lengths_order=CAPTURED_FIRST):
    """Fill the columns of `frames` with the records of octets[begin:end]; returns how many.

    `header`: octets of a record's header. `fraction_ns`: nanoseconds in one unit of a record's fraction. result[0] is
    where the next record begins, result[1] why the walk stopped, result[2] the captured length of a damaged record.
    """
    offsets, captureds, lengths, times, links = frames.offset, frames.captured, frames.length, frames.time, frames.link
    count = 0
    at = begin
    result[1] = MORE
    while at + header <= end:
        if count == offsets.size:
            result[1] = FULL
            break
        if swapped:
            seconds, fraction = be32(octets, at), be32(octets, at + 4)
            captured, length = be32(octets, at + 8), be32(octets, at + 12)
        else:
            seconds, fraction = le32(octets, at), le32(octets, at + 4)
            captured, length = le32(octets, at + 8), le32(octets, at + 12)
        if lengths_order != CAPTURED_FIRST and (lengths_order == LENGTH_FIRST or captured > length):
            captured, length = length, captured
        if captured > LARGEST_CAPTURED:
            result[1], result[2] = DAMAGED, captured
            break
        if captured == 0 and length == 0 and seconds == 0 and fraction == 0:
            result[1] = ZEROS
            break
        if at + header + captured > end:
            break
        offsets[count] = at + header
        captureds[count] = captured
        lengths[count] = max(length, captured)
        times[count] = seconds * np.int64(1_000_000_000) + fraction * fraction_ns
        links[count] = link
        at += header + captured
        count += 1
    result[0] = at
    return count
