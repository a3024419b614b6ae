"""What commands answer: exit statuses, and the keys of what they print as JSON."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from .. import forked
from ..stores import BLOCK, cli

INTO = f"--sensor a --block {BLOCK}"
LINES = (
    "ims --version",
    "ims --help",
    "ims",
    "ims cuont",
    # The verbs.
    "ims query count --store STORE --format json",
    "ims query series --store STORE --format json",
    "ims query series --group block --store STORE --format json",
    "ims query top destination_port --store STORE --format json",
    "ims query packets --store STORE --format json",
    "ims query payloads --store STORE --format json",
    "ims query sources --store STORE --format json",
    "ims query cache --store STORE --format json",
    "ims query coverage --store STORE --format json",
    "ims query darknet --store STORE --format json",
    "ims query darknet --group block --store STORE --format json",
    # Nothing found, questions that make no sense, and nobody to ask.
    "ims query packets 'ip proto 200' --store STORE",
    "ims query count 'tpc port 80' --store STORE",
    "ims query top destination_prot --store STORE",
    "ims query series --metric packet --store STORE",
    "ims query darknet --group ttl --store STORE",
    "ims query packets --limit 0 --store STORE",
    "ims query count --sotre STORE",
    "ims query count --format xml --store STORE",
    "ims query count --store NONE",
    "ims query count",
    "IMS_TOKEN=ims_none ims query count --portal http://127.0.0.1:1",
    # What is stored, and given back.
    f"ims ingest cut.pcap --store CUT {INTO} --format json",
    f"ims ingest cut.pcap --store CUT {INTO} --again --tolerate-damage",
    f"ims ingest text.pcap --store CUT {INTO}",
    "ims sensor --config none.toml",
    "ims store verify STORE --json",
    "ims store verify DAMAGED --json",
    "ims store verify NONE --json",
    "ims export json tcp --store STORE --out - | head -n 1",
    "ims export xls --store STORE --out -",
    "ims ship --store SHIPPED --to LAKE --format json",
    "ims query count --lake LAKE --format json",
    "ims doctor --ship SHIPPED --to LAKE --format json",
    "ims doctor --ship NONE --to LAKE --format json",
    "ims simulate modern --scale 0.001 --out - --truth truth.json >/dev/null && cat truth.json",
    "ims simulate nothing --out -",
    # A portal's files.
    "echo correct horse battery | ims account add ada --role viewer --accounts accounts.db",
    "ims account token ada --label test --accounts accounts.db",
    "ims account list --accounts accounts.db --format json",
    "ims account tokens ada --accounts accounts.db --format json",
    "ims account list --accounts none.db",
    "ims pki init",
    "ims pki issue sensor-a --role sensor",
    "ims pki show --format json",
    "ims registry check --config portal.toml --format json",
)
"""Run one after another, in a folder that `bench` made."""
_CHOSEN = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
"""A key that we chose; others are of what was counted, such as a block's name or a number of hops."""


def bench(folder: Path, sample: Path) -> Path:
    """A folder with what the lines name: stores of a sample, a capture that is cut off, a portal's settings."""
    folder.mkdir()
    (folder / "cut.pcap").write_bytes(sample.read_bytes()[:-3])
    (folder / "text.pcap").write_text("Not a capture\n")
    done = cli("ingest", sample, "--store", "STORE", *INTO.split(), cwd=folder)
    assert done.returncode == 0, done.stderr
    for name in ("SHIPPED", "DAMAGED"):
        shutil.copytree(folder / "STORE", folder / name)
    next((folder / "DAMAGED" / "packets").rglob("*.parquet")).unlink()
    (folder / "registry.toml").write_text('[[sensor]]\nname = "b"\naddress = "127.0.0.1:1"\n')
    (folder / "portal.toml").write_text('registry = "registry.toml"\naccounts = "accounts.db"\naudit = "audit"\n')
    return folder


def replies(folder: Path) -> dict[str, Any]:
    """By line: the exit status, and the keys, in their order, where JSON was printed."""
    environment = os.environ | {"PATH": f"{forked.ims().parent}:{os.environ['PATH']}"}
    found = {}
    for line in LINES:
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", line], cwd=folder, env=environment, check=False, text=True, timeout=300,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        found[line] = {"status": done.returncode, **_printed(done.stdout)}
    return found


def _printed(text: str) -> dict[str, Any]:
    try:
        said = json.loads(text)
    except ValueError:
        return {}
    return {"keys": keys(said)}


def keys(said: Any, begin: str = "") -> list[str]:
    """The keys of all objects in it, `a.b` for one within another, `a[].b` for those of a list; each once."""
    found: dict[str, None] = {}
    if isinstance(said, list):
        for one in said:
            found |= dict.fromkeys(keys(one, f"{begin}[]" if begin else ""))
    elif isinstance(said, dict):
        for name, value in said.items():
            shown = name if _CHOSEN.fullmatch(name) else "*"
            at = f"{begin}.{shown}" if begin else shown
            found |= dict.fromkeys([at, *keys(value, at)])
    return list(found)
