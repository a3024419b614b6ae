"""Writes the files anew: `python -m tests.interfaces`."""

from __future__ import annotations

import tempfile
from pathlib import Path

from ..made.sample import write_sample
from . import write
from .commands import commands
from .openapi import document
from .portal import portal, portal_replies
from .replies import bench, replies
from .tables import files, tables


def main() -> None:
    """As the tests collect them, of the same store."""
    with tempfile.TemporaryDirectory(prefix="ims-interfaces-") as made:
        write_sample(sample := Path(made, "dark1.pcap"), packets=3000, seed=1)
        place = bench(Path(made, "bench"), sample)
        with portal(Path(made, "portal"), place / "STORE") as served:
            found = {
                "openapi": document(served),
                "commands": commands(),
                "schemas": {**tables(), "files": files(place / "STORE")},
                "answers": {"portal": portal_replies(served), "commands": replies(place)},
            }
    for name, what in found.items():
        print(write(name, what))


if __name__ == "__main__":
    main()
