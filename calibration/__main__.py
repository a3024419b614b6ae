"""All parts of docs/calibration.md: `make calibration`, or some: `.venv/bin/python -m calibration [--only PART]`."""

from __future__ import annotations

import argparse
from pathlib import Path

from calibration.runs import PARTS, text_of
from calibration.table import replaced

PAGE = Path(__file__).parents[1] / "docs" / "calibration.md"


def main() -> None:
    """Run parts, and write them into the page; print them where there are fewer seeds than the page has."""
    parser = argparse.ArgumentParser(
        prog="calibration", description="Count how often the intervals of analyses hold the truth.",
        epilog="Example: python -m calibration --only circadian-quiet --seeds 10   (prints its table)",
    )  # fmt: skip
    parser.add_argument("--only", choices=PARTS, action="append", help="this part, and no other; may be repeated")
    parser.add_argument("--seeds", type=int, help="so many of each case, at most; the page isn't written then")
    given = parser.parse_args()
    if given.seeds is not None and given.seeds < 1:
        parser.error("--seeds: expected 1 or more")
    for part in dict.fromkeys(given.only or PARTS):
        text = text_of(part, min(PARTS[part].SEEDS, given.seeds or PARTS[part].SEEDS))
        if given.seeds is not None:
            print(f"{part}\n\n{text}\n")
        else:
            PAGE.write_text(replaced(PAGE.read_text(), part, text))


if __name__ == "__main__":
    main()
