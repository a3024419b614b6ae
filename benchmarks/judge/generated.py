"""Captures for the judge, made from a seed: formats, compressions, links, tags, tunnels, oddities, cuts and damage.

    .venv/bin/python -m benchmarks.judge.generated FOLDER [--files 3000] [--seed 1]

Which file has which is a walk through all choices at different paces, so that a few dozen files hold every choice, and
some thousand every pair. In `whole/` every IPv4 address is to be monitored, in `tunnels/` 198.51.100.0/24.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from random import Random

from benchmarks.judge.envelopes import LINKS, TAGS, TUNNELS
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


def write_capture(folder: Path, number: int, seed: int) -> Path:
    """One file; its name says what it is. Every third is whole of tunnels, every second undamaged."""
    dice = Random(f"{seed} {number}")
    where = "tunnels" if number % 3 == 0 else "whole"
    link = "ethernet" if where == "tunnels" or number % 2 else [*LINKS][number // 2 % len(LINKS)]
    tags = [[*TAGS][(number + each) % len(TAGS)] for each in range(3)]
    tunnels = [[*TUNNELS][(number // 3 + each) % len(TUNNELS)] for each in range(4)]
    records = []
    for at in range(PACKETS):
        inner = packet(dice)
        if where == "tunnels" or dice.randrange(6) == 0:
            inner = TUNNELS[dice.choice(tunnels)](inner, dice)
        kind, frame = LINKS[link]
        octets = TAGS[dice.choice(tags)](inner, dice) if link == "ethernet" else frame(inner, dice)
        records.append(record(octets, at, dice))
    form = [*FORMATS][number // 5 % len(FORMATS)]
    if form == "erf" and kind not in ERF_LINKS:
        form = "ns-le"
    damage = "" if number % 2 else [*DAMAGES][number // 2 % len(DAMAGES)]
    if (form, damage) == ("us-kuznetsov", "length"):
        damage = "cut"  # which variant such a file is, tshark guesses from the lengths of its first records
    compression = [*COMPRESSIONS][number // 7 % len(COMPRESSIONS)] if number % 4 == 1 else ""
    octets, begins = FORMATS[form](records, kind)
    octets = COMPRESSIONS[compression](DAMAGES[damage](octets, begins, dice))
    if compression and number % 5 == 0:
        octets, damage = octets[: dice.randrange(len(octets) // 2, len(octets))], "cut-stream"
    name = "-".join(filter(None, (f"{number:05}", link, form, damage)))
    path = folder / where / f"{name}{SUFFIX[form[:2]]}{compression}"
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
