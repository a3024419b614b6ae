"""A sensor's metrics add up."""

from __future__ import annotations

import json
import subprocess

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from ims.decode.verdict import EXCLUSIVE, SUB_COUNTERS
from ims.respond.reply import COUNTERS
from ims.sensor.metrics import Metrics, registry_of
from ims.sensor.state import State
from ims.simulate.namespaces import may_make_namespaces

from ..stores import needs_programs
from .lab import DEADLINE, Lab, Sensor

live = pytest.mark.skipif(not may_make_namespaces(), reason="network namespaces want root and iproute2; CI has both")


Samples = dict[tuple[str, ...], float]


def read(text: str) -> Samples:
    """Samples by name and labels, by Prometheus' own parser."""
    families = text_string_to_metric_families(text)
    return {(sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples}


def told(state: State) -> Samples:
    registry = CollectorRegistry()
    registry.register(Metrics(lambda: state))
    return read(generate_latest(registry).decode())


def test_each_verdict_and_each_mark_is_told_once_with_its_own_count() -> None:
    names = (*EXCLUSIVE, *SUB_COUNTERS)
    found = told(State(books={name: 100 + number for number, name in enumerate(names)}))
    for family, mine in (("ims_verdicts_total", EXCLUSIVE), ("ims_frame_marks_total", SUB_COUNTERS)):
        assert {key[1]: value for key, value in found.items() if key[0] == family} == {
            name: 100 + names.index(name) for name in mine
        }


def test_what_became_of_packets_that_a_reply_was_due_to_is_told_by_block_and_each_counter_once() -> None:
    counted = {name: 1 << number for number, name in enumerate(COUNTERS)}
    found = told(State(replied={"C/24": counted, "D/8": dict.fromkeys(COUNTERS, 0)}))
    answers = ("ims_replies_total", "ims_replies_withheld_total", "ims_verified_total")
    mine = [value for key, value in found.items() if key[0] in answers and key[1] == "C/24"]
    assert sorted(mine) == sorted(counted.values())
    assert found["ims_verified_total", "C/24"] == counted["verified"]
    assert found["ims_replies_withheld_total", "C/24", "limited_all"] == counted["limited_all"]
    assert found["ims_replies_total", "D/8", "synacks"] == 0


def test_a_sensor_that_has_seen_nothing_tells_zeros() -> None:
    found = told(State())
    assert found["ims_frames_total",] == found["ims_packets_lost_total", "ring"] == found["ims_store_failing",] == 0
    assert {key[1] for key in found if key[0] == "ims_verdicts_total"} == set(EXCLUSIVE)
    assert not any(key[0] == "ims_interface_up" for key in found)  # a replay has none


def test_trouble_is_told() -> None:
    state = State(lost_in_ring=3, not_stored=4, store_failing="full", interfaces={"eth0": True, "eth1": False},
                  send_failing={"eth0-0": "down"}, newest_us=1_772_582_400_500_000)  # fmt: skip
    found = told(state)
    assert (found["ims_packets_lost_total", "ring"], found["ims_packets_lost_total", "store"]) == (3, 4)
    assert (found["ims_interface_up", "eth0"], found["ims_interface_up", "eth1"]) == (1, 0)
    assert (found["ims_store_failing",], found["ims_workers_silenced",]) == (1, 1)
    assert found["ims_newest_packet_timestamp_seconds",] == 1_772_582_400.5


def test_counters_are_read_anew_at_each_scrape_and_a_name_of_any_octets_is_one_label() -> None:
    state = State(packets={'a"\\b\nims_frames_total 9': 1})
    registry = registry_of(lambda: state)
    assert read(generate_latest(registry).decode())["ims_packets_total", 'a"\\b\nims_frames_total 9'] == 1
    state.frames = 5
    found = read(generate_latest(registry).decode())
    assert found["ims_frames_total",] == 5
    assert found["process_resident_memory_bytes",] > 1 << 20


def scraped(lab: Lab) -> Samples:
    done = subprocess.run(
        lab.at_machine("curl", "-s", "http://127.0.0.1:9477/metrics"), capture_output=True, text=True, check=True
    )
    return read(done.stdout)


def scraped_when_written(lab: Lab, sensor: Sensor, least: int) -> Samples:
    """One scrape in which all that came is written (a client's last ACK may come after the client has ended)."""
    while True:
        found = scraped(lab)
        if found["ims_packets_stored_total",] == found["ims_packets_total", "C/24"] >= least:
            return found
        assert sensor.process.poll() is None


@live
@needs_programs("promtool")
def test_metrics_add_up(lab: Lab) -> None:
    sensor = lab.sensor(settings='metrics = "127.0.0.1:9477"', limits="reply_limit = 1\nglobal_limit = 1000")
    lab.flood("syn", 30_000, rate=30_000)
    lab.flood("payload", 5000, rate=30_000, seed=3)
    lab.run("curl", "-s", "-m", "1", "http://198.51.100.7/")
    found = scraped_when_written(lab, sensor, least=35_003)
    # A sum over all labels counts nothing twice.
    assert found["ims_frames_total",] == sum(value for key, value in found.items() if key[0] == "ims_verdicts_total")
    assert found["ims_verdicts_total", "stored"] == sum(
        value for key, value in found.items() if key[0] == "ims_packets_total"
    )
    assert found["ims_frame_marks_total", "arp"] <= found["ims_verdicts_total", "not_ipv4"]
    assert found["ims_packets_lost_total", "ring"] == found["ims_packets_lost_total", "store"] == 0
    withheld = sum(found["ims_replies_withheld_total", "C/24", name] for name in COUNTERS if name.startswith("limited"))
    assert withheld > 0
    assert withheld + found["ims_replies_total", "C/24", "synacks"] == 30_001
    assert found["ims_verified_total", "C/24"] >= 2
    assert found["ims_payloads_total",] == 5001
    assert found["ims_payloads_new_total",] == 5001
    assert found["ims_store_failing",] == 0
    assert found["process_resident_memory_bytes",] > 1 << 20
    assert found["ims_interface_up", "eth0"] == 1
    assert found["ims_store_free_bytes",] > found["ims_store_keep_free_bytes",] > 0
    body = subprocess.run(
        lab.at_machine("curl", "-s", "http://127.0.0.1:9477/metrics"), capture_output=True, check=True
    )
    linted = subprocess.run(["promtool", "check", "metrics"], input=body.stdout, capture_output=True, check=False)
    assert (linted.returncode, linted.stdout + linted.stderr) == (0, b"")
    assert sensor.stop() == 0
    said = "".join(sensor.said)
    assert f"stopped; {sensor.count():,} packets stored, 0 lost" in said
    lines = [line for line in sensor.said if line.startswith("{")]
    assert {"event", "level", "timestamp"} <= json.loads(lines[0]).keys()


@live
def test_a_port_for_metrics_that_is_taken(lab: Lab) -> None:
    first = lab.sensor(settings='metrics = "127.0.0.1:9477"')
    second = lab.sensor(settings='metrics = "127.0.0.1:9477"', store="OTHER", wait=False)
    assert second.process.wait(DEADLINE) == 2
    assert "metrics = '127.0.0.1:9477': can't listen there: address already in use" in "".join(second.said)
    assert first.stop() == 0
