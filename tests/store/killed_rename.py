"""A program that renames a sensor until it is killed: `python -m tests.store.killed_rename STORES STEP...`.

In each STORES/STEP, a store, sensor a becomes b in a child that kills itself just before its STEPth change of the disk.
"""

import os
import sys
from pathlib import Path

from ims.store.rename import rename_sensor
from tests.store.killed import die_at


def main():
    stores, steps = Path(sys.argv[1]), [int(step) for step in sys.argv[2:]]
    for step in steps:
        child = os.fork()  # before the first thread is started
        if child == 0:
            turns = die_at(step)
            rename_sensor(stores / str(step), "a", "b")
            print(step, next(turns) - 1, flush=True)
            os._exit(0)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
