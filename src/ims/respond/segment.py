"""Replies as octets: TCP segments and ICMP echo replies in IPv4, with their checksums."""

from __future__ import annotations

from ims.kernels import kernel
from ims.packet.checksum import ones_sum, pseudo_header
from ims.packet.field_values import DO_NOT_FRAGMENT, PROTOCOL_ICMP, PROTOCOL_TCP
from ims.packet.icmp import CHECKSUM as ICMP_CHECKSUM
from ims.packet.ipv4 import HEADER as IP
from ims.packet.ipv4 import put_header as put_ip
from ims.packet.octets import put32
from ims.packet.tcp import CHECKSUM
from ims.packet.tcp import HEADER as TCP
from ims.packet.tcp import put_header as put_tcp_header
from ims.packet.transport import put_checksum

TTL = 64
LARGEST = 60
"""Octets of IP that a reply has at most."""
MSS = 1460
"""That is announced where the interface's MTU allows it (RFC 9293, 3.7.1)."""


@kernel
def put_tcp(out, at, source, destination, ports, sequence, acknowledgment, flags, window, options):
    """Write IP and TCP around `options` octets that stand at `at` + 40; returns the packet's length. `source`,
    `destination`, `ports` (source << 16 | destination): of the packet that is answered. The caller has checked that
    out[at:at + LARGEST] exists."""
    length, tcp, back = TCP + options, at + IP, (ports & 0xFFFF) << 16 | ports >> 16
    put_ip(out, at, 0, IP + length, 0, DO_NOT_FRAGMENT, TTL, PROTOCOL_TCP, destination, source)
    total = pseudo_header(source, destination, PROTOCOL_TCP, length) + ones_sum(out, tcp + TCP, options)
    total += put_tcp_header(out, tcp, back, sequence, acknowledgment, length, flags, window, 0)
    put_checksum(out, tcp + CHECKSUM, PROTOCOL_TCP, total)
    return IP + length


@kernel
def put_echo_reply(out, at, source, destination, octets, icmp, length):
    """Write the reply to the ICMP echo of `length` octets at `icmp`, as much of it as LARGEST allows; returns
    the packet's length."""
    length = min(length, LARGEST - IP)
    put_ip(out, at, 0, IP + length, 0, DO_NOT_FRAGMENT, TTL, PROTOCOL_ICMP, source, destination)
    reply = at + IP
    put32(out, reply, 0)
    for i in range(4, length):
        out[reply + i] = octets[icmp + i]
    put_checksum(out, reply + ICMP_CHECKSUM, PROTOCOL_ICMP, ones_sum(out, reply, length))
    return IP + length
