"""Settings of a query daemon: what is wrong is said in one line, and nothing unsafe is taken."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from ims.queryd.config import checked_queryd, read_queryd_config

TLS = {name: f"/etc/ims/{name}.pem" for name in ("certificate", "key", "ca", "revoked")}


def test_a_store_is_enough_on_loopback() -> None:
    found = checked_queryd({"store": "/var/lib/ims"})
    assert (found.store, found.listen, found.tls) == (Path("/var/lib/ims"), "127.0.0.1:9443", None)
    assert (found.running, found.waiting, found.memory) == (2, 64, 1 << 30)


def test_all_settings_are_read() -> None:
    text = """
        store = "S"
        sensors = ["old"]
        listen = "[::]:1"
        running = 4
        waiting = 0
        waiting_each = 3
        memory = "64M"
        threads = 2
        listeners = 9
        metrics = "127.0.0.1:9478"
        user = "ims"
        [tls]
        certificate = "c"
        key = "k"
        ca = "a"
        revoked = "r"
        """
    found = checked_queryd(tomllib.loads(text))
    assert found.tls is not None
    assert (found.tls.revoked, found.memory, found.waiting) == (Path("r"), 64 << 20, 0)
    assert set(type(found).model_fields) == set(tomllib.loads(text)), "every setting is tried here"


@pytest.mark.parametrize("listen", ["0.0.0.0:9443", "[::]:9443", "192.0.2.1:9443", "[2001:db8::1]:9443"])
def test_plain_text_is_for_loopback_alone(listen: str) -> None:
    with pytest.raises(ValueError, match=r"without \[tls\]: only loopback may be listened on in plain text"):
        checked_queryd({"store": "S", "listen": listen})
    assert checked_queryd({"store": "S", "listen": listen, "tls": TLS}).listen == listen


@pytest.mark.parametrize("listen", ["127.0.0.1:9443", "127.9.9.9:1", "[::1]:9443"])
def test_loopback_may_be_plain(listen: str) -> None:
    assert checked_queryd({"store": "S", "listen": listen}).listen == listen


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({}, "store is missing: folder of the sensor's store"),
        ({"store": "S", "lisen": "127.0.0.1:1"}, "unknown key 'lisen'; meant listen?"),
        ({"store": "S", "quux": 1}, "unknown key 'quux'; expected one of store, sensors, listen, tls"),
        ({"store": "S", "tls": {**TLS, "keys": "x"}}, "unknown key 'keys' in tls; meant key?"),
        ({"store": "S", "tls": {"key": "x"}}, "tls.certificate is missing: this daemon's certificate"),
        ({"store": "S", "running": 0}, "running = 0: expected 1 or more"),
        ({"store": "S", "memory": "lots"}, "memory = 'lots': expected a number of bytes"),
        ({"store": "S", "memory": "1M"}, "memory = '1M': expected 64M or more"),
        ({"store": "S", "listen": "9443"}, "listen = '9443': "),
        ({"store": "S", "listen": "sensor.example.net:9443"}, "listen = 'sensor.example.net:9443': "),
        ({"store": "S", "listen": "127.0.0.1:99999"}, "listen = '127.0.0.1:99999': "),
    ],
)
def test_what_is_wrong_is_said_in_one_line(data: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError) as caught:
        checked_queryd(data, "queryd.toml: ")
    assert str(caught.value).startswith(f"queryd.toml: {said}")
    assert len(str(caught.value).splitlines()) == 1


def test_a_file_is_named_by_what_is_wrong_with_it(tmp_path: Path) -> None:
    path = tmp_path / "queryd.toml"
    with pytest.raises(ValueError, match=r"queryd.toml isn't there; docs/deploy.md has an example"):
        read_queryd_config(path)
    path.write_text("store = ")
    with pytest.raises(ValueError, match=r"queryd.toml isn't TOML: "):
        read_queryd_config(path)
    path.write_text('store = "S"\nuser = "root"')
    assert read_queryd_config(path).user == "root"
