"""`ims demo`: a scenario, its capture, a store, a few queries, and a comparison of the answers with the truth."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer
from typer import Option

from ims.cli.demo_process import ending_on_signals, program, show, typed
from ims.cli.options import examples
from ims.full_disk import naming

EXAMPLES = examples("ims demo", "ims demo --folder /tmp/telescope")

SCENARIO = Path(__file__).with_name("demo.toml")
OURS = re.compile(r"dark\.(toml|pcap|json)|store|live|(\.udp\.pcap\..*|udp\.pcap)")
"""Names in the demo's folder, also of what a demo left that was killed."""

BLOCK = "C/24=198.51.100.0/24"
QUESTIONS: Sequence[tuple[str, Sequence[str]]] = (
    ("How much came, and from how many sources?", ["query", "count"]),
    ("Which ports do they try?", ["query", "top", "destination_port", "--limit", "8"]),
    (
        "New on 4321: is it a worm, how fast did it grow, how many hosts has it (Figure 9 of the paper)?",
        ["analyse", "outbreak", "tcp dst port 4321", "--plot"],
    ),
    (
        "How busy was it by the hour, with intervals (Figure 2; --figure rate.svg draws it for print)?",
        ["analyse", "rate", "--bin", "1h", "--plot"],
    ),
    ("What do they say there?", ["query", "payloads", "tcp dst port 4321", "--limit", "1"]),
    ("What is it all: scans, backscatter of attacks on others, ...?", ["query", "top", "category"]),
    (
        "Who asked for telnet with Mirai's mark, a sequence number that is the destination's address?",
        ["query", "sources", "tcp dst port 23 and tcp[4:4] = ip[16:4]", "--limit", "3"],
    ),
    ("How often was a payload known already (Figure 8)?", ["query", "cache", "--bin", "6h"]),
)
PLANTED: Sequence[tuple[str, str]] = (
    ("a new worm", "tcp dst port 4321"),
    ("bots with the mark of Mirai", "tcp dst port 23"),
    ("Slammer, still", "udp dst port 1434"),
    ("research with ZMap", "tcp dst port 443 or 80 or 22"),
    ("a flood of somebody else", "src host 192.0.2.80"),
    ("a mistyped name server", "udp dst port 53"),
)
"""Events of the scenario, and how to ask for each."""


def demo(
    folder: Annotated[Path, Option(metavar="DIR", help="Where the capture and the store go.")] = Path("demo"),
) -> None:
    """Make a day of dark traffic, store it, ask the store several questions, and compare with the truth; then live, and
    through a portal.

    Needs no network. As root, real programs and a scenario meet a live sensor in a network namespace; as anybody else,
    the capture is replayed.
    """
    from ims.cli.demo_kernels import compiling_beside
    from ims.cli.demo_live import left_out, live_demo, may_be_live, replay_demo
    from ims.cli.demo_portal import portal_demo

    try:
        with ending_on_signals(), compiling_beside() as compiled:
            store_demo(folder, compiled)
            if may_be_live():
                _say("And live: a sensor in a network namespace of its own answers for 198.51.100.0/24.")
                live_demo(_say, folder / "dark.toml", folder / "live")
            else:
                replay_demo(_say, folder / "dark.pcap", folder / "live")
            _say("And many sensors, one answer: a portal in front of three of them.")
            portal_demo(_say, folder / "dark.pcap")
    except subprocess.SubprocessError as error:  # `ip`, where namespaces can't be made
        raise OSError(f"a step of the demo failed: {error}") from None
    _say("\n".join(ending(folder)))
    for line in left_out(folder):
        _say(line)


DOCS = Path(__file__).parents[3] / "docs"
"""The pages, where this runs from a checkout."""
PAGES = {
    "the words of filters": "filter.md",
    "the columns": "records.md",
    "scenarios": "simulate.md",
    "commands": "cli.md",
}


def ending(folder: Path) -> list[str]:
    """What to do next: each line behind a prompt runs as it is, in the folder in which the demo ran."""
    store, capture = folder / "store", folder / "dark.pcap"
    code = f"import ims; print(ims.open({str(store)!r}).top('destination_port').to_pandas())"
    lines = [
        "Next:",
        typed("query", "payloads", "udp dst port 1434", "--store", store),
        typed("query", "top", "source/16", "tcp[tcpflags] & (tcp-syn|tcp-ack) = tcp-syn", "--store", store),
        typed("simulate", "--list"),
        f"  $ {program('python')} -c {shlex.quote(code)}",
        f"A capture of your own goes in as this one does, with its own block in place of {BLOCK}:",
        typed("ingest", capture, "--store", store, "--sensor", "mine", "--block", BLOCK),
    ]
    place = DOCS.relative_to(Path.cwd()) if DOCS.is_relative_to(Path.cwd()) else DOCS
    if DOCS.is_dir():
        return [*lines, "To read: " + ", ".join(f"{what} in {place / page}" for what, page in PAGES.items()) + "."]
    return [*lines, "Every command says more with --help."]


def store_demo(folder: Path, compiled: Callable[[], object] = lambda: None) -> None:
    """The first part: the scenario, its capture, the store, queries. `compiled` waits for kernels. Raises OSError where
    the answers differ from the truth, and what the commands raise."""
    capture, store, scenario, truth = (folder / name for name in ("dark.pcap", "store", "dark.toml", "dark.json"))
    old = list(folder.iterdir()) if folder.is_dir() else []
    if not all(OURS.fullmatch(entry.name) for entry in old):
        raise ValueError(f"{folder} holds other files than a demo's; give another --folder")
    for entry in old:
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    folder.mkdir(parents=True, exist_ok=True)
    with naming(scenario):
        shutil.copyfile(SCENARIO, scenario)

    day = f"A day at a dark /24 in which a worm breaks out, as {scenario} says:"
    _run(day, "simulate", scenario, "--out", capture, "--truth", truth)
    compiled()
    ingest = ("ingest", capture, "--store", store, "--sensor", "demo", "--block", BLOCK)
    _run("Into a store, as columns, each payload once:", *ingest)
    for question, words in QUESTIONS:
        _run(question, *words, "--store", store)
    _compare(store, truth)
    _run("And back as it came:", "export", "pcap", "udp", "--store", store, "--out", folder / "udp.pcap")
    (folder / "udp.pcap").unlink()


def _compare(store: Path, truth: Path) -> None:
    """Print what was planted beside the store's answers. Raises OSError if they differ."""
    import ims

    _say(f"What was planted ({truth}), and what the store answers:")
    events = {event["name"]: event for event in json.loads(truth.read_text(encoding="utf-8"))["events"]}
    print(f"  {'':27} {'filter':30} {'packets':>8} {'stored':>8} {'sources':>8} {'stored':>8}")
    differing = []
    with ims.open(store) as telescope:
        for name, filter in PLANTED:
            [found] = telescope.count(filter).table.to_pylist()
            pairs = [(events[name][count], found[count]) for count in ("packets", "sources")]
            numbers = "".join(f" {number:8,}" for pair in pairs for number in pair)
            differs = any(planted != stored for planted, stored in pairs)
            print(f"  {name:27} {filter:30}{numbers}{'  differs' if differs else ''}")
            differing += [name] if differs else []
    if differing:
        raise OSError(f"the store's answers aren't what was planted: {', '.join(differing)}")


def _say(text: str) -> None:
    typer.echo(f"\n{text}")


def _run(what: str, *words: str | Path) -> None:
    _say(f"{what}\n{typed(*words)}")
    show(*words)
