"""A program that writes to a store until it is killed: `python -m tests.store.killed STORE [STEP...]`.

Alone, it goes on from the store's last checkpoint without end and prints each. With steps, it runs `life` once for
each STEP on a store of its own, STORE/STEP, in a child that kills itself just before its STEPth change of the
disk; 0 is never reached, and then it prints how many there were.
"""

import os
import signal
import sys
from itertools import count
from pathlib import Path

import numpy as np

from ims.store import compaction, manifest
from ims.store.writer import SensorWriter
from tests.store.made import HOUR, NOON, coverage, packets, payloads, put

ROWS = 20
CHANGES = ("fsync", "link", "rename", "unlink", "rmdir", "mkdir", "ftruncate")


def one_checkpoint(writer, number):
    """Checkpoint `number`: ROWS packets over two hours and late ones, a payload, the capture, its coverage."""
    now = NOON + number * HOUR // 4
    times = np.resize([now, now + HOUR, NOON], ROWS)
    put(writer, "packets", packets(times, first=number * ROWS))
    put(writer, "payloads", payloads([now]))
    writer.seen.first_seen(np.full((1, 16), number, np.uint8), np.array([now]))
    record = {"name": "c", "frames": (number + 1) * ROWS}
    writer.checkpoint({"c": record}, {"c": coverage(NOON, now + HOUR)}, publish_before_us=now // HOUR * HOUR)


def checkpoints_of(writer):
    """How many checkpoints a store has."""
    return writer.captures.get("c", {"frames": 0})["frames"] // ROWS


def life(store, announce):
    """Ten checkpoints in two openings, and all hours published between and after them."""
    for upto in (5, 10):
        writer = SensorWriter(store, "a", lanes=2)
        for number in range(checkpoints_of(writer), upto):
            one_checkpoint(writer, number)
            announce(number + 1)
        writer.finish(NOON)
        writer.close()


def small_limits():
    """So that a few checkpoints merge parts and begin generations."""
    compaction.HOT_PARTS = 2
    manifest.ROLL_BYTES = 0


def die_at(step):
    """Be killed just before the `step`th change of the disk; returns what counts them."""
    turns = count(1)
    for name in CHANGES:

        def change(*args, real=getattr(os, name), **more):  # noqa: B008  (each its own)
            if next(turns) == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **more)

        setattr(os, name, change)
    return turns


def main():
    small_limits()
    store, steps = Path(sys.argv[1]), [int(step) for step in sys.argv[2:]]
    if not steps:
        writer = SensorWriter(store, "a", lanes=2)
        for number in count(checkpoints_of(writer)):
            one_checkpoint(writer, number)
            print(number + 1, flush=True)
    for step in steps:
        child = os.fork()  # before the first thread is started
        if child == 0:
            place = store / str(step)
            place.mkdir(parents=True)
            turns = die_at(step)
            life(place / "s", lambda number, place=place: (place / "announced").write_text(str(number)))
            print(next(turns) - 1, flush=True)
            os._exit(0)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
