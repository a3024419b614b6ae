"""Misconfiguration: one source that sends to one dark address, over and over, as clocks do."""

from __future__ import annotations

import numpy as np

from ims.kernels import kernel
from ims.simulate.conversation import converse
from ims.simulate.stream import below

DRIP = np.dtype(
    [
        ("number", "i8"),  # of the host
        ("source", "i8"),
        ("destination", "i8"),
        ("block", "i8"),
        ("since", "i8"),  # ns
        ("until", "i8"),
        ("interval", "i8"),  # ns
        ("jitter", "i8"),  # ns at most
        ("service", "i8"),
    ]
)


@kernel
def drip(draft, packet, tables, drips, state, since, until):
    """Write what begins in [since, until) ns; False where the draft has no room."""
    for index in range(drips.size):
        row = drips[index]
        begin, end = max(since, row["since"]), min(until, row["until"])
        turn = -((row["since"] - begin) // row["interval"])  # rounded up
        time = row["since"] + turn * row["interval"]
        while time < end:
            late = time + below(state, row["jitter"] + 1)
            if not converse(
                draft, packet, tables, state, row["service"], row["number"], row["source"], row["block"],
                row["destination"], late,
            ):  # fmt: skip
                return False
            time += row["interval"]
    return True
