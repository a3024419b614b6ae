"""Captures for the judge, made from a seed: formats, compressions, links, tags, tunnels, oddities, cuts and damage.

    .venv/bin/python -m benchmarks.judge.generated FOLDER [--files 3000] [--seed 1]

Which file has which is a walk through all choices at different paces, so that a few dozen files hold every choice, and
some thousand every pair. In `whole/` every IPv4 address is to be monitored, in `tunnels/` 198.51.100.0/24.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from random import Random

from benchmarks.judge.envelopes import LINKS, TAGS, TUNNELS, netfilter_log
from benchmarks.judge.formats import COMPRESSIONS, DAMAGES, ERF_LINKS, FORMATS, NS, SUFFIX, Record
from benchmarks.judge.packets import packet

PACKETS = 24
"""Frames of a file."""
BEGIN = 1_772_600_400 * NS
"""2026-03-04T05:00:00Z"""


def record(octets: bytes, at: int, dice: Random) -> Record:
    """A frame as it was captured: some cut by a snapshot length."""
    cut = dice.choice((len(octets),) * 3 + (54, 60, 68, 96, dice.randrange(1, len(octets) + 1)))
    return Record(BEGIN + at * 1_000_001_000, octets[:cut], len(octets))


@dataclass(frozen=True)
class Choices:
    """What a made capture is of."""

    tunnelled: bool
    link: str
    tags: tuple[str, ...]
    tunnels: tuple[str, ...]
    form: str
    damage: str
    compression: str
    cut_stream: bool
    """the compressed octets are cut"""

    def each(self) -> set[tuple[str, str]]:
        """(name of a choice, what was chosen), as far as frames show it."""
        found = {("link", self.link), ("form", self.form), ("damage", self.damage), ("compression", self.compression)}
        found |= {("tag", tag) for tag in self.tags if self.link == "ethernet"}
        return found | {("tunnel", tunnel) for tunnel in self.tunnels if self.tunnelled}


def choices(number: int) -> Choices:
    """Every third file is whole of tunnels, every second undamaged."""
    tunnelled = number % 3 == 0
    link = "ethernet" if tunnelled or number % 2 else [*LINKS][number // 2 % len(LINKS)]
    form = [*FORMATS][number // 5 % len(FORMATS)]
    if form == "erf" and LINKS[link][0] not in ERF_LINKS:
        form = "ns-le"
    damage = "" if number % 2 else [*DAMAGES][number // 2 % len(DAMAGES)]
    compression = [*COMPRESSIONS][number // 7 % len(COMPRESSIONS)] if number % 4 == 1 else ""
    return Choices(
        tunnelled, link, tuple([*TAGS][(number + each) % len(TAGS)] for each in range(3)),
        tuple([*TUNNELS][(number // 3 + each) % len(TUNNELS)] for each in range(4)), form, damage, compression,
        compression != "" and number % 5 == 0,
    )  # fmt: skip


def covering() -> list[int]:
    """Numbers of files that hold every choice: always that which holds most of what is left."""
    offered = {number: choices(number).each() for number in range(1200)}
    left, found = set[tuple[str, str]]().union(*offered.values()), []
    while left:
        found.append(max(offered, key=lambda number: len(offered[number] & left)))
        left -= offered[found[-1]]
    return found


def write_capture(folder: Path, number: int, seed: int) -> Path:
    """One file; its name says what it is."""
    dice, chosen = Random(f"{seed} {number}"), choices(number)
    records = []
    for at in range(PACKETS):
        inner = packet(dice)
        if chosen.tunnelled or dice.randrange(6) == 0:
            inner = TUNNELS[dice.choice(chosen.tunnels)](inner, dice)
        kind, frame = LINKS[chosen.link]
        octets = TAGS[dice.choice(chosen.tags)](inner, dice) if chosen.link == "ethernet" else frame(inner, dice)
        if chosen.link == "nflog" and chosen.form.endswith("be"):
            octets = netfilter_log(inner, ">")
        records.append(record(octets, at, dice))
    octets, begins = FORMATS[chosen.form](records, kind)
    # Which variant of pcap a file is, tshark guesses from its first records: those are spared.
    spared = begins[4] if chosen.form == "us-kuznetsov" or chosen.damage == "length" else 0
    damaged = DAMAGES[chosen.damage](octets[spared:], [at - spared for at in begins if at >= spared], dice)
    octets, damage = COMPRESSIONS[chosen.compression](octets[:spared] + damaged), chosen.damage
    if chosen.cut_stream:
        octets, damage = octets[: dice.randrange(len(octets) // 2, len(octets))], "cut-stream"
    name = "-".join(filter(None, (f"{number:05}", chosen.link, chosen.form, damage)))
    where = "tunnels" if chosen.tunnelled else "whole"
    path = folder / where / f"{name}{SUFFIX[chosen.form[:2]]}{chosen.compression}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(octets)
    return path


def write_captures(folder: Path, files: int, seed: int = 1) -> list[Path]:
    """So many of them, in `whole/` and `tunnels/`."""
    return [write_capture(folder, number, seed) for number in range(files)]


def main() -> None:
    parser = argparse.ArgumentParser(prog="generated", description="Captures for the judge.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    write_captures(given.folder, given.files, given.seed)


if __name__ == "__main__":
    main()
