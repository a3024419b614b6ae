"""A sensor that is configured wrong says what is wrong, in one line, and ends with 2."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from ims.sensor.config import BlockConfig, SensorConfig, checked, read_config
from ims.simulate.namespaces import ip, may_make_namespaces

from ..stores import IMS, cli
from .lab import Lab

GOOD = {"name": "a", "store": "STORE", "interfaces": ["eth0"], "block": [{"name": "C/24", "prefix": "198.51.100.0/24"}]}
DOCUMENT = """
name = "a"
store = "STORE"
interfaces = ["eth0"]

[[block]]
name = "C/24"
prefix = "198.51.100.0/24"
"""


def complaint(**changes: object) -> str:
    with pytest.raises(ValueError, match=r".") as raised:
        checked({**GOOD, **changes}, "sensor.toml: ")
    said = str(raised.value)
    assert "\n" not in said
    assert said.startswith("sensor.toml: ")
    return said


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"interface": ["eth0"]}, "unknown key 'interface'; meant interfaces?"),
        ({"reply_limits": 5}, "unknown key 'reply_limits'; meant reply_limit?"),
        ({"xyzzy": 5}, "unknown key 'xyzzy'; wanted one of name, store"),
        ({"block": [{**GOOD["block"][0], "polcy": "ack"}]}, "unknown key 'polcy' in block.0; meant policy?"),  # type: ignore[index]
        ({"block": []}, "block"),
        ({"name": "a/b"}, "name = 'a/b'"),
        ({"name": 7}, "name = 7"),
        ({"workers": 0}, "workers = 0"),
        ({"workers": "many"}, "workers = 'many'"),
        ({"ring": "64Q"}, "ring = '64Q': wanted a number of bytes, or one with K, M, G or T"),
        ({"ring": "1K"}, "ring = '1K'"),
        ({"reply_limit": -1}, "reply_limit = -1"),
        ({"reply_limit": 0}, "reply_limit = 0"),
        ({"unwrap": ["gre", "sit"]}, "no such tunnel: 'sit'; expected some of gre, ipip, vxlan, geneve"),
        ({"unwrap": ["vxlan:0"]}, "tunnel 'vxlan:0': expected a port from 1 to 65535"),
        ({"exclude": ["192.0.2.0/33"]}, "exclude"),
        ({"keep_age": "soon"}, "keep_age = 'soon'"),
        ({"metrics": "nowhere"}, "metrics = 'nowhere'"),
        ({"block": [{"name": "A", "prefix": "198.51.100.0/24"}, {"name": "B", "prefix": "198.51.0.0/16"}]}, "overlap"),
        ({"block": [{"name": "A", "prefix": "198.51.100.1/24"}]}, "198.51.100.1/24"),
        ({"block": [{"name": "A"}]}, "block.0.prefix is missing: CIDR"),
        ({"block": [{"name": "A", "prefix": "198.51.100.0/24", "policy": "loud"}]}, "'loud'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_one_line(changes: dict[str, object], wanted: str) -> None:
    assert wanted in complaint(**changes)


def test_a_file_that_is_no_configuration(tmp_path: Path) -> None:
    file = tmp_path / "s.toml"
    with pytest.raises(ValueError, match=r"isn't there; docs/sensor.md has an example"):
        read_config(file)
    with pytest.raises(ValueError, match="is a folder"):
        read_config(tmp_path)
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match="UTF-8"):
        read_config(file)
    file.write_text("name = \nstore = 5")
    with pytest.raises(ValueError, match=r"isn't TOML: .*line 1"):
        read_config(file)
    file.write_text(DOCUMENT)
    assert read_config(file) == SensorConfig(
        name="a",
        store=Path("STORE"),
        interfaces=("eth0",),
        block=(BlockConfig(name="C/24", prefix="198.51.100.0/24"),),
    )


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """What was said by a command line that ended as bad users' do."""
    assert done.returncode == 2, done.stderr
    lines = [line for line in done.stderr.splitlines() if "compiling" not in line]
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("ims: ")
    return lines[0]


def test_nothing_to_watch(tmp_path: Path) -> None:
    def say(*words: str) -> str:
        return refused(cli("sensor", *words, cwd=tmp_path))

    assert "--interface, --store, --sensor, --block missing" in say()
    whole = ["--store", "S", "--sensor", "a", "--block", "C/24=198.51.100.0/24"]
    assert "no interface 'nothing0'; there are" in say(*whole, "--interface", "nothing0")
    assert "wanted NAME=CIDR" in say(*whole, "--interface", "lo", "--block", "198.51.100.0/24")
    assert "'loud'" in say(*whole, "--interface", "lo", "--policy", "loud")
    assert "wanted a number, or none" in say(*whole, "--interface", "lo", "--reply-limit", "few")
    assert "not both" in say(*whole, "--config", "s.toml")
    assert "nothing.pcap" in say(*whole, "--replay", "nothing.pcap")


@pytest.mark.parametrize(
    ("policy", "wanted"),
    [('{"1-10" = "ack", 5 = "reset"}', "ports 5 have two policies"), ('{x = "ack"}', "ports 'x'")],
)
def test_policies_by_port(tmp_path: Path, policy: str, wanted: str) -> None:
    (tmp_path / "s.toml").write_text(f"{DOCUMENT}policy = {policy}\n")
    assert wanted in refused(cli("sensor", "--config", "s.toml", cwd=tmp_path))


live = pytest.mark.skipif(not may_make_namespaces(), reason="network namespaces want root and iproute2; CI has both")


def at_machine(lab: Lab, *words: str, block: str = "C/24=198.51.100.0/24", store: str = "STORE") -> str:
    command = [*words, str(IMS), "sensor", "--interface", "eth0", "--store", str(lab.folder / store)]
    command += ["--sensor", "a", "--block", block]
    done = subprocess.run(lab.at_machine(*command), capture_output=True, text=True, check=False, timeout=120)
    return refused(done)


@live
def test_a_block_with_this_machine_or_its_gateway_in_it(lab: Lab) -> None:
    said = at_machine(lab, block="B=198.18.0.0/24")
    assert re.search(r"block B=198.18.0.0/24 covers 198.18.0.2, which is this machine's own on eth0", said)
    ip(f"-n {lab.machine} route add default via 198.18.7.1")
    said = at_machine(lab, block="B=198.18.7.0/24")
    assert "covers 198.18.7.1, this machine's default gateway" in said


@live
def test_without_the_right_to_open_packet_sockets(lab: Lab) -> None:
    said = at_machine(lab, "setpriv", "--bounding-set", "-net_raw")
    assert "packet sockets need root or CAP_NET_RAW" in said
    assert "--replay" in said
    assert not (lab.folder / "STORE").exists()


@live
def test_a_store_that_belongs_to_somebody_else(lab: Lab) -> None:
    (lab.folder / "STORE" / "a").mkdir(parents=True)
    said = at_machine(lab)
    assert "STORE belongs to root, and the sensor becomes " in said
    assert said.endswith("; it is no store: set `store` to a folder of its own")
    (lab.folder / "STORE" / "store.json").write_text("{}")
    assert f"chown -R nobody {lab.folder}/STORE, or set `user`" in at_machine(lab)


@live
def test_a_folder_that_is_no_store(lab: Lab) -> None:
    folder = lab.folder / "STORE"
    folder.mkdir()
    (folder / "notes").write_text("mine")
    folder.chmod(0o777)
    subprocess.run(["chown", "nobody", str(folder)], check=True)
    assert "STORE" in at_machine(lab)
    assert (folder / "notes").read_text() == "mine"
