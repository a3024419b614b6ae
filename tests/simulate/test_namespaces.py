"""Two namespaces have a wire between them, frames go over it, and nothing of them is left."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ims.simulate.namespaces import DARK, MACHINE, PEER, Namespaces, may_make_namespaces

live = pytest.mark.skipif(not may_make_namespaces(), reason="network namespaces want root and iproute2; CI has both")
DARK_HOST = "198.51.100.7"


@pytest.fixture(scope="module")
def net() -> Iterator[Namespaces]:
    with Namespaces() as made:
        yield made


def run(words: list[str]) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()


def there(net: Namespaces) -> list[bool]:
    return [Path("/run/netns", name).exists() for name in (net.peer, net.machine)]


def test_who_is_not_root_or_has_no_ip_may_make_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with monkeypatch.context() as changed:
        changed.setattr(os, "geteuid", lambda: 1000)
        assert not may_make_namespaces()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not may_make_namespaces()


@live
def test_each_end_has_its_address_and_commands_run_where_they_should(net: Namespaces) -> None:
    for command, address in ((net.at_peer, PEER), (net.at_machine, MACHINE)):
        assert f" {address}/15 " in run(command("ip", "-o", "-4", "addr", "show", "dev", "eth0"))
    assert run(net.at_machine("cat", Path("/sys/class/net/eth0/address"))) == net.mac()
    assert run(net.at_peer("cat", "/sys/class/net/eth0/address")) == net.mac(net.peer) != net.mac()


@live
def test_frames_go_over_the_wire_and_are_counted_at_the_other_end(net: Namespaces) -> None:
    before = net.received(), net.received(net.machine)
    run(net.at_peer("ping", "-c", "3", "-i", "0.01", "-W", "9", MACHINE))
    after = net.received(), net.received(net.machine)
    assert all(there - then >= 3 for then, there in zip(before, after, strict=True))


@live
def test_nothing_leads_elsewhere(net: Namespaces) -> None:
    """No way to the rest of the world; dark addresses are on the wire."""
    for command in (net.at_peer, net.at_machine):
        assert "default" not in run(command("ip", "route"))
        links = run(command("ip", "-o", "link")).splitlines()
        assert {line.split()[1].split("@")[0].rstrip(":") for line in links} >= {"lo", "eth0"}
    assert run(net.at_peer("ip", "route", "get", DARK_HOST)).startswith(f"{DARK_HOST} dev eth0 src {PEER}")


@live
def test_dark_addresses_may_be_routed_to_the_machine_and_nothing_is_left_afterwards() -> None:
    made = Namespaces(MACHINE)
    made.peer, made.machine = made.peer + "-2", made.machine + "-2"
    with made:
        assert there(made) == [True, True]
        assert f"via {MACHINE}" in run(made.at_peer("ip", "route", "get", DARK_HOST))
        assert DARK in run(made.at_peer("ip", "route"))
    assert there(made) == [False, False]


@live
def test_namespaces_that_cannot_be_finished_are_removed() -> None:
    made = Namespaces("no address")
    made.peer, made.machine = made.peer + "-3", made.machine + "-3"
    with pytest.raises(subprocess.CalledProcessError), made:
        pass
    assert there(made) == [False, False]
