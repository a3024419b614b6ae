"""The truth is what an independent count finds: our own reading of the capture, tshark's, and `ims ingest`'s."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import shutil
import subprocess
from collections import Counter

import numpy as np
import pytest

import ims
from ims.simulate.output.capture import write_scenario, write_truth
from ims.simulate.output.truth import ADDRESSES

from ...stores import ingest
from ..captures import ACK, ICMP, SYN, TCP, UDP, capture_of, number, scenario

BLOCKS = [{"name": "A/22", "prefix": "100.70.64.0/22", "answers": False}, {"name": "C/24", "prefix": "198.51.100.0/24"},
          {"name": "D/25", "prefix": "203.0.113.0/25", "activity": 3}]  # fmt: skip
PORTS = {445: "worm", 9996: "worm", 443: "zmap", 53: "dns", 1434: "slammer", 6667: "attack"}
"""Which event a port belongs to; all others are the background's, whose ports are none of these."""


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """Three days of every kind of population."""
    made = scenario(
        duration="3d", block=BLOCKS,
        worm=[{"name": "worm", "like": "sasser", "hosts": 20_000, "runs_per_hour": 1_500},
              {"name": "slammer", "like": "slammer", "hosts": 300, "runs_per_hour": 100_000}],
        scanner=[{"name": "zmap", "order": "permutation", "tool": {"zmap": 1}, "sources": 4, "rate": 40_000,
                  "service": [{"port": "tcp/443"}]}],
        attack=[{"name": "attack", "victim": "192.0.2.80", "port": 6667, "rate": 100_000, "since": "+20h",
                 "duration": "5h"}],
        misconfiguration=[{"name": "dns", "block": "C/24", "destination": 53, "interval": "30s", "sources": 4,
                           "service": {"port": "udp/53", "says": ["dns-any"], "salted": 2}}],
        background=[{"name": "background", "sources": 5000, "packets_per_24": 2000, "tail": 0,
                     "ports": {"tcp/80": 5, "tcp/139": 5, "udp/137": 3, "udp/123": 2, "icmp": 2}}],
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("truth")
    with (folder / "t.pcap").open("wb") as file:
        truth = write_scenario(made, file, seed=5)
    write_truth(folder / "t.json", truth)
    store = ingest(folder / "STORE", folder / "t.pcap", blocks=[f"{b['name']}={b['prefix']}" for b in BLOCKS])
    return folder / "t.pcap", json.loads((folder / "t.json").read_text()), capture_of(folder / "t.pcap"), store


@pytest.fixture(scope="module")
def masks(told):
    """Which packets are whose, by ports alone."""
    _, _, capture, _ = told
    victim = capture.source == number("192.0.2.80")
    answer: dict[str, np.ndarray] = {name: np.zeros(len(capture), bool) for name in PORTS.values()}
    rest = ~victim
    answer["attack"] = victim
    for port, name in PORTS.items():
        mine = (capture.destination_port == port) & ~victim & (capture.protocol != ICMP)
        answer[name] |= mine
        rest &= ~mine
    return answer | {"background": rest}


def events(told):
    return {event["name"]: event for event in told[1]["events"]}


def test_packets_bytes_and_sources_of_each_event(told, masks):
    _, truth, capture, _ = told
    assert truth["packets"] == len(capture) == sum(event["packets"] for event in truth["events"])
    assert truth["bytes"] == int((capture.length - 14).sum())
    for name, event in events(told).items():
        mine = masks[name]
        assert event["packets"] == mine.sum() > 100, name
        assert event["bytes"] == (capture.length - 14)[mine].sum(), name
        sources = np.unique(capture.source[mine])
        assert event["sources"] == sources.size, name
        if sources.size <= ADDRESSES:
            assert [number(address) for address in event["addresses"]] == sources.tolist()
        else:
            assert event["addresses"] is None


def test_first_and_last_of_each_event(told, masks):
    _, _, capture, _ = told
    for name, event in events(told).items():
        times = capture.time[masks[name]]
        for shown, time_ns in ((event["first"], times[0]), (event["last"], times[-1])):
            at = dt.datetime.fromisoformat(shown.removesuffix("Z")).replace(tzinfo=dt.UTC)
            assert round(at.timestamp() * 1e6) == time_ns // 1000


def test_blocks(told, masks):
    _, truth, capture, _ = told
    for block in truth["darknet"]["blocks"]:
        first = number(block["prefix"].split("/")[0])
        inside = (capture.destination >= first) & (capture.destination < first + block["size_24"] * 256)
        assert block["packets"] == inside.sum()
        assert block["sources"] == np.unique(capture.source[inside]).size
        for name, event in events(told).items():
            found = {"packets": int((inside & masks[name]).sum()),
                     "sources": int(np.unique(capture.source[inside & masks[name]]).size)}  # fmt: skip
            assert event["blocks"].get(block["name"], {"packets": 0, "sources": 0}) == found


def test_signatures_are_the_md5_of_what_was_said(told, masks):
    _, _, capture, _ = told
    for name, event in events(told).items():
        found = Counter(hashlib.md5(p).hexdigest() for p in capture.payloads(masks[name] & (capture.speaks > 0)))
        listed = {row["signature"]: row["packets"] for row in event["signatures"]}
        assert sum(found.values()) == sum(listed.values()) + event["unique_payloads"], name
        if name != "dns":  # one of whose random numbers may be the plain message's
            assert {signature: found[signature] for signature in listed} == listed, name
    assert len(events(told)["worm"]["signatures"]) == 5  # 137, 1,460 + 1,460 + 180, 150 octets
    assert [row["length"] for row in events(told)["slammer"]["signatures"]] == [376]


def test_hops_are_what_is_missing_from_the_first_ttl(told, masks):
    _, _, capture, _ = told
    ttl = capture.ttl
    first = np.select([ttl <= 64, ttl <= 128], [64, 128], 255)
    for name, event in events(told).items():
        found = Counter((first - ttl)[masks[name]].tolist())
        assert {int(hop): count for hop, count in event["hops"].items()} == found, name
        assert min(found) >= 6
        assert max(found) <= 24


def test_personas_are_those_of_the_syns(told, masks):
    """By window and options, as the fingerprints are written in persona.py."""
    _, _, capture, _ = told
    marks = {(65_535, 8, 128): "windows-xp", (16_384, 8, 128): "windows-2000", (65_535, 0, 255): "zmap"}
    for name in ("worm", "zmap"):
        found: Counter[str] = Counter()
        for index in np.flatnonzero(masks[name] & (capture.flags & (SYN | ACK) == SYN)).tolist():
            first = 64 if capture.ttl[index] <= 64 else 128 if capture.ttl[index] <= 128 else 255
            found[marks[int(capture.window[index]), len(capture.options(index)), first]] += 1
        assert {name: row["syns"] for name, row in events(told)[name]["personas"].items()} == found


def test_each_day_s_new_payloads_are_those_that_weren_t_there_before(told):
    _, truth, capture, _ = told
    day = (capture.time - capture.time[0] // 86_400_000_000_000 * 86_400_000_000_000) // 86_400_000_000_000
    for index, told_day in enumerate(truth["one_cache_for_all_blocks"]):
        payloads = capture.payloads((day == index) & (capture.speaks > 0))
        assert told_day["payloads"] == len(payloads)
        assert told_day["new_payloads"] == len(set(payloads))
        assert told_day["hit_rate"] == pytest.approx(1 - len(set(payloads)) / len(payloads), abs=1e-6)


def test_the_store_says_the_same(told):
    _, truth, _, store = told
    with ims.open(store) as telescope:
        whole = telescope.count().rows()[0]
        assert (whole["packets"], whole["bytes"]) == (truth["packets"], truth["bytes"])
        for name, event in events(told).items():
            if name in ("worm", "zmap", "slammer", "dns"):
                words = " or ".join(f"dst port {port}" for port, whose in PORTS.items() if whose == name)
                found = telescope.count(f"({words}) and not src host 192.0.2.80").rows()[0]
                assert (found["packets"], found["sources"]) == (event["packets"], event["sources"]), name
        for row in events(told)["worm"]["signatures"]:
            assert telescope.count(f"signature {row['signature']}").rows()[0]["packets"] == row["packets"]
        for block in truth["darknet"]["blocks"]:
            found = telescope.count(f"block {block['name']}").rows()[0]
            assert (found["packets"], found["sources"]) == (block["packets"], block["sources"])
        days = telescope.cache(bin="1d").rows()
    told_days = truth["one_cache_for_all_blocks"]
    assert [(d["payloads"], d["payloads"] - d["hits"]) for d in days] == [
        (d["payloads"], d["new_payloads"]) for d in told_days
    ]


def test_tshark_counts_the_same(told):
    path, _, _, _ = told
    if shutil.which("tshark") is None:
        pytest.skip("tshark isn't installed")
    words = ["tshark", "-n", "-r", str(path), "-T", "fields", "-E", "occurrence=f"]
    words += [word for field in ("ip.src", "tcp.dstport", "udp.dstport", "icmp.type") for word in ("-e", field)]
    sources: dict[str, list[str]] = {}
    for line in subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines():
        source, tcp, udp, icmp = line.split("\t")
        port = int(tcp or udp or 0) if not icmp else 0
        whose = "attack" if source == "192.0.2.80" else PORTS.get(port, "background")
        sources.setdefault(whose, []).append(source)
    assert {name: len(found) for name, found in sources.items()} == {
        name: event["packets"] for name, event in events(told).items()
    }
    assert {name: len(set(found)) for name, found in sources.items()} == {
        name: event["sources"] for name, event in events(told).items()
    }


def test_answering_blocks_hear_payloads_of_tcp_and_others_don_t(told):
    _, _, capture, _ = told
    speaks = (capture.protocol == TCP) & (capture.speaks > 0) & (capture.source != number("192.0.2.80"))
    silent = capture.destination >> 10 == number("100.70.64.0") >> 10
    assert (speaks & silent).sum() == 0
    assert (speaks & ~silent).sum() > 1000
    assert ((capture.protocol == UDP) & silent & (capture.speaks > 0)).sum() > 100
