"""Watching a sensor: its metrics add up, its logs are lines of JSON, a terminal shows what comes."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess

import pytest
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console

from ims.cli.live_line import LiveLine
from ims.respond.reply import COUNTERS
from ims.sensor.state import State
from ims.simulate.namespaces import may_make_namespaces

from ..stores import IMS, needs_programs
from .lab import DEADLINE, Lab, Sensor

live = pytest.mark.skipif(not may_make_namespaces(), reason="network namespaces want root and iproute2; CI has both")


def scraped(lab: Lab) -> dict[tuple[str, ...], float]:
    """Samples by name and labels, read by Prometheus' own parser."""
    done = subprocess.run(
        lab.at_machine("curl", "-s", "http://127.0.0.1:9477/metrics"), capture_output=True, text=True, check=True
    )
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(done.stdout)
        for sample in family.samples
    }


def scraped_when_written(lab: Lab, sensor: Sensor, least: int) -> dict[tuple[str, ...], float]:
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


@live
def test_a_terminal_shows_what_comes(lab: Lab) -> None:
    master, slave = pty.openpty()
    command = lab.at_machine(IMS, "sensor", "--interface", "eth0", "--store", lab.folder / "STORE", "--sensor", "a")
    command += ["--block", "C/24=198.51.100.0/24", "--arp"]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    with subprocess.Popen(command, stderr=slave, stdout=subprocess.DEVNULL, env=environment) as process:
        os.close(slave)
        shown = b""
        while b"packets" not in shown:
            shown += os.read(master, 4096)
        lab.run("curl", "-s", "-m", "1", "http://198.51.100.7/here")
        while b"newest: GET /here HTTP/1.1..Host" not in shown:
            shown += os.read(master, 4096)
        process.send_signal(signal.SIGINT)
        while b"packets stored" not in shown:
            shown += os.read(master, 4096)
        assert process.wait(DEADLINE) == 0
    os.close(master)


def test_nothing_of_a_payload_reaches_the_terminal_but_letters() -> None:
    console = Console(record=True, width=160, file=open(os.devnull, "w"))  # noqa: SIM115, PTH123
    line = LiveLine(State, console)
    state = State(packets={"C/24": 7}, newest_payload=b"\x1b]0;owned\x07[red]\n\xff", ports=[(80, 3), (22, 1)])
    state.store_failing = "No space left\x1b[2J"
    console.print(line.drawn(state, 1e9))
    line.end()
    said = console.export_text(styles=False)
    console.file.close()
    assert "newest: .]0;owned.[red].." in said
    assert "\x1b" not in said
    assert "80 22" in said
