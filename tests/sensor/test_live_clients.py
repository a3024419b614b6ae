"""Real programs meet the responder: what they believe, and what the store has of them afterwards."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from ims.kernels import cache_folder
from ims.simulate.kernels.persona import PERSONAS
from ims.simulate.namespaces import MACHINE, PEER, may_make_namespaces
from ims.telescope import Telescope

from .lab import DEADLINE, Lab, Sensor

pytestmark = pytest.mark.skipif(
    not may_make_namespaces(), reason="network namespaces want root and iproute2; CI has both"
)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """One for all clients."""
    with Lab() as made:
        yield made


@pytest.fixture(scope="module")
def sensor(lab: Lab) -> Iterator[Sensor]:
    started = lab.sensor()
    yield started
    assert started.stop() == 0, "".join(started.said)


@pytest.fixture(autouse=True)
def balanced_books(sensor: Sensor) -> Iterator[None]:
    """After each client: what the peer's interface has sent to the dark addresses is stored; nothing was lost."""
    yield
    sent, stored, lost = sensor.balance()
    assert (stored, lost) == (sent, 0)


def needs(program: str) -> None:
    assert shutil.which(program), f"{program} is missing; .ci/run installs it"


def test_curl_s_request_is_stored_and_it_is_verified(lab: Lab, sensor: Sensor) -> None:
    needs("curl")
    done = lab.run("curl", "-s", "-m", "1", "-A", "tests", "http://198.51.100.7/index.html")
    assert done.returncode == 28  # nobody answers the request: a timeout
    request = b"GET /index.html HTTP/1.1\r\nHost: 198.51.100.7\r\nUser-Agent: tests\r\nAccept: */*\r\n\r\n"
    chosen = f"dst host 198.51.100.7 and signature {hashlib.md5(request).hexdigest()}"
    # Acknowledged, so sent once; unacknowledged, Linux sends it four times in this second. One more: a busy machine.
    assert sensor.wait_for_packets(1, chosen) <= 2
    assert sensor.count(f"{chosen} and verified and category session") == sensor.count(chosen)
    # The handshake's ACK, the request, and the FIN when curl gave up; not the SYN.
    assert sensor.wait_for_packets(3, "dst host 198.51.100.7 and verified") >= 3
    assert sensor.count("dst host 198.51.100.7 and verified and tcp[tcpflags] & tcp-syn != 0") == 0
    with Telescope(sensor.store) as telescope:
        [row] = telescope.payloads(chosen).rows()
        assert telescope.payload(row["signature"]) == request
    assert (row["payload"], row["length"], row["ports"][0]) == (request, len(request), 80)
    assert hashlib.md5(row["payload"]).hexdigest() == row["signature"]


def stream(sensor: Sensor, chosen: str) -> bytes:
    """What arrived of one connection, put together by sequence numbers, up to the first octet that is missing."""
    with Telescope(sensor.store) as telescope:
        [syn] = telescope.packets(f"{chosen} and tcp[tcpflags] & (tcp-syn|tcp-ack) = tcp-syn", limit=2).rows()
        rows = telescope.packets(f"{chosen} and payload", limit=100_000).rows()
        octets = {row["signature"]: telescope.payload(row["signature"]) for row in rows}
    arrived = b""
    for begin, signature in sorted(
        ((row["tcp_sequence"] - syn["tcp_sequence"] - 1) % (1 << 32), row["signature"]) for row in rows
    ):
        if begin > len(arrived):
            break
        again, new = arrived[begin:], octets[signature]
        assert again[: len(new)] == new[: len(again)]  # what comes again is what came
        arrived += new[len(again) :]
    return arrived


LIMIT, STEP, WINDOW = 65_536, 2048, 65_536
"""The default data_limit; the coarse step by which progress is known, and a peer's window: docs/sensor.md."""


