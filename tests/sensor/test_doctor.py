"""The doctor finds what was broken on purpose, and nothing on a machine that is well."""

from __future__ import annotations

import subprocess

import pytest

from ims.simulate.namespaces import may_make_namespaces

from .doctor import findings
from .lab import Lab

pytestmark = pytest.mark.skipif(
    not may_make_namespaces(), reason="network namespaces want root and iproute2; CI has both"
)


@pytest.fixture
def lab(lab: Lab) -> Lab:
    subprocess.run(lab.at_machine("ethtool", "-K", "eth0", "gro", "off"), check=True, capture_output=True)
    return lab


def test_a_machine_that_is_well(lab: Lab) -> None:
    assert findings(lab) == {}


def test_our_own_address(lab: Lab) -> None:
    assert "covers 198.18.0.2" in findings(lab, prefix="198.18.0.0/24")["blocks"]


def test_no_capability(lab: Lab) -> None:
    said = findings(lab, "setpriv", "--bounding-set", "-net_raw")
    assert said["capabilities"] == "wrong: packet sockets need root or CAP_NET_RAW (Operation not permitted)"
