"""`make judge DIR=…`: a line for each capture, what disagrees, and a summary; exit status 1 on any disagreement."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from benchmarks.judge.counted import EXPRESSIONS
from benchmarks.judge.envelopes import UNWRAP
from benchmarks.judge.generated import write_captures
from benchmarks.judge.judged import Asked, Judged
from benchmarks.judge.verdict import UNPACKERS, judge

SUFFIXES = (".pcap", ".cap", ".pcapng", ".dmp", ".erf", ".gz", ".zst", ".xz", ".lz4", ".bin", ".trace")


EACH = 4
"""Of a made capture each fourth filter is asked; thousands of them ask all."""


def asked_of(path: Path, number: int, filtered: int = 1) -> Asked:
    """How a made capture is ingested; each `filtered`th is asked filters, too, which cost half of the time."""
    some = () if number % filtered else EXPRESSIONS[number // filtered % EACH :: EACH]
    if path.parent.name == "tunnels":
        return Asked(("C=198.51.100.0/24",), UNWRAP, some)
    return Asked(expressions=some)


def captures(folder: Path) -> list[Path]:
    """Files that are named like captures, in a folder and those below."""
    if folder.is_file():
        return [folder]
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix in SUFFIXES)


def missing_programs(found: Iterable[Path]) -> list[str]:
    """What these captures are held against or unpacked with, and isn't installed."""
    needed = {"tshark", "tcpdump"} | {UNPACKERS[path.suffix] for path in found if path.suffix in UNPACKERS}
    return sorted(name for name in needed if shutil.which(name) is None)


def lines(judged: Judged) -> Iterable[str]:
    """What a person reads about one capture."""
    said = "DISAGREES" if judged.found else "agrees"
    yield (f"{said:<10} {judged.frames:>8,} frames {judged.stored:>8,} stored {judged.filters:>4} filters  "
           f"{judged.path.name} {judged.note}").rstrip()  # fmt: skip
    for one in judged.found:
        yield f"           {one.kind}: {one.what}"


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="judge", description="Hold what ims makes of captures against tshark and tcpdump.",
        epilog="Example: python -m benchmarks.judge /var/captures --jobs 2",
    )  # fmt: skip
    parser.add_argument("folder", type=Path, metavar="DIR", help="captures, in it and below; or one capture")
    parser.add_argument("--generate", type=int, metavar="N", help="write so many made captures into DIR, judge those")
    parser.add_argument("--seed", type=int, default=1, help="of the made captures")
    parser.add_argument("--filtered", type=int, default=1, metavar="N", help="filters of each Nth made capture only")
    parser.add_argument("--block", action="append", metavar="NAME=CIDR", help="all=0.0.0.0/0 without any")
    parser.add_argument("--unwrap", default="", metavar="LIST", help="as for `ims ingest`")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="captures at once")
    given = parser.parse_args()
    if given.generate:
        write_captures(given.folder, given.generate, given.seed)
    found = captures(given.folder)
    if not found:
        sys.exit(f"judge: no captures in {given.folder}")
    missing = missing_programs(found)
    if missing:
        sys.exit(f"judge: missing: {', '.join(missing)}; CONTRIBUTING.md has the packages")
    asked = Asked(tuple(given.block or ("all=0.0.0.0/0",)), given.unwrap)
    of_each = [asked] * len(found)
    if given.generate:
        of_each = [asked_of(path, number, given.filtered) for number, path in enumerate(found)]
    began, excused, kinds, wrong = time.monotonic(), Counter[str](), Counter[str](), 0
    frames = stored = filters = 0
    with ProcessPoolExecutor(given.jobs) as pool:
        for judged in pool.map(judge, found, of_each, chunksize=4):
            print("\n".join(lines(judged)), flush=True)
            excused.update(judged.excused)
            kinds.update(one.kind for one in judged.found)
            wrong += bool(judged.found)
            frames, stored, filters = frames + judged.frames, stored + judged.stored, filters + judged.filters
    print(f"\n{len(found):,} captures, {frames:,} frames, {stored:,} stored, {filters:,} counts by filters, "
          f"{time.monotonic() - began:.0f} s: {wrong:,} disagree")  # fmt: skip
    for kind, number in kinds.most_common():
        print(f"  {kind}: {number:,}")
    if excused:
        print("excused (benchmarks/judge/excused.py says why):")
        for kind, number in excused.most_common():
            print(f"  {kind}: {number:,}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
