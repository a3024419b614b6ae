"""`ims demo`: a capture made on the spot, a store, and a few questions."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = """\b
Examples:
  ims demo
  ims demo --folder /tmp/telescope
"""

QUESTIONS: Sequence[tuple[str, Sequence[str]]] = (
    ("How much came, and from how many sources?", ["query", "count"]),
    ("Which ports do they try?", ["query", "top", "destination_port", "--limit", "8"]),
    ("What is it: scans, backscatter of attacks on others, ...?", ["query", "top", "category"]),
    ("How does it go through the day?", ["query", "series", "--bin", "3h", "--metric", "sources"]),
    ("Whose payloads come most often?", ["query", "payloads", "tcp", "--limit", "2"]),
    (
        "Who asked for telnet with Mirai's mark, a sequence number that is the destination's address?",
        ["query", "sources", "tcp dst port 23 and tcp[4:4] = ip[16:4]", "--limit", "3"],
    ),
    ("How often was a payload known already (Figure 8 of the paper)?", ["query", "cache", "--bin", "6h"]),
)


def demo(
    folder: Annotated[Path, typer.Option(metavar="DIR", help="Where the capture and the store go.")] = Path("demo"),
) -> None:
    """Make a day of dark traffic, store it, and ask the store several questions; then a live sensor.

    Needs no network. As root, real programs probe the sensor in a network namespace; as anybody else, it replays.
    """
    from ims.cli import app
    from ims.cli.demo_live import live_demo, may_be_live, replay_demo
    from ims.simulate.sample import write_sample

    capture, store = folder / "dark.pcap", folder / "store"
    left = {entry.name for entry in folder.iterdir()} if folder.is_dir() else set()
    if left - {"dark.pcap", "store", "live"}:
        raise ValueError(f"{folder} holds other files than a demo's; give another --folder")
    for old in (store, folder / "live"):
        if old.exists():
            shutil.rmtree(old)
    folder.mkdir(parents=True, exist_ok=True)

    _say(f"A day of synthetic dark traffic to 198.51.100.0/24 goes to {capture}.")
    write_sample(capture)
    command = [
        "ingest",
        str(capture),
        "--store",
        str(store),
        "--sensor",
        "demo",
        "--block",
        "C/24=198.51.100.0/24",
    ]
    _run(app, "Into a store, as columns, each payload once:", command)
    for question, words in QUESTIONS:
        _run(app, question, [*words, "--store", str(store)])
    _run(
        app,
        "And back as it came:",
        ["export", "pcap", "udp", "--store", str(store), "--out", str(folder / "udp.pcap")],
    )
    (folder / "udp.pcap").unlink()
    if may_be_live():
        _say("And live: a sensor in a network namespace of its own answers for 198.51.100.0/24.")
        live_demo(_say)
    else:
        replay_demo(_say, capture, folder / "live")
    _say(
        f"Next, with .venv/bin before ims (or after: . .venv/bin/activate):\n"
        f"  ims query payloads 'udp dst port 1434' --store {shlex.quote(str(store))}\n"
        f"  ims query top source/16 'tcp[tcpflags] & (tcp-syn|tcp-ack) = tcp-syn' --store {shlex.quote(str(store))}\n"
        f"  ims ingest YOUR.pcap --store {shlex.quote(str(store))} --sensor mine --block NAME=CIDR\n"
        f'  python -c \'import ims; print(ims.open("{store}").top("destination_port").to_pandas())\'\n'
        f"The words of filters: docs/filter.md. The columns: docs/records.md. Every command: docs/cli.md."
    )


def _say(text: str) -> None:
    typer.echo(f"\n{text}")


def _run(app: typer.Typer, what: str, words: Sequence[str]) -> None:
    _say(f"{what}\n  $ ims {shlex.join(words)}")
    app(list(words), standalone_mode=False)
