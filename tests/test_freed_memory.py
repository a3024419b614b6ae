"""What is freed goes back to the system, in a process of its own: of many threads, and of Arrow; and daemons look for
what is garbage, which commands don't."""

from __future__ import annotations

import subprocess
import sys
import traceback
from pathlib import Path

import pytest

from ims.freed_memory import THRESHOLDS, let_go
from ims.portal.auth.accounts import Accounts
from tests.free_port import free_port
from tests.portal.deployment import toml

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


RUNNING = """
import gc, sys
import {module} as module

def told(*_words, **_named):
    print(gc.get_threshold(), gc.get_freeze_count() > 0, flush=True)
    sys.exit(0)

module.{what} = told
from ims.cli import main
main()
"""
DAEMONS = {
    "portal": ("ims.portal.daemon", "Portal.run", "--config portal.toml"),
    "queryd": ("ims.queryd.daemon", "Queryd.run", "--config queryd.toml"),
    "sensor": (
        "ims.sensor.daemon",
        "Sensor.run",
        "--replay dark.pcap --speed 0 --store NEW --sensor a --block C/24=198.51.100.0/24",
    ),
    "ship": ("ims.cli.ship", "_round", "--store STORE --to LAKE --every 1h"),
}
"""Commands that run until they are stopped: the module and what of it goes on for long, and their words."""


@pytest.mark.parametrize("command", DAEMONS)
def test_a_daemon_looks_for_garbage(command: str, tmp_path: Path, samples: dict[int, Path], one_store: Path) -> None:
    (tmp_path / "dark.pcap").symlink_to(samples[1])
    (tmp_path / "STORE").symlink_to(one_store)
    (tmp_path / "registry.toml").touch()
    Accounts(tmp_path / "accounts.db").close()
    listening = {"user": "root", "listen": f"127.0.0.1:{free_port()}"}
    files = {"registry": "registry.toml", "accounts": "accounts.db", "audit": "audit.jsonl"}
    (tmp_path / "portal.toml").write_text(toml(files | listening))
    (tmp_path / "queryd.toml").write_text(toml({"store": "STORE"} | listening))
    module, what, words = DAEMONS[command]
    program = [sys.executable, "-c", RUNNING.format(module=module, what=what), command, *words.split()]
    done = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == f"{THRESHOLDS} True", done.stderr


def test_python_s_own_thresholds_are_known() -> None:
    program = "import gc; print(gc.get_threshold())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(THRESHOLDS)


def test_an_error_lets_go_of_what_it_and_its_causes_held_and_tells_where_it_was() -> None:
    held = [object() for _ in range(2)]

    def library(mine: list[object]) -> None:
        raise ZeroDivisionError(len(mine))

    def ours(mine: list[object]) -> None:
        try:
            library([held[1], *mine])
        except ZeroDivisionError as error:
            raise MemoryError from error

    counts = [sys.getrefcount(each) for each in held]
    try:
        ours([held[0]])
    except MemoryError as error:
        assert all(sys.getrefcount(each) > count for each, count in zip(held, counts, strict=True))
        let_go(error)
        assert [sys.getrefcount(each) for each in held] == counts
        told = "".join(traceback.format_exception(error))
        assert "in ours" in told
        assert "in library" in told
    else:
        pytest.fail("nothing was raised")
