"""The same seed gives the same bytes, on every machine, compiled or not; another seed gives others."""

from __future__ import annotations

import hashlib
import io

import pytest

from ims.simulate.written import write_scenario

from .captures import BLOCK, scenario

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
