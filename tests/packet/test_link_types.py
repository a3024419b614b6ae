"""Link types and Ethernet types have the names that libpcap, dpkt and tshark have for them."""

from __future__ import annotations

import ctypes
import ctypes.util
import re
import shutil
import subprocess

import dpkt
import pytest

from ims.packet import link_types
from ims.packet.link_types import ETHERNET_TYPES, LINK_TYPES

OTHER_DLT = {"ETHERNET": {"EN10MB"}, "PPP_HDLC": {"PPP_SERIAL"}}
"""tcpdump.org's page names a file's types; libpcap and dpkt name the DLT_ constants."""
OTHER_ETHERNET = {
    0x22F3: "Transparent Interconnection", 0x6003: "DNA Routing", 0x80F3: "AARP", 0x88E7: "Provider Backbone",
    0x88F7: "IEEE1588", 0x8903: "Cisco", 0x8906: "Fibre Channel", 0x8909: "CiscoMetaData",
    0x8915: "Converged", 0x894F: "Network Service",
}  # fmt: skip
"""What tshark says where the two names have no word in common."""


@pytest.mark.skipif(ctypes.util.find_library("pcap") is None, reason="no libpcap here")
def test_link_types_have_libpcap_s_names() -> None:
    libpcap = ctypes.CDLL(ctypes.util.find_library("pcap"))
    libpcap.pcap_datalink_val_to_name.restype = ctypes.c_char_p
    theirs = {number: libpcap.pcap_datalink_val_to_name(number) for number in LINK_TYPES}
    known = {number: name.decode() for number, name in theirs.items() if name}
    assert len(known) >= 140
    other = {n: name for n, name in known.items() if name not in {LINK_TYPES[n]} | OTHER_DLT.get(LINK_TYPES[n], set())}
    assert other == {}


def test_link_types_have_dpkt_s_names() -> None:
    theirs: dict[int, set[str]] = {}
    for name, number in vars(dpkt.pcap).items():
        if name.startswith("DLT_"):
            theirs.setdefault(number, set()).add(name.removeprefix("DLT_"))
    del theirs[253]  # dpkt has two, of which one is 254's
    judged = [number for number in LINK_TYPES if number in theirs]
    assert len(judged) >= 90
    assert {
        n: LINK_TYPES[n] for n in judged if not theirs[n] & {LINK_TYPES[n], *OTHER_DLT.get(LINK_TYPES[n], ())}
    } == {}


def test_every_link_type_that_is_read_by_name_is_among_the_names() -> None:
    by_name = {name: number for name, number in vars(link_types).items() if isinstance(number, int)}
    assert set(by_name.values()) <= set(LINK_TYPES)
    for name, number in by_name.items():
        if name in LINK_TYPES.values():
            assert LINK_TYPES[number] == name


@pytest.mark.skipif(shutil.which("tshark") is None, reason="no tshark here")
def test_ethernet_types_are_those_that_tshark_knows_by_that_name() -> None:
    told = subprocess.run(["tshark", "-G", "values"], capture_output=True, text=True, check=True).stdout
    rows = (line.split("\t") for line in told.splitlines() if line.startswith("V\teth.type\t"))
    theirs = {int(row[2], 16): row[3] for row in rows}
    assert set(ETHERNET_TYPES) <= set(theirs)

    def words(name: str) -> set[str]:
        return set(re.findall(r"[a-z0-9.]{2,}", name.lower()))

    for kind, name in ETHERNET_TYPES.items():
        assert words(OTHER_ETHERNET.get(kind, name)) & words(theirs[kind]), (hex(kind), name, theirs[kind])