@pytest.mark.parametrize(("size", "ends"), [(100_000, {52}), (1_000_000, {52, 55, 56})])
def test_an_upload_arrives_up_to_the_limit_and_ends_cleanly(
    lab: Lab, sensor: Sensor, size: int, ends: set[int]
) -> None:
    """At the limit the sensor closes in order: curl, whose data then all fit into what a peer may still send, calls it
    an empty reply (52). A client that doesn't heed that is reset two windows later, by when it has one more window under
    way, behind a segment that its kernel didn't cut up (64 KiB)."""
    needs("curl")
    address = f"198.51.100.{20 + len(str(size))}"
    file = lab.folder / "upload"
    data = np.random.default_rng(1).bytes(size)
    file.write_bytes(data)
    words = ["curl", "-s", "-m", "20", "-A", "tests", "-H", "Expect:", "-T", file, f"http://{address}/up"]
    done = lab.run(*words)
    assert done.returncode in ends, done.stderr
    chosen = f"dst host {address}"
    if size == 100_000:
        sensor.wait_for_packets(1, f"{chosen} and tcp[tcpflags] & tcp-fin != 0")
    sensor.balance()
    arrived = stream(sensor, chosen)
    head, _, body = arrived.partition(b"\r\n\r\n")
    assert head.startswith(b"PUT /up HTTP/1.1\r\n")
    differs = next((at for at, (got, sent) in enumerate(zip(body, data, strict=False)) if got != sent), None)
    assert differs is None
    assert LIMIT <= len(arrived) <= min(len(head) + 4 + size, LIMIT + STEP + 4 * WINDOW)
    assert sensor.count(f"{chosen} and payload and not verified") == 0


def test_nc_says_something_and_ends(lab: Lab, sensor: Sensor) -> None:
    needs("nc")
    done = lab.run("nc", "-N", "-w", "5", "198.51.100.8", "7", input="hello\n")
    assert done.returncode == 0
    chosen = f"dst host 198.51.100.8 and signature {hashlib.md5(b'hello' + bytes([10])).hexdigest()}"
    assert sensor.wait_for_packets(1, chosen) <= 2


def test_ssh_sends_its_version(lab: Lab, sensor: Sensor) -> None:
    needs("ssh")
    with pytest.raises(subprocess.TimeoutExpired):
        lab.run("ssh", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "root@198.51.100.9", timeout=2)
    sensor.wait_for_packets(1, 'dst host 198.51.100.9 and payload contains "SSH-2.0-"')


def test_ping(lab: Lab, sensor: Sensor) -> None:
    done = lab.run("ping", "-c", "2", "-W", "2", "-i", "0.2", "198.51.100.10")
    assert "2 received" in done.stdout, done.stdout


def test_nmap_finds_every_port_open(lab: Lab, sensor: Sensor) -> None:
    needs("nmap")
    rate = ("-T4", "--min-rate", "5000", "--max-retries", "20")  # beside other tests nmap's own answers come late
    done = lab.run("nmap", "-sS", "-n", "-Pn", "-p-", *rate, "-oG", "-", "198.51.100.11", timeout=240)
    found = re.search(r"Ports: (.*?)(\t|$)", done.stdout, re.MULTILINE)
    assert found is not None, done.stdout[-500:]
    assert found[1].count("/open/tcp/") == 65_535
    syn = "dst host 198.51.100.11 and tcp[tcpflags] & (tcp-syn|tcp-ack) = tcp-syn"
    assert sensor.wait_for_packets(65_535, syn) >= 65_535
    reset = "dst host 198.51.100.11 and tcp[tcpflags] & tcp-rst != 0"  # nmap's own system refuses each SYN-ACK
    resets = sensor.wait_for_packets(60_000, reset)
    sessions = sensor.answer("count", f"{reset} and category session")["packets"]
    assert resets * 0.99 < sessions <= resets, (resets, sessions)


