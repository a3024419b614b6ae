"""What a reload says of settings that it doesn't change."""

from __future__ import annotations

from typing import Any

from ims.sensor.config import SensorConfig, checked
from ims.sensor.reload import taken_up, waiting


def settings(**keys: Any) -> SensorConfig:
    block = {"name": "C/24", "prefix": "198.51.100.0/24"}
    return checked({"name": "a", "store": "/var/lib/ims/store", "interfaces": ["eth0"], "block": [block]} | keys)


def test_each_setting_that_needs_a_restart_is_named_with_both_values() -> None:
    read = settings(interfaces=["eth0", "eth1"], ring="128M", arp=True, reply_limit="none", private_sources=True)
    assert list(waiting(settings(), read)) == [
        ("interfaces", "['eth0']", "['eth0', 'eth1']"), ("arp", "false", "true"), ("reply_limit", "500", "none"),
        ("ring", "67108864", "134217728"),
    ]  # fmt: skip


def test_what_was_not_taken_up_waits_still_at_the_next_reload() -> None:
    now = taken_up(settings(), settings(workers=2, private_sources=True))
    assert now == settings(private_sources=True)
    assert [name for name, *_ in waiting(now, settings(workers=2))] == ["workers"]
