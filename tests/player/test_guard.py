"""A scenario is played only where it leads nowhere else."""

from __future__ import annotations

import pytest

from ims.capture.afpacket import Interface
from ims.player import guard

ETHERNET, TUNNEL = 1, 65_534


def device(**about: object) -> Interface:
    """An Ethernet interface that needn't be there."""
    usual = {"name": "eth9", "number": 99, "type": ETHERNET, "mac": b"\x02\0\0\0\0\x09", "mtu": 1500}
    return Interface(**(usual | about))


@pytest.fixture
def somewhere(monkeypatch):
    """Pretends to be on a machine with such an interface."""

    def pretend(kind="", own_namespace=False, **about):
        monkeypatch.setattr(guard, "interface", lambda name: device(name=name, **about))
        monkeypatch.setattr(guard, "kind_of", lambda device: kind)
        monkeypatch.setattr(guard, "in_namespace_of_its_own", lambda: own_namespace)

    return pretend


@pytest.mark.parametrize("kind", ["", "vlan", "bridge", "bond", "macvlan", "vxlan", "wireguard", "ipvlan", "tun"])
def test_what_may_lead_to_others_is_refused(somewhere, kind):
    somewhere(kind)
    with pytest.raises(ValueError, match=r"eth9 may lead to other people's networks: .* --allow eth9") as refusal:
        guard.allowed("eth9", explicitly=False)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("kind", ["veth", "dummy"])
def test_what_leads_nowhere_else_is_allowed(somewhere, kind):
    somewhere(kind)
    assert guard.allowed("eth9", explicitly=False).name == "eth9"


def test_a_namespace_of_one_s_own_is_allowed(somewhere):
    somewhere("", own_namespace=True)
    assert guard.allowed("eth9", explicitly=False).name == "eth9"


def test_what_is_named_explicitly_is_allowed(somewhere):
    somewhere("")
    assert guard.allowed("eth9", explicitly=True).name == "eth9"


@pytest.mark.parametrize("about", [{"mtu": 1280}, {"type": TUNNEL}])
def test_an_interface_that_can_t_carry_frames_is_refused_whatever_is_said(somewhere, about):
    somewhere("veth", own_namespace=True, **about)
    with pytest.raises(ValueError, match="expected an Ethernet interface with an MTU of 1500"):
        guard.allowed("eth9", explicitly=True)


def test_an_unknown_interface_is_refused():
    with pytest.raises((ValueError, OSError), match="none7"):
        guard.allowed("none7", explicitly=True)


def test_a_namespace_that_can_t_be_seen_is_taken_for_the_machine_s(monkeypatch):
    def refuse(_path):
        raise PermissionError

    monkeypatch.setattr(guard.Path, "readlink", refuse)
    assert not guard.in_namespace_of_its_own()


def test_mac_addresses_are_six_octets():
    assert guard.mac_of("02:00:0a:Ff:00:01") == b"\x02\x00\x0a\xff\x00\x01"
    for wrong in (
        "",
        "02:00:00:00:00",
        "02-00-00-00-00-01",
        "020000000001",
        "02:00:00:00:00:0g",
        "02:00:00:00:00:01\n",
    ):
        with pytest.raises(ValueError, match="expected a MAC address such as 02:00:00:00:00:01"):
            guard.mac_of(wrong)
