"""Compiled kernels, loaded before they are needed: while the files they are in may still be read, and before a packet
or a caller waits. `python -m ims.process.warm_up PART...` compiles those of some parts into the cache."""

from __future__ import annotations

import importlib
import sys

PARTS = {
    "replies": "ims.sensor.daemon:load_answering_kernels",
    "answers": "ims.queryd.daemon:warm_up",
    "scans": "ims.portal.privacy.address_scan:load_scanning_kernels",
    "stages": "ims.sensor.warm_up:load_stage_kernels",
}
"""What loads each part; by name, so that it is imported only when requested."""


def compile_all(*parts: str) -> None:
    """Compile and load the kernels of some parts, in this order, or of all. Raises KeyError for an unknown one."""
    for part in parts or PARTS:
        module, _, name = PARTS[part].partition(":")
        getattr(importlib.import_module(module), name)()


if __name__ == "__main__":
    compile_all(*sys.argv[1:])
