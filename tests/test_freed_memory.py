"""What is freed goes back to the system, in a process of its own: of many threads, and of Arrow."""

from __future__ import annotations

import subprocess
import sys

FREED = """
import sys, threading
{first}
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 >> 20

def work(all_have):
    arrow = [pc.add(numbers, 1) for _ in range(8)]  # 2 MB each
    all_have.wait()

numbers = pa.array(np.arange(250_000))
before = resident()
all_have = threading.Barrier(33)
threads = [threading.Thread(target=work, args=(all_have,)) for _ in range(32)]
for thread in threads:
    thread.start()
all_have.wait()
for thread in threads:
    thread.join()
print(pa.default_memory_pool().backend_name, resident() - before)
"""


def left(first: str) -> tuple[str, int]:
    """Arrow's allocator, and MiB that are kept of what 32 threads had and freed."""
    done = subprocess.run([sys.executable, "-c", FREED.format(first=first)], capture_output=True, text=True, check=True)
    backend, octets = done.stdout.split()
    return backend, int(octets)


def test_what_many_threads_had_at_once_is_given_back() -> None:
    backend, kept = left("from ims.freed_memory import give_back_freed\ngive_back_freed()")
    assert backend == "system"
    assert kept < 100  # of 512; Arrow's own allocator keeps all
