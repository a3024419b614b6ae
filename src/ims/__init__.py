"""The Internet Motion Sensor: a network telescope (Bailey et al., NDSS 2005).

The data's path, stage by stage; a stage imports no other stage:

    frames ──► packets ──► signatures ──► new payloads ──┐
                  └──────────────────────────────────────┴──► store ──► answers ──► people
     capture     decode       sign                            store     query       cli, Python

* `capture`  frames in, from capture files and pipes: one buffer of octets and where each frame lies in it
* `decode`   frames to packet columns: link layers, tunnels, IPv4, TCP, UDP, ICMP, checksums, category
* `sign`     payload to signature: a keyed 128-bit key, a bounded cache for each UTC day, MD5 once per payload
* `store`    columns to hive-partitioned Parquet and back: manifest, compaction, retention, export
* `query`    the filter language, typed requests, and plans in two halves (partial, merge) in Ibis
* `sensor`   where the writing stages meet: one batch from frames to store
* `telescope` where the answering ones meet: `ims.open("DIR")`
* `cli`      parse, call, print

Below the stages: `records` (every column of every table), `darknet` (the monitored blocks), `kernels`, `octets`,
`checksum`, `siphash` (what compiled code is made of).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from ims.telescope import Telescope

__version__ = "0.1.0"
__all__ = ["__version__", "open"]


def open(*stores: str | Path) -> Telescope:
    """Open one or more stores for questions.

    Raises FileNotFoundError or ValueError where a folder isn't a store.

    >>> import ims
    >>> telescope = ims.open("STORE")           # doctest: +SKIP
    >>> telescope.top("destination_port").to_pandas()    # doctest: +SKIP
    """
    from ims.telescope import Telescope

    return Telescope(*stores)