def test_nmap_connects_and_fingerprints(lab: Lab, sensor: Sensor) -> None:
    needs("nmap")
    done = lab.run("nmap", "-sT", "-n", "-Pn", "-p", "1-2000", "198.51.100.12", "-oG", "-")
    assert done.stdout.count("/open/tcp/") == 2000
    connected = "dst host 198.51.100.12 and verified and tcp[tcpflags] & tcp-ack != 0"
    sensor.wait_for_packets(2000, connected)
    with Telescope(sensor.store) as telescope:
        ports = telescope.top("destination_port", connected, limit=3000).table
    assert ports.num_rows == 2000  # each handshake was completed
    done = lab.run("nmap", "-sV", "--version-intensity", "0", "-n", "-Pn", "-p", "80", "198.51.100.13", timeout=180)
    assert "80/tcp open" in done.stdout, done.stdout
    sensor.wait_for_packets(1, 'dst host 198.51.100.13 and payload contains "GET / HTTP/1.0"')
    done = lab.run("nmap", "-O", "-n", "-Pn", "-p", "80,81", "--max-os-tries", "1", "198.51.100.14")
    assert "80/tcp open" in done.stdout, done.stdout
    assert done.returncode == 0


SYN = "tcp[tcpflags] & (tcp-syn|tcp-ack) = tcp-syn"


def probed(sensor: Sensor, chosen: str) -> tuple[int, int]:
    """(SYNs stored, different addresses they were sent to)."""
    found = sensor.answer("count", f"{chosen} and {SYN}")
    return found["packets"], found["destinations"]


def of_its_persona(sensor: Sensor, chosen: str, name: str) -> int:
    """SYNs stored that are written as the simulator's persona says."""
    persona = PERSONAS[name]
    header = 5 + len(persona.options) // 8
    marks = f"ip[8] = {persona.ttl} and ip[6:2] = {persona.fragment} and tcp[14:2] = {persona.window}"
    return probed(sensor, f"{chosen} and {marks} and tcp[12] >> 4 = {header} and ip[2:2] = {20 + 4 * header}")[0]


def test_masscan_counts_an_answer_for_each_probe_and_takes_the_payload(lab: Lab, sensor: Sensor) -> None:
    needs("masscan")
    words = ["masscan", "198.51.100.64/26", "-p", "80", "--rate", "100", "--wait", "3", "--banners", "-oL", "-"]
    words += ["--adapter", "eth0", "--adapter-ip", "198.18.0.9", "--adapter-port", "61000"]
    words += ["--router-mac", lab.mac().replace(":", "-")]
    wake = lab.start("ping", "-q", "-i", "0.2", MACHINE)  # its receiver ends only after one more packet
    done = lab.run(*words)
    wake.terminate()
    wake.communicate(timeout=DEADLINE)
    opened = [line.split()[3] for line in done.stdout.splitlines() if line.startswith("open tcp 80")]
    sensor.balance()
    assert probed(sensor, "src host 198.18.0.9 and dst net 198.51.100.64/26") == (64, 64)
    assert of_its_persona(sensor, "src host 198.18.0.9 and dst net 198.51.100.64/26", "masscan") == 64
    assert len(opened) == len(set(opened)) == 64, done.stdout + done.stderr
    verified = "src host 198.18.0.9 and dst net 198.51.100.64/26 and verified and payload"
    sensor.wait_for_packets(1, verified)


def test_zmap_counts_an_answer_for_each_probe(lab: Lab, sensor: Sensor) -> None:
    needs("zmap")
    empty, summary = lab.folder / "empty", lab.folder / "zmap.json"
    empty.write_text("")
    words = ["zmap", "-p", "443", "-i", "eth0", "-G", lab.mac(), "-S", PEER, "-r", "2000", "-c", "3", "-q", "-b", empty]
    words += ["-e", "1"]  # its order of addresses: with one of its own choice zmap 2.1.1 now and then aborts by itself
    done = lab.run(*words, "-m", summary, "198.51.100.128/25", "-o", "-")
    answered = done.stdout.split()
    assert len(answered) == len(set(answered)) == 128, done.stderr
    counted = json.loads(summary.read_text())
    assert (counted["total_sent"], counted["success_unique"], counted["success_total"]) == (128, 128, 128), counted
    sensor.balance()
    assert probed(sensor, "dst net 198.51.100.128/25 and tcp dst port 443") == (128, 128)
    assert of_its_persona(sensor, "dst net 198.51.100.128/25 and ip[4:2] = 54321", "zmap") == 128


