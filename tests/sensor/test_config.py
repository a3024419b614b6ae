"""Settings of a sensor: what is wrong with them is said in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from ims.sensor.config import BlockConfig, SensorConfig, checked, read_config

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
        ({"xyzzy": 5}, "unknown key 'xyzzy'; expected one of name, store"),
        ({"block": [{**GOOD["block"][0], "polcy": "ack"}]}, "unknown key 'polcy' in block.0; meant policy?"),  # type: ignore[index]
        ({"block": []}, "block"),
        ({"name": "a/b"}, "name = 'a/b'"),
        ({"name": 7}, "name = 7"),
        ({"workers": 0}, "workers = 0"),
        ({"workers": "many"}, "workers = 'many'"),
        ({"ring": "64Q"}, "ring = '64Q': expected a number of bytes, or one with K, M, G or T"),
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
