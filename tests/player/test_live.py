"""A scenario played onto a wire whose other end is a real sensor: what is elicited is what was planted."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ims
from ims.simulate.namespaces import may_make_namespaces

from ..sensor.lab import Lab, Sensor
from ..stores import IMS

pytestmark = pytest.mark.skipif(
    not may_make_namespaces(), reason="network namespaces want root and iproute2; CI has both"
)

SCENARIO = """
title = "live"
start = 2026-03-04T00:00:00Z
duration = "30s"
[[block]]
name = "C/24"
prefix = "198.51.100.0/24"

[[worm]]
name = "blaster"
like = "blaster"
hosts = 20_000
targets = { any = 1 }
runs_per_hour = 150_000_000
run_length = 1

[[worm]]
name = "mirai"
hosts = 5_000
runs_per_hour = 100_000_000
personas = { mirai = 1 }
service = [{ port = "tcp/2323", says = ["telnet-login"] }]

[[worm]]
name = "fresh"
hosts = 5_000
runs_per_hour = 100_000_000
service = [{ port = "tcp/3306", fresh = 1.0, fresh_octets = "60-120" }]

[[worm]]
name = "silent"
hosts = 5_000
runs_per_hour = 100_000_000
service = [{ port = "tcp/7" }]

[[worm]]
name = "long"
hosts = 5_000
runs_per_hour = 100_000_000
service = [{ port = "tcp/8000", says = ["made:long:20000"], follow = { port = "udp/69", says = ["text:get"] } }]

[[worm]]
name = "slammer"
like = "slammer"
hosts = 5_000
runs_per_hour = 200_000_000

