"""Numbers in headers are those that dpkt and the operating system have for the same names."""

from __future__ import annotations

import socket

import dpkt
import pytest

from ims.packet import field_values
from ims.packet.field_values import FLAG_LETTERS, FLAGS, ICMP_ERRORS, IS_FRAGMENT, NS


def test_flags_have_a_letter_each() -> None:
    assert len(FLAG_LETTERS) == 9 and NS == 1 << 8 and FLAGS == 2 * NS - 1


@pytest.mark.parametrize("place", range(8))
def test_a_flag_s_letter_and_bit_are_those_that_dpkt_has(place: int) -> None:
    name = ("FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR")[place]
    theirs = {"PSH": "PUSH"}.get(name, name)
    assert getattr(field_values, name) == getattr(dpkt.tcp, f"TH_{theirs}") == 1 << place
    assert FLAG_LETTERS[place] == name[0]


def test_protocols_are_the_system_s() -> None:
    ours = {name: number for name, number in vars(field_values).items() if name.startswith("PROTOCOL_")}
    assert ours == {f"PROTOCOL_{name}": getattr(socket, f"IPPROTO_{name}") for name in ("ICMP", "TCP", "UDP", "SCTP")}


def test_bits_of_fragments_are_apart_and_are_dpkt_s() -> None:
    ours = (field_values.DO_NOT_FRAGMENT, field_values.MORE_FRAGMENTS, field_values.FRAGMENT_OFFSET)
    assert ours == (dpkt.ip.IP_DF, dpkt.ip.IP_MF, dpkt.ip.IP_OFFMASK)
    assert IS_FRAGMENT == 0xFFFF ^ dpkt.ip.IP_RF ^ dpkt.ip.IP_DF


def test_types_that_quote_are_those_whose_body_dpkt_reads_as_a_packet() -> None:
    quoting = {kind for kind, body in dpkt.icmp.ICMP._typesw.items() if issubclass(body, dpkt.icmp.ICMP.Quote)}
    assert quoting <= set(ICMP_ERRORS)
    assert set(ICMP_ERRORS) == {
        dpkt.icmp.ICMP_UNREACH, dpkt.icmp.ICMP_SRCQUENCH, dpkt.icmp.ICMP_REDIRECT, dpkt.icmp.ICMP_TIMEXCEED,
        dpkt.icmp.ICMP_PARAMPROB,
    }  # fmt: skip
    assert (field_values.ECHO_REPLY, field_values.ECHO_REQUEST) == (dpkt.icmp.ICMP_ECHOREPLY, dpkt.icmp.ICMP_ECHO)


def test_types_above_ethernet_are_dpkt_s() -> None:
    assert field_values.ETHERTYPE_IPV4 == dpkt.ethernet.ETH_TYPE_IP
    assert field_values.ETHERTYPE_ARP == dpkt.ethernet.ETH_TYPE_ARP
