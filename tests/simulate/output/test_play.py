"""A scenario of any length is played in whiles that fit the memory set aside for them."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from ims.simulate.output.play import AT_ONCE, DAY, FRAMES, OCTETS, Play

from ..captures import scenario

GIBIBYTE = 1 << 30
BUSY = {"name": "b", "sources": 100_000, "packets_per_24": 1_500_000, "ports": {"tcp/80": 1}, "tail": 0}


def test_whiles_follow_each_other_and_end_at_midnights():
    play = Play(scenario(duration="60h", start="2026-03-04T13:00:00Z", background=[BUSY | {"packets_per_24": 5000}]), 1)
    ends, last = [], -1
    for part in play.whiles():
        assert part.since == (ends[-1] if ends else 0) < part.until
        ends.append(part.until)
        times = part.draft.time[part.order[: part.count]]
        assert (np.diff(times) >= 0).all()
        if part.count:
            assert part.since <= times[0]
            assert last <= times[0]
            assert times[-1] < part.until
            last = times[-1]
    assert ends[-1] == play.length
    assert {(11 + 24 * day) * 3600 * 10**9 for day in range(3)} <= set(ends)
    assert all((play.epoch + a) // DAY == (play.epoch + b - 1) // DAY for a, b in zip([0, *ends], ends, strict=False))


def test_drafts_hold_what_is_due_and_little_more():
    """Days of some 5 million packets each: every while is cut so that its packets are few; conversations go on into the
    next."""
    play = Play(scenario(duration="1d", background=[BUSY]), 1)
    assert play.scenario.duration == 86_400
    for count, part in enumerate(play.whiles()):
        assert part.draft.used[0] < 6 * AT_ONCE < FRAMES
        assert part.draft.used[1] < OCTETS // 4
        assert part.draft.used[2] == 0
        if count == 30:
            break


def test_an_estimate_is_not_below_what_comes():
    """Whiles are cut by it. Over an hour, four standard deviations more at most."""
    for tables in (
        {"background": [BUSY | {"packets_per_24": 200_000}]},
        {"worm": [{"name": "w", "like": "blaster", "hosts": 10_000, "runs_per_hour": 20_000}]},
        {"scanner": [{"name": "s", "order": "permutation", "rate": 5e6, "service": [{"port": "tcp/1"}]}]},
        {"scanner": [{"name": "s", "order": "sequential", "rate": 5, "range": "198.51.100.0/24",
                      "service": [{"port": "tcp/1"}]}]},
        {"attack": [{"name": "a", "rate": 2e7, "repeats": 2}]},
        {"misconfiguration": [{"name": "m", "block": "C/24", "interval": "1s", "service": {"port": "udp/53"}}]},
    ):  # fmt: skip
        play = Play(scenario(duration="1h", **tables), 1)
        estimate = sum(population.expected(0, play.length)[0] for population in play.populations)
        found = sum(part.count for part in play.whiles())
        assert 0 < found < estimate + 8 * estimate**0.5 + 10, tables


PEAK = """
import json, re, sys
from pathlib import Path
from ims.simulate.scenario.scenario import scenario_of
from ims.simulate.output.capture import write_scenario
truth = write_scenario(scenario_of(json.loads(sys.argv[1])), open("/dev/null", "wb"))
peak_kib = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]
print(truth["packets"], truth["events"][0]["sources"], peak_kib)
"""


@pytest.mark.parametrize("kind", ["sources", "talk"])
def test_memory_stays_below_a_gibibyte(kind):
    """Some 3 million packets, from as many sources; and full segments of many days. Peak resident memory of a process of
    its own, libraries and compiled kernels included. (Not getrusage's, which begins with what the parent had.)"""
    data = {"title": "long", "start": "2026-03-04", "duration": "1d",
            "block": [{"name": "A/16", "prefix": "198.18.0.0/16", "answers": kind == "talk"}]}  # fmt: skip
    if kind == "sources":
        data["worm"] = [{"name": "w", "hosts": 3_000_000_000, "runs_per_hour": 2.8, "personas": {"raw": 1},
                         "service": [{"port": "udp/9"}]}]  # fmt: skip
    else:
        data |= {"duration": "300d"}
        data["worm"] = [{"name": "w", "hosts": 100, "runs_per_hour": 2_000,
                         "service": [{"port": "tcp/9", "says": ["made:x:30000"]}]}]  # fmt: skip
    words = [sys.executable, "-c", PEAK, json.dumps(data)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    packets, sources, peak_kib = map(int, done.stdout.split())
    assert packets > (3_000_000 if kind == "sources" else 400_000)
    assert kind == "talk" or sources > 0.98 * packets
    assert peak_kib * 1024 < GIBIBYTE