ODD_FLAGS = ("-F", "-A", "-R", "-X", "-Y", "-SA", "-SF", "-SR", "-FPU", "-RA", "")


def test_hping3_s_odd_flags_are_stored_and_not_answered(lab: Lab, sensor: Sensor) -> None:
    """All at once, for each waits for answers that don't come."""
    needs("hping3")
    address = {flags: f"198.51.100.{32 + number}" for number, flags in enumerate(ODD_FLAGS)}

    def probe(flags: str) -> str:
        words = ("hping3", "-c", "3", "-i", "u1000", "-p", "80", *([flags] if flags else []), address[flags])
        return lab.run(*words).stderr

    with ThreadPoolExecutor(len(ODD_FLAGS)) as pool:
        said = dict(zip(ODD_FLAGS, pool.map(probe, ODD_FLAGS), strict=True))
    assert [flags for flags in ODD_FLAGS if "0 packets received" not in said[flags]] == [], said
    theirs = "dst net 198.51.100.32/28"
    sensor.wait_for_packets(3 * len(ODD_FLAGS), theirs)
    with Telescope(sensor.store) as telescope:
        found = telescope.top("destination", theirs, limit=16).table.to_pylist()
    assert {row["destination"]: row["value"] for row in found} == dict.fromkeys(address.values(), 3)
    assert sensor.count(f"{theirs} and verified") == 0


def test_an_acknowledgment_that_is_not_our_cookie_is_not_verified(lab: Lab, sensor: Sensor) -> None:
    needs("hping3")
    lab.run("hping3", "-c", "5", "-i", "u1000", "-A", "-p", "80", "-L", "12345", "-d", "20", "198.51.100.61")
    chosen = "dst host 198.51.100.61 and tcp[8:4] = 12345"
    assert sensor.wait_for_packets(5, chosen) == 5
    assert sensor.count(f"{chosen} and verified") == 0


def statuses(sensor: Sensor) -> list[dict[str, str]]:
    """Of all threads: a capability belongs to a thread."""
    files = Path(f"/proc/{sensor.pid}/task").glob("*/status")
    return [dict(line.split(":", 1) for line in file.read_text().splitlines() if ":" in line) for file in files]


def assert_harmless(sensor: Sensor) -> None:
    found = statuses(sensor)
    assert len(found) >= 3
    for status in found:
        assert len(set(status["Uid"].split())) == 1
        assert status["Uid"].split()[0] != "0"
        assert status["NoNewPrivs"].strip() == "1"
        assert all(int(status[name], 16) == 0 for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"))


def test_the_process_has_no_privileges_left(sensor: Sensor) -> None:
    assert_harmless(sensor)
    assert {status["Groups"].strip() for status in statuses(sensor)} == {""}


def test_nor_has_one_that_was_never_root(lab: Lab) -> None:
    """As systemd starts it. Reading everything is for where Python lies in root's home."""
    words = ["setpriv", "--reuid", "nobody", "--clear-groups", "--inh-caps", "-all,+net_raw,+dac_read_search"]
    words += ["--ambient-caps", "-all,+net_raw,+dac_read_search", "env", f"IMS_CACHE_DIR={lab.folder}/cache"]
    (lab.folder / "OTHER").mkdir(mode=0o700)
    compiled = cache_folder()  # a cache of its own, for it trusts no other's; compiling takes a minute
    shutil.copytree(compiled, lab.folder / "cache" / compiled.name)
    for path in (lab.folder / "OTHER", lab.folder / "cache", *(lab.folder / "cache").rglob("*")):
        shutil.chown(path, "nobody")
    (lab.folder / "cache").chmod(0o700)
    other = lab.sensor(store="OTHER", before=words)
    assert_harmless(other)
    assert other.stop() == 0


def test_coverage_says_what_was_watched_and_that_nothing_was_lost(sensor: Sensor) -> None:
    rows = sensor.answer("coverage")
    assert {(row["block"], row["prefix"], row["policy"]) for row in rows} == {("C/24", "198.51.100.0/24", "ack, echo")}
    assert sum(row["frames_lost"] for row in rows) == 0
