"""All benchmarks: `make bench`, or some: `.venv/bin/python -m benchmarks [--quick] [ingest] [ask] [sensor] ...`."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from benchmarks import ask, ingest, lake, machine, portal, sensor, simulate

PARTS = ("ingest", "ask", "sensor", "simulate", "portal", "lake")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="benchmarks", description="Measure ims beside other programs.",
        epilog="Examples: python -m benchmarks --quick   (a minute)   python -m benchmarks ingest",
    )  # fmt: skip
    parser.add_argument("parts", nargs="*", metavar="|".join(PARTS), help="which parts; all without any")
    parser.add_argument("--packets", type=int, default=5_000_000, help="of the capture to ingest")
    parser.add_argument("--store-packets", type=int, default=50_000_000, help="of the store to ask")
    parser.add_argument("--quick", action="store_true", help="one run each, 200,000 and 1,000,000 packets")
    parser.add_argument("--others", action="store_true", help="measure the other programs alone")
    parser.add_argument("--dir", type=Path, help="where to work; a temporary folder otherwise (needs 6 GB)")
    parser.add_argument("--keep", action="store_true", help="keep the folder with the store that was asked")
    given = parser.parse_args()
    parts = given.parts or list(PARTS)
    if wrong := set(parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(wrong))}; there are {', '.join(PARTS)}")
    packets, store_packets = (200_000, 1_000_000) if given.quick else (given.packets, given.store_packets)

    folder = Path(tempfile.mkdtemp(prefix="ims-bench-", dir=given.dir))
    # tcpdump, as root, reads as an ordinary user.
    folder.chmod(0o755)
    print("\n".join(machine.describe()), end="\n\n", flush=True)
    try:
        if "ingest" in parts:
            said = ingest.measure(folder, packets, quick=given.quick, with_ims=not given.others)
            print(said, end="\n\n", flush=True)
        if "ask" in parts and not given.others:
            print(ask.measure(folder, store_packets, quick=given.quick), flush=True)
        if "sensor" in parts and not given.others:
            print(sensor.measure(folder, 500_000 if given.quick else 4_000_000, quick=given.quick), flush=True)
        if "simulate" in parts and not given.others:
            print(simulate.measure(folder, quick=given.quick), flush=True)
        if "portal" in parts and not given.others:
            print(portal.measure(folder, quick=given.quick), flush=True)
        if "lake" in parts and not given.others:
            print(lake.measure(folder, quick=given.quick), flush=True)
    except RuntimeError as error:
        sys.exit(f"benchmarks: {error}")
    finally:
        if given.keep:
            print(f"kept: {folder}")
        else:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
