"""The same seed gives the same bytes, on every machine, compiled or not, and another seed gives others; they are a capture
that dpkt reads, and the truth stands beside it."""

from __future__ import annotations

import hashlib
import io
import json

import dpkt
import pytest

from ims.simulate.output.capture import write_scenario, write_truth

from ..captures import BLOCK, START_NS, scenario

SILENT = {"name": "S/25", "prefix": "203.0.113.0/25", "answers": False}
EVERYTHING = {
    "duration": "6h",
    "block": [BLOCK, SILENT],
    "worm": [
        {"name": "blaster", "like": "blaster", "initial": 50, "limit": 3000, "doubling": "40m", "decline": "+4h",
         "half_life": "1h", "rest": 0.2, "hours": "rest", "runs_per_hour": 30_000, "targets": {"any": 1}},
        {"name": "backdoors", "hosts": 300, "apart": "1h", "runs_per_hour": 100_000,
         "service": [{"port": "tcp/2745", "says": ["bagle-2745"]}, {"port": "tcp/3127"}]},
        {"name": "witty", "like": "witty", "hosts": 100, "runs_per_hour": 100_000},
    ],
    "scanner": [
        {"name": order, "order": order, "rate": 150_000, "tool": {"masscan": 1}, "service": [{"port": "tcp/80"}]}
        for order in ("random", "permutation", "shared-permutation")
    ] + [{"name": "sequential", "order": "sequential", "rate": 0.02, "range": "198.51.100.0/24", "tool": {"mirai": 1},
          "service": [{"port": "tcp/23"}]}],
    "attack": [{"name": "attack", "rate": 80_000, "repeats": 1}],
    "misconfiguration": [{"name": "dns", "block": "C/24", "interval": "10m",
                          "service": {"port": "udp/53", "says": ["dns-any"], "salted": 2}}],
    "background": [{"name": "background", "sources": 300, "packets_per_24": 500, "tail_ports": 20}],
}  # fmt: skip
DIGEST = "65fbf144f4a8b0843b2418e7b16d0d86"


def digest(seed, **tables):
    file = io.BytesIO()
    truth = write_scenario(scenario(**(EVERYTHING | tables)), file, seed=seed)
    assert all(event["packets"] for event in truth["events"])
    return hashlib.md5(file.getvalue()).hexdigest()


def test_the_bytes_are_those_of_every_other_machine():
    """Compiled, in plain Python and with every bounds check (`make test-modes`): one digest."""
    assert digest(1) == DIGEST


@pytest.mark.parametrize("change", [{"seed": 2}, {"duration": "361m"}])
def test_another_seed_or_scenario_gives_other_bytes(change):
    assert digest(**({"seed": 1} | change)) != DIGEST


SCANNER = {"name": "s", "rate": 300_000, "service": [{"port": "tcp/80"}]}


def test_dpkt_reads_packets_sorted_by_time_and_as_many_as_the_truth_has():
    file = io.BytesIO()
    truth = write_scenario(scenario(duration="1h", scanner=[SCANNER]), file)
    file.seek(0)
    reader = dpkt.pcap.Reader(file)
    packets = [(when, dpkt.ethernet.Ethernet(octets)) for when, octets in reader]
    assert reader.datalink() == dpkt.pcap.DLT_EN10MB
    times = [when for when, _ in packets]
    assert times == sorted(times)
    assert START_NS / 1e9 <= times[0] <= times[-1] < START_NS / 1e9 + 3600
    assert len(packets) == sum(event["packets"] for event in truth["events"]) > 50
    assert {packet.data.dst[:3] for _, packet in packets} == {bytes([198, 51, 100])}


def test_progress_goes_up_to_the_whole_and_counts_the_packets():
    told = []
    truth = write_scenario(scenario(scanner=[SCANNER]), io.BytesIO(), progress=lambda *each: told.append(each))
    assert told == sorted(told) and len(told) > 1
    assert told[-1] == (1.0, sum(event["packets"] for event in truth["events"]))


def test_a_scenario_that_cannot_be_played_writes_nothing():
    file = io.BytesIO()
    twice = [SCANNER, SCANNER]
    with pytest.raises(ValueError, match="two events are named 's'"):
        write_scenario(scenario(scanner=twice), file)
    assert file.getvalue() == b""


def test_the_truth_is_json_that_says_the_same_and_a_place_without_a_folder_is_named(tmp_path):
    truth = {"title": "Süd", "events": [{"packets": 2**53 - 1}]}
    write_truth(tmp_path / "t.json", truth)
    assert json.loads((tmp_path / "t.json").read_text(encoding="utf-8")) == truth
    with pytest.raises(OSError, match=r"absent/t\.json"):
        write_truth(tmp_path / "absent" / "t.json", truth)
