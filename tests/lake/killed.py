"""A program that ships until it is killed: `python -m tests.lake.killed STORE URI STEP...`.

For each STEP, a child ships a copy of STORE, STORE.STEP, to URI.STEP and kills itself just before its STEPth change: of
the disk, or of the bucket (there the place's operations count, and half an object may be on its way). 0 is never
reached, and then it prints how many there were.
"""

import os
import shutil
import signal
import sys
from pathlib import Path

from tests.lake.shipped import ship
from tests.store.killed import die_at

REMOTE = ("write", "send", "remove")


def also_at_the_bucket(turns, step):
    """Be killed at the same count's `step`: before an operation, in the middle of sending, or right after it."""
    from ims.lake.bucket import Bucket

    def turn():
        if next(turns) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    def halfway(chunks):
        for chunk in chunks:
            yield chunk[: len(chunk) // 2]
            turn()
            yield chunk[len(chunk) // 2 :]

    for name in REMOTE:

        def change(self, target, *content, real=getattr(Bucket, name), name=name):  # noqa: B008  (each its own)
            turn()
            real(self, target, *(map(halfway, content) if name == "send" else content))
            turn()

        setattr(Bucket, name, change)


def main():
    store, uri, steps = Path(sys.argv[1]), sys.argv[2], [int(step) for step in sys.argv[3:]]
    for step in steps:
        copy = store.with_name(f"{store.name}.{step}")
        shutil.copytree(store, copy)
        child = os.fork()
        if child == 0:
            import ims.lake.ship

            ims.lake.ship.CHECKPOINT_FILES = 2
            turns = die_at(step)
            also_at_the_bucket(turns, step)
            ship(copy, uri.replace("STEP", str(step)))
            print(next(turns) - 1, flush=True)
            os._exit(0)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