[[attack]]
name = "attack"
rate = 20_000_000
answers = { syn-ack = 1, reset = 1 }
"""


class Played:
    """A scenario that was played, its truth, and the sensor that met it."""

    def __init__(self, lab: Lab, sensor: Sensor, path: Path, *words: str) -> None:
        truth = lab.folder / f"{path.stem}.json"
        done = lab.run(IMS, "simulate", path, "--interface", "eth0", "--truth", truth, *words, timeout=300)
        assert done.returncode == 0, done.stderr
        self.said, self.truth = done.stdout, json.loads(truth.read_text())
        self.live: dict[str, Any] = self.truth["live"]
        self.stored, self.lost = sensor.wait_for_books(self.live["sent"])
        self.events = {event["name"]: event for event in self.truth["events"]}
        self._telescope = ims.open(sensor.store)

    def about(self, expression: str) -> dict[str, Any]:
        """What the store counts."""
        return self._telescope.count(expression).rows()[0]

    def count(self, expression: str) -> int:
        """Packets stored that a filter chooses."""
        return int(self.about(expression)["packets"])


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as made:
        (made.folder / "live.toml").write_text(SCENARIO)
        yield made


@pytest.fixture(scope="module")
def played(lab: Lab) -> Played:
    sensor = lab.sensor()
    found = Played(lab, sensor, lab.folder / "live.toml", "--speed", "10")
    assert sensor.stop() == 0, "".join(sensor.said)
    return found


def test_where_nobody_answers_for_the_dark_addresses_it_says_so(lab: Lab) -> None:
    """No sensor runs, so nobody answers ARP."""
    done = lab.run(IMS, "simulate", lab.folder / "live.toml", "--interface", "eth0")
    assert done.returncode == 2
    assert "nobody answers for 198.51.100.0 on eth0; give the MAC address with --to" in done.stderr


def test_what_was_sent_is_what_was_stored_or_lost(played: Played) -> None:
    assert played.stored + played.lost == played.live["sent"]
    assert played.truth["packets"] == played.live["sent"] > 5_000
    assert f"{played.live['sent']:,} sent" in played.said


def test_each_syn_ack_is_answered(played: Played) -> None:
    live = played.live
    assert live["not_ours"] == 0
    assert live["connections"] == live["syn_acks"] > 2_000
    syns = played.count("tcp[tcpflags] & (tcp-syn|tcp-ack) = tcp-syn")
    assert played.lost > 0 or live["syn_acks"] == syns
    assert 0 < live["followed"] < live["spoken"] < live["connections"]


def test_elicited_payloads_are_stored_verified_and_right(played: Played) -> None:
    for name in ("blaster", "mirai", "long"):
        for row in played.events[name]["signatures"]:
            chosen = f"signature {row['signature']}"
            found = played.count(chosen)
            assert found == row["packets"] > 0 or played.lost > 0, (name, row)
            if row["length"] > 3:  # the last is the datagram that follows `long`
                assert played.count(f"{chosen} and verified") == found
    login = hashlib.md5(b"root\r\n").hexdigest()
    assert [row["signature"] for row in played.events["mirai"]["signatures"]] == [login]


def test_nothing_else_is_verified(played: Played) -> None:
    assert played.count("verified and tcp[tcpflags] & tcp-syn != 0") == 0
    assert played.count("verified and src port 80") == 0  # the attack's backscatter
    assert played.count("verified and udp") == 0


def test_the_command_on_4444_follows_the_exploit(played: Played) -> None:
    exploit = played.count("dst port 135 and tcp[tcpflags] & (tcp-syn|tcp-ack) = tcp-syn")
    command = played.count("dst port 4444 and tcp[tcpflags] & (tcp-syn|tcp-ack) = tcp-syn")
    assert exploit == command > 500 or played.lost > 0
    assert played.count("dst port 4444 and payload and verified") == command or played.lost > 0


def test_silent_sources_acknowledge_and_say_nothing(played: Played) -> None:
    assert played.count("dst port 7 and payload") == 0
    asked = played.count("dst port 7 and tcp[tcpflags] & tcp-syn != 0")
    assert played.count("dst port 7 and verified") == asked > 50 or played.lost > 0


def test_long_messages_come_whole_and_a_datagram_follows(played: Played) -> None:
    asked = played.count("dst port 8000 and tcp[tcpflags] & (tcp-syn|tcp-ack) = tcp-syn")
    assert played.count("dst port 8000 and payload") == 14 * asked or played.lost > 0
    assert played.count("udp dst port 69") == asked or played.lost > 0


def test_the_sensor_s_distinct_payloads_are_those_that_were_said(played: Played) -> None:
    fresh = played.events["fresh"]
    assert fresh["unique_payloads"] > 50
    answer = played.about("dst port 3306 and payload")
    assert answer["signatures"] == fresh["unique_payloads"] or played.lost > 0


def test_as_fast_as_it_goes(lab: Lab) -> None:
    sensor = lab.sensor(store="FAST")
    fast = Played(lab, sensor, lab.folder / "live.toml", "--speed", "0", "--seed", "2", "--to", lab.mac())
    assert fast.live["connections"] > 1_000
    assert fast.live["not_ours"] == 0
    assert sensor.stop() == 0


def test_syn_acks_that_nobody_asked_for_get_nothing(lab: Lab) -> None:
    """Another seed's SYNs, of an earlier run: their sequence numbers say nothing to this player. The sensor hears SYNs
    of a program that isn't the player, while it plays."""
    sensor = lab.sensor(store="OTHERS")
    quiet = lab.folder / "quiet.toml"
    quiet.write_text(SCENARIO.split("[[worm]]", maxsplit=1)[0] + '[[background]]\nname = "b"\nsources = 5\npackets_per_24 = 86_400\n'
                     'ports = { "icmp" = 1 }\ntail = 0\n')  # fmt: skip
    other = lab.start(IMS, "simulate", lab.folder / "live.toml", "--interface", "eth0", "--speed", "3", "--seed", "9")
    truth = lab.folder / "quiet.json"
    done = lab.run(IMS, "simulate", quiet, "--interface", "eth0", "--speed", "10", "--truth", truth, timeout=300)
    out, error = other.communicate(timeout=300)
    assert done.returncode == other.returncode == 0, done.stderr + error
    live = json.loads(truth.read_text())["live"]
    assert live["connections"] == 0
    assert live["syn_acks"] == live["not_ours"] > 0
    assert "sent" in out
    assert sensor.stop() == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--interface", "none7"), "none7"),
        (("--interface", "eth0", "--to", "02:00:00"), "--to '02:00:00': expected a MAC address"),
    ],
)
def test_what_can_t_be_played_is_refused_in_one_line(lab: Lab, words: tuple[str, ...], says: str) -> None:
    done = lab.run(IMS, "simulate", lab.folder / "live.toml", *words)
    error = "".join(x for x in done.stderr.splitlines(keepends=True) if not x.startswith("ims: compiling"))
    assert done.returncode == 2, done.stdout + done.stderr
    assert says in error
    assert error.count("\n") == 1
