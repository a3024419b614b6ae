"""Draws the paper's figures from re-created traffic into docs/figures: `make figures`, or some: `ONLY="rate"`.

Each is what its user would do: a scenario to a capture, the capture into a store, an analysis with `--figure`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs" / "figures"
IMS = Path(sys.executable).parent / "ims"


class Figure(NamedTuple):
    """A figure of the paper. `scenario`: its name, and options of `ims simulate`; `analysis`: the command's words."""

    scenario: Sequence[str]
    analysis: Sequence[str]


TEN = " or ".join(
    f"block {name}" for name in ["A1/24", "B/24", "C/24", "D/24", "E/18", "F/17", "G/18", "H1/20", "J/24", "O/8"]
)
"""As many as in the paper's Figure 2, which doesn't name them."""
# What Blaster does, in order.
BLASTER = ("--first", "tcp dst port 135 and payload", "--then", "tcp dst port 4444 and payload")
FIGURES = {
    "rate": Figure(("ims-2004",), ("rate", TEN)),
    "local-preference": Figure(("ims-2004",), ("local-preference", TEN)),
    "signature": Figure(("sasser-2004",), ("signature", "tcp dst port 445")),
    "ports": Figure(("ports-2004",), ("ports",)),
    "storage": Figure(("mysql-2004",), ("storage",)),
    "cache": Figure(("mysql-2004",), ("cache",)),
    "new-payloads": Figure(("new-payloads",), ("new-payloads",)),
    "outbreak": Figure(("blaster-2003",), ("outbreak", "tcp dst port 135")),
    "chain": Figure(("blaster-2004",), ("chain", *BLASTER, "--bin", "5m")),
    "circadian": Figure(("blaster-2004",), ("circadian", BLASTER[-1])),
    "exchange": Figure(("blaster-2004",), ("exchange", "--source", "130.233.255.175", "--limit", "8")),
}


def draw(name: str, folder: Path, scale: str = "") -> Path:
    """Draw one figure, with what it is made of in a folder; `scale`: of its hosts, in place of 1."""
    scenario, analysis = FIGURES[name]
    capture, truth, store = folder / "dark.pcap", folder / "dark.json", folder / "STORE"
    run("simulate", *scenario, *(("--scale", scale) if scale else ()), "--out", capture, "--truth", truth)
    blocks = json.loads(truth.read_text())["darknet"]["blocks"]
    words = [word for block in blocks for word in ("--block", f"{block['name']}={block['prefix']}")]
    run("ingest", capture, "--store", store, "--sensor", "ims", *words)
    out = (folder if scale else FOLDER) / f"{name}.svg"
    out.parent.mkdir(exist_ok=True)
    run("analyse", *analysis, "--store", store, "--figure", out)
    return out


def run(*words: str | Path) -> None:
    """A command of ours, which prints nothing unless it fails. Raises CalledProcessError."""
    subprocess.run([IMS, *map(str, words)], check=True, stdout=subprocess.DEVNULL)


def main(names: Sequence[str]) -> int:
    """Draw them."""
    if unknown := set(names) - FIGURES.keys():
        print(f"no figure {', '.join(sorted(unknown))}; there are {', '.join(FIGURES)}", file=sys.stderr)
        return 2
    for name in names or FIGURES:
        with tempfile.TemporaryDirectory(prefix="ims-figures-") as folder:
            print(draw(name, Path(folder)).relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
