"""Four machines and a router, installed as the pages say, and the commands of a page run on them."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from .debian import debian
from .machine import Machine, cgroups
from .network import ADDRESSES, connect
from .page import Block, blocks
from .sources import copy_sources

CHECKOUT = Path(__file__).parents[2]
SOURCES = "/opt/src/ims"
PLACES = {
    "the router": ("router",), "the authority": ("authority",), "the portal": ("portal",),
    "both sensors": ("sensor-a", "sensor-b"), "every machine": ("sensor-a", "sensor-b", "portal"),
}  # fmt: skip
"""What pages call several machines, or one that has no name there."""
ONLINE = re.compile(r"\bmake (?:-C \S+ )?install\b")
"""What in a block of commands needs the Internet."""
PASSED_ON = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy")

Hook = Callable[["Trial", Block], Block | None]
"""Called before a block: what the person does there. It may give another block in its place."""


class Trial:
    """The machines, and what was printed on them."""

    def __init__(self, machines: Mapping[str, Machine]) -> None:
        self.machines = machines
        self.said: list[tuple[Block, str]] = []

    def __getitem__(self, name: str) -> Machine:
        return self.machines[name]

    def follow(self, page: str, at: str, hooks: Mapping[str, Hook], not_run: Mapping[str, str]) -> None:
        """All blocks of a page in order, at a machine where they name none. Hooks and `not_run` (why not) are found by
        a text that just one block of the page holds."""
        printed = blocks(page)
        for marker in (*hooks, *not_run):
            assert len([block for block in printed if marker in block.text]) == 1, (page, marker)
        for block in printed:
            if any(marker in block.text for marker in not_run):
                continue
            for marker, hook in hooks.items():
                if marker in block.text:
                    block = hook(self, block) or block
            self.do(block, at)

    def do(self, block: Block, at: str) -> None:
        """Runs commands, writes a file."""
        place = block.place or at
        for name in PLACES.get(place, (place,)):
            machine = self.machines[name]
            if block.file is not None:
                machine.write(str(Path("/root") / block.file), block.text)
            elif block.commands:
                if ONLINE.search(block.text):
                    said = machine.run_online(block.text)
                else:
                    said = machine.run(block.text, block.typed)
                self.said.append((block, said))
            else:
                raise AssertionError(f"neither commands nor a file, nor said not to be run:\n{block.text}")

    def printed(self, marker: str) -> str:
        """What the last block with this text printed."""
        return next(said for block, said in reversed(self.said) if marker in block.text)


@contextlib.contextmanager
def trial() -> Iterator[Trial]:
    """All machines, booted and connected; all but the router are copies of one on which `make install` has run."""
    base = debian()
    folder = Path(tempfile.mkdtemp(prefix="ims-trial-", dir="/var/tmp"))
    with cgroups() as group:
        machines: dict[str, Machine] = {}
        try:
            image = machines["image"] = Machine("image", [base], folder, group)
            image.mount()
            copy_sources(CHECKOUT, image.path(SOURCES))
            equip(image)
            [(block, install)] = [
                (block, found) for block in blocks("sensor.md") if (found := ONLINE.search(block.text))
            ]
            image.run_online(block.text[: install.end()])
            image.off()
            del machines["image"]
            router = machines["router"] = Machine("router", [base], folder, group)
            router.boot()
            for name in (*ADDRESSES, "authority"):
                machines[name] = Machine(name, [image.layer, base], folder, group)
                equip(machines[name])
            connect(router, machines)
            yield Trial(machines)
        finally:
            for machine in machines.values():
                machine.kill()
            for machine in machines.values():
                machine.off()
            shutil.rmtree(folder)


def equip(machine: Machine) -> None:
    """Boots it, with what pip of this machine has fetched already, and the way to the Internet that it uses."""
    cache = subprocess.run(["python3", "-m", "pip", "cache", "dir"], capture_output=True, text=True, check=False)
    if cache.returncode == 0 and Path(cache.stdout.strip()).is_dir():
        machine.share(Path(cache.stdout.strip()), "/root/.cache/pip")
    machine.environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    machine.boot()
