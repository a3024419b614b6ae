"""`ims simulate`: a scenario to a capture and its truth, or onto a link."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Option

from ims.cli.options import examples
from ims.cli.progress import progress_bar
from ims.full_disk import naming
from ims.text import quantity

EXAMPLES = examples(
    "ims simulate --list",
    "ims simulate blaster-2003 --out b.pcap --truth b.json",
    "ims simulate modern --scale 0.1 --seed 7 --out m.pcap --truth m.json",
    "ims simulate --show sasser-2004 > mine.toml",
    "ims simulate mine.toml --scale 0.1 --out - | "
    "ims ingest - --store MINE --sensor sensor-a --block C/24=100.66.64.0/24",
    "ip netns exec peer ims simulate modern --interface eth0 --speed 60 --truth m.json",
)


def simulate(
    scenario: Annotated[str | None, Argument(metavar="[SCENARIO]", help="One of ours (--list), or a file.")] = None,
    *,
    out: Annotated[str | None, Option(metavar="FILE", help="The capture (pcap); - for standard output.")] = None,
    truth: Annotated[Path | None, Option(metavar="FILE", help="What was planted, and counted (JSON).")] = None,
    seed: Annotated[int, Option(min=0, max=(1 << 63) - 1, metavar="N", help="The same gives the same bytes.")] = 1,
    scale: Annotated[float | None, Option(metavar="X", help="Factor of hosts and rates; else the scenario's.")] = None,
    interface: Annotated[str | None, Option(metavar="IF", help="Play it on a private link, answer SYN-ACKs.")] = None,
    speed: Annotated[float, Option(min=0, metavar="N", help="Scenario's seconds a second; 0: at full speed.")] = 1.0,
    to: Annotated[str | None, Option(metavar="MAC", help="The sensor's machine; asked for if not given.")] = None,
    allow: Annotated[list[str], Option(metavar="IF", help="An interface that is known to lead nowhere else.")] = [],  # noqa: B006  # typer wants a list
    list_: Annotated[bool, Option("--list", help="Show the scenarios that come with us.")] = False,
    show: Annotated[str | None, Option(metavar="NAME", help="Print a scenario, to begin one's own with.")] = None,
) -> None:
    """Make traffic with a known truth: worms, scans, backscatter, misconfiguration, background.

    Payloads are text of the documented lengths: nothing here can harm anybody.
    """
    if list_ or show is not None:
        return _show(show)
    if scenario is None:
        raise ValueError("expected a scenario; `ims simulate --list` shows ours")
    if (out is None) == (interface is None):
        raise ValueError("expected --out FILE, or --interface IF" + (", not both" if out is not None else ""))
    if scale is not None and not 0 < scale <= 1000:
        raise ValueError(f"--scale {scale:g}: expected more than 0, at most 1000")
    if not 0 <= speed <= 1e9:
        raise ValueError(f"--speed {speed:g}: expected 0 to 1e9")
    if truth is not None and truth.is_dir():
        raise ValueError(f"--truth {truth} is a folder; expected a file")
    if truth is not None and out is not None and os.path.realpath(truth) == os.path.realpath(out):
        raise ValueError(f"--out and --truth are both {out}; expected two files")

    from ims.cli.present import announce_compiling
    from ims.simulate.output.capture import write_truth
    from ims.simulate.scenario.scenario import read_scenario

    read = read_scenario(scenario, scale)
    if truth is not None and not truth.parent.is_dir():
        raise ValueError(f"--truth {truth}: there is no folder {truth.parent}")
    announce_compiling()
    whole = _play(read, seed, interface, speed, to, allow) if interface is not None else _write(read, seed, str(out))
    if truth is not None:
        write_truth(truth, whole)
    _report(whole, out)


def _show(name: str | None) -> None:
    from ims.simulate.scenario.scenario import SCENARIOS, read_scenario, scenario_names

    if name is not None:
        read_scenario(name)
        path = SCENARIOS / f"{name}.toml"
        sys.stdout.write((path if path.exists() else Path(name)).read_text(encoding="utf-8"))
        return
    for known in scenario_names():
        print(f"{known:20} {read_scenario(known).title}")


def _write(scenario: Any, seed: int, out: str) -> dict[str, Any]:
    from ims.simulate.output.capture import write_play
    from ims.simulate.output.play import Play

    play = Play(scenario, seed)  # refused, if it is, before the file is touched
    if out == "-":
        if sys.stdout.isatty():
            raise ValueError("--out -: a capture on a terminal would be of no use; redirect it")
        with naming("standard output"):
            whole = _shown(lambda progress: write_play(play, sys.stdout.buffer, progress), "simulating")
            sys.stdout.buffer.flush()
        return whole
    with naming(out), Path(out).open("wb") as file:
        return _shown(lambda progress: write_play(play, file, progress), "simulating")


def _play(scenario: Any, seed: int, name: str, speed: float, to: str | None, allow: list[str]) -> dict[str, Any]:
    from ims.player.guard import allowed, mac_of, next_hop
    from ims.player.live import Player
    from ims.simulate.output.play import Play

    device = allowed(name, explicitly=name in allow)
    play = Play(scenario, seed, live=True)
    mac = mac_of(to) if to is not None else next_hop(device, str(scenario.darknet().blocks[0].prefix[0]))
    return _shown(Player(play, device, mac, speed).run, "playing")


def _shown(run: Callable[[Callable[[float, int], None]], dict[str, Any]], what: str) -> dict[str, Any]:
    """What `run` returns; its progress is shown."""
    with progress_bar(octets=False) as bar:
        return run(lambda done, packets: bar(what, done, 1.0, f"{packets:,} packets"))


def _report(truth: dict[str, Any], out: str | None) -> None:
    stream = sys.stderr if out == "-" else sys.stdout
    size = truth["darknet"]["size_24"]
    sent = f"{quantity(truth['packets'], 'packet')} to {size:,g} /24{'' if size == 1 else 's'}"
    print(f"{sent} from {truth['start']}, seed {truth['seed']}:", file=stream)
    for event in truth["events"]:
        sources = "" if event["sources"] is None else f" from {quantity(event['sources'], 'source')}"
        print(f"  {event['packets']:>12,}  {event['name']} ({event['kind']}){sources}", file=stream)
    if "live" in truth:
        counts = "{sent:,} sent; {syn_acks:,} SYN-ACKs received, {connections:,} answered, {spoken:,} with a payload"
        print(counts.format_map(truth["live"]), file=stream)
