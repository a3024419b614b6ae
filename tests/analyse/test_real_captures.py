"""Every analysis over every real capture that holds scans, worms or backscatter: what came in is what it counts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import ims
from ims.analyse.analyses import ANALYSES
from ims.analyse.result_reader import from_json
from ims.figures.figure_file import write_figure

from ..effort import share
from ..query.words import needed_by_analysis
from ..stores import CAPTURES, ingest, needs_captures

NAMES = (
    "worm-slammer-1pkt", "worm-blaster-4444", "worm-lsass445-honeynet-fc1", "worm-wannacry-eternalsafety",
    "worm-eternalblue-failed", "worm-eternalblue-scan-id2t", "ndpi-rmcp", "ndpi-bacnet", "ndpi-ripe_atlas",
    "ndpi-source_engine", "honeypot-glastopf-20170307-24h", "scan-zmap-10000-tcp80", "scan-masscan-tcp-0-1000",
    "scan-nmap-syn", "scan-nmap-udp-icmp-unreach", "simplescan-445_scan", "simplescan-port_scan", "mmt-27.udp_scan",
    "stopddos-pkt.TCP.synflood.spoofed", "stopddos-amp.UDP.isakmp", "ddos-dns-amp-2013",
    "dos-synflood-random-src-dst",
)  # fmt: skip


@needs_captures
@pytest.mark.parametrize("place", range(len(NAMES)), ids=NAMES)
def test_a_real_capture_goes_through_every_analysis(place: int, tmp_path: Path) -> None:
    """In a commit through every eighth, so that each analysis has several captures."""
    capture = NAMES[place]
    store = ingest(tmp_path / "STORE", CAPTURES / f"{capture}.pcap", blocks=["all/0=0.0.0.0/0"])
    with ims.open(store) as telescope:
        [counted] = telescope.count().rows()
        for name in share(list(ANALYSES), place, 8):
            result = telescope.analysis(name, needed_by_analysis(name))
            assert result.darknet.addresses == 1 << 32
            assert from_json(json.loads(result.to_json())).to_json() == result.to_json()
            assert all(each.value is not None or result.notes for each in result.estimates.values())
            drawn = result.figure()
            if drawn is not None:
                write_figure(drawn, tmp_path / f"{name}.svg")
        rate = telescope.analyse.rate()
    assert sum(row["packets"] for row in rate.rows.to_pylist()) == counted["packets"] > 0
    assert sum(row["packets"] for row in rate.series.to_pylist()) == counted["packets"]


@needs_captures
@pytest.mark.parametrize(
    ("capture", "bin", "about"),
    [
        ("honeypot-glastopf-20170307-24h", "1h", "a honeypot's day"),
        ("stopddos-pkt.TCP.synflood.spoofed", "1s", "a flood of SYNs from forged sources"),
        ("worm-wannacry-eternalsafety", "1s", "a host with WannaCry"),
    ],
)
def test_no_real_capture_is_taken_for_an_outbreak_and_the_page_has_why(
    capture: str, bin: str, about: str, tmp_path: Path
) -> None:
    store = ingest(tmp_path / "STORE", CAPTURES / f"{capture}.pcap", blocks=["all/0=0.0.0.0/0"])
    with ims.open(store) as telescope:
        result = telescope.analyse.outbreak(bin=bin)
    assert all(each.value is None for each in result.estimates.values())
    section = PAGE.partition("## `outbreak`")[2]
    [line] = [line for line in section.splitlines() if line.startswith(f"| {about}")]
    assert f"| {bin[:-1]} {bin[-1]} |" in line
    assert result.notes[0].startswith(line.split("|")[3].strip())


PAGE = (Path(__file__).parents[2] / "docs" / "analyses.md").read_text()


@needs_captures
@pytest.mark.parametrize(
    ("capture", "block", "bin", "about"),
    [
        ("honeypot-glastopf-20170307-24h", "pot/32=172.89.89.47/32", "1h", "a web honeypot's day"),
        ("ndpi-source_engine", "net/24=206.125.246.0/24", "1h", "probes for servers of games"),
        ("stopddos-pkt.TCP.synflood.spoofed", "all/0=0.0.0.0/0", "1s", "a SYN flood from forged sources"),
    ],
)
def test_the_page_has_what_came_out(capture: str, block: str, bin: str, about: str, tmp_path: Path) -> None:
    with ims.open(ingest(tmp_path / "STORE", CAPTURES / f"{capture}.pcap", blocks=[block])) as telescope:
        [row] = telescope.analyse.rate(bin=bin).rows.to_pylist()
    [line] = [line for line in PAGE.splitlines() if line.startswith(f"| {about}")]
    for name in ("mean", "median"):
        if row[name] is None:
            assert "not known" in line
        else:
            assert f"| {row[name]:.3g} ({row[f'{name}_low']:.3g} to {row[f'{name}_high']:.3g}) |" in line


@needs_captures
def test_the_page_has_which_payloads_of_a_honeypot_were_new(tmp_path: Path) -> None:
    capture = CAPTURES / "honeypot-glastopf-20170307-24h.pcap"
    with ims.open(ingest(tmp_path / "STORE", capture, blocks=["pot/32=172.89.89.47/32"])) as telescope:
        day, later = telescope.analyse.new_payloads(), telescope.analyse.new_payloads(history="6h")
    once = sum(row["packets"] == 1 for row in day.rows.to_pylist())
    share = later.estimates["new_share"]
    assert all(each.value is None for each in day.estimates.values())
    section = PAGE.partition("## `new-payloads`")[2].partition("\n## ")[0]
    assert f"{len(day.rows)} payloads were first seen in it, {once} of which came once" in section
    assert f"{len(later.rows)} payloads are new" in section
    assert f"a share of {share.value:.3g} ({share.low:.3g} to {share.high:.3g})" in section


@needs_captures
@pytest.mark.parametrize(
    ("capture", "tested", "appeared", "untested"),
    [
        ("worm-wannacry-eternalsafety", 7, 2, "98.3%"),
        ("honeypot-glastopf-20170307-24h", 1, 0, "99.0%"),
        ("ndpi-rmcp", 1, 0, "33.3%"),
    ],
)
def test_of_real_payloads_those_appeared_that_the_page_names(
    capture: str, tested: int, appeared: int, untested: str, tmp_path: Path
) -> None:
    store = ingest(tmp_path / "STORE", CAPTURES / f"{capture}.pcap", blocks=["all/0=0.0.0.0/0"])
    with ims.open(store) as telescope:
        result = telescope.analyse.signature(bin="1m")
    rows = result.rows.to_pylist()
    assert sum(row["q_value"] is not None for row in rows) == tested
    assert sum(row["appeared"] is not None for row in rows) == appeared
    assert any(note.startswith(untested) for note in result.notes)
