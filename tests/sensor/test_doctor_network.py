"""The doctor finds what the network would do to a sensor."""

from __future__ import annotations

import subprocess

import pytest

from ims.simulate.namespaces import DARK, ip, may_make_namespaces

from .doctor import findings
from .lab import Lab

pytestmark = pytest.mark.skipif(
    not may_make_namespaces(), reason="network namespaces want root and iproute2; CI has both"
)


@pytest.fixture
def lab(lab: Lab) -> Lab:
    subprocess.run(lab.at_machine("ethtool", "-K", "eth0", "gro", "off"), check=True, capture_output=True)
    return lab


def test_the_kernel_would_forward(lab: Lab) -> None:
    subprocess.run(lab.at_machine("sysctl", "-qw", "net.ipv4.conf.eth0.forwarding=1"), check=True)
    assert "wrong: eth0 forwards" in findings(lab)["route"]
    ip(f"-n {lab.machine} route add blackhole {DARK}")
    assert findings(lab) == {}


def test_the_kernel_would_answer_itself(lab: Lab) -> None:
    ip(f"-n {lab.machine} route add local {DARK} dev lo")
    assert "would answer with RST" in findings(lab)["route"]


def test_merged_segments(lab: Lab) -> None:
    subprocess.run(lab.at_machine("ethtool", "-K", "eth0", "gro", "on"), check=True, capture_output=True)
    assert "gro on eth0" in findings(lab)["offloads"]


def test_nobody_answers_arp(lab: Lab) -> None:
    assert "nobody answers ARP" in findings(lab, arp="false", prefix="198.18.7.0/24")["arp"]


def test_an_interface_that_is_down_or_absent(lab: Lab) -> None:
    ip(f"-n {lab.machine} link set eth0 down")
    assert "eth0 is down" in findings(lab)["interfaces"]
    assert "no interface 'eth7'" in findings(lab, interface="eth7")["interfaces"]


def test_a_strict_filter_before_a_tunnel(lab: Lab) -> None:
    ip(f"-n {lab.machine} tuntap add dev tun7 mode tun")
    ip(f"-n {lab.machine} link set tun7 up")
    subprocess.run(lab.at_machine("sysctl", "-qw", "net.ipv4.conf.tun7.rp_filter=1"), check=True)
    assert "strict on tun7" in findings(lab, interface="tun7")["rp_filter"]


def test_a_firewall_that_rejects(lab: Lab) -> None:
    """As `nft list ruleset` prints it; the program itself is not everywhere."""
    fake = lab.folder / "nft"
    fake.write_text("#!/bin/sh\necho 'table ip filter { chain input { ip daddr 198.51.100.0/24 reject } }'\n")
    fake.chmod(0o755)
    assert "a rule that rejects" in findings(lab, "env", f"PATH={lab.folder}:/usr/bin:/bin:/usr/sbin")["firewall"]
