"""In a few words: what a packet is, why it has no reply, and why a reply is what it is."""

from __future__ import annotations

from collections.abc import Sequence

from ims.analyse.exchange.packets import Packet, protocol_name
from ims.packet.field_values import (
    ACK,
    ECHO_REQUEST,
    FIN,
    IS_FRAGMENT,
    PROTOCOL_ICMP,
    PROTOCOL_TCP,
    PROTOCOL_UDP,
    RST,
    SYN,
)
from ims.records import IP_WRONG, TRANSPORT_WRONG
from ims.respond.cookie import CONTINUES
from ims.respond.policy import ACK as POLICY_ACK
from ims.respond.policy import POLICIES, SILENT, SYNACK
from ims.respond.reply import FINS, RESETS, SYNACKS


def _what(packet: Packet, above: int) -> str:
    """What a packet is, in a few words."""
    flags = packet.flags
    if packet.protocol == PROTOCOL_ICMP:
        return "echo request" if packet.icmp_type == ECHO_REQUEST else f"ICMP type {packet.icmp_type}"
    if packet.protocol != PROTOCOL_TCP:
        return protocol_name(packet.protocol).upper()
    if packet.tcp_flags is None:
        return "TCP"
    if packet.is_syn:
        return "SYN"
    if flags & RST:
        return "reset"
    if flags & (SYN | ACK) == SYN | ACK:
        return "SYN-ACK"
    kind = "FIN" if flags & FIN else "data" if packet.payload_length else "ACK"
    if packet.verified is None and above:
        return kind  # what it acknowledges isn't known
    if above == 0:
        return f"{kind} of no connection of ours" if kind != "ACK" else "ACK of nothing of ours"
    return {"ACK": "acknowledges our SYN-ACK" if above == CONTINUES else "acknowledges our FIN"}.get(kind, kind)


def names_of(packets: Sequence[Packet], above: Sequence[int]) -> list[str]:
    """What packets are. A SYN that came before is a repeated one: its sender's system has no answer, or not yet."""
    names = [_what(*each) for each in zip(packets, above, strict=True)]
    seen: set[tuple[object, ...]] = set()
    for place, packet in enumerate(packets):
        if packet.is_syn:
            key = (*packet.connection, packet.tcp_sequence)
            names[place] = "SYN again" if key in seen else "SYN"
            seen.add(key)
    return names


def unanswerable(packet: Packet, is_accepted: bool) -> str | None:
    """Why no rule lets it have a reply; None where one may. Empty where nothing has to be said."""
    if packet.verified is None and not is_accepted:
        return "nothing answered here, as far as is known" if packet.calls else ""
    if packet.checksum & (IP_WRONG | TRANSPORT_WRONG):
        return "a wrong checksum is never answered"
    if packet.ip_fragment & IS_FRAGMENT:
        return "a fragment is never answered"
    if packet.protocol == PROTOCOL_UDP:
        return "never answered"
    if packet.protocol == PROTOCOL_TCP and not packet.is_whole_tcp:
        return "a header that is cut or lies is never answered"
    if packet.protocol not in (PROTOCOL_TCP, PROTOCOL_ICMP):
        return "never answered"
    if packet.truncated and packet.calls:
        return "a packet that was cut is never answered"
    return None


def refused(packet: Packet, policy: int | None, above: int) -> str:
    """Why a TCP packet has no reply; empty where none is called for."""
    if not packet.calls:
        return ""
    if policy == SILENT or (policy is not None and policy != POLICY_ACK and above):
        name = POLICIES[policy]
        return f"policy {name}" + (" answers SYNs only" if policy == SYNACK else "")
    return "not our cookie" if packet.verified is False else ""


def because(kind: int, packet: Packet, policy: int | None) -> str:
    """A reply, in a few words."""
    if kind == SYNACKS:
        return "SYN-ACK, the cookie" if packet.verified is not None else "SYN-ACK, by whom isn't recorded"
    if kind == RESETS:
        return "refused: closed by policy" if packet.is_syn else "reset: data after the end"
    if kind == FINS:
        return "FIN acknowledged, and ours" if packet.flags & FIN else "closed: the limit is reached"
    return "FIN acknowledged" if packet.flags & FIN else "acknowledged"
