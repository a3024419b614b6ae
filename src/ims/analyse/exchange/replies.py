"""To each packet the reply that the responder's rules had for it, or why there is none.

The rules are the responder's own (respond/reply.py), over what was stored of the packets. What nobody stored isn't
known here: limits of rate, sources that a sensor's settings exclude, a ring that was full, frames to other machines.
So a reply is certain only where the source acknowledged it, or sent its time back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ims.analyse.exchange.acknowledgments import Acknowledgments, acknowledgments_of
from ims.analyse.exchange.answering import Answering, is_private
from ims.analyse.exchange.echoed_times import with_times_sent_back
from ims.analyse.exchange.options_text import options_text
from ims.analyse.exchange.packets import Packet
from ims.analyse.exchange.reasons import because, names_of, refused, unanswerable
from ims.packet.field_values import (
    ACK,
    ECHO_REQUEST,
    FIN,
    PROTOCOL_ICMP,
    SYN,
)
from ims.packet.ipv4 import HEADER as IP
from ims.respond.cookie import CLOSED
from ims.respond.policy import ACK as POLICY_ACK
from ims.respond.policy_text import DEFAULT_LIMIT, RecordedPolicy
from ims.respond.reconstruction import NOT_KNOWN, Segments, options_of, replies_to
from ims.respond.reply import SYNACKS
from ims.respond.segment import LARGEST, MSS

ECHOED = LARGEST - IP - 8
"""Octets of an echo request's payload that come back."""


PRIVATE_SOURCE = "a private source, which is answered only if settings say so"


class Reply(NamedTuple):
    """A reply. `flags`: None unless TCP; `sequence`: None where it isn't known; `is_certain`: whether the source is
    known to have it; `why`: in a few words; `options`: of TCP, as text."""

    flags: int | None
    sequence: int | None
    acknowledgment: int | None
    length: int
    why: str
    is_certain: bool
    options: str | None = None


class Verdict(NamedTuple):
    """What became of a packet. `what`: it is, in a few words, and why it has no reply; `is_open`: whether it isn't
    known which rule was in force."""

    what: str
    reply: Reply | None
    is_open: bool = False


class Exchange(NamedTuple):
    """Of each packet, by its place."""

    verdicts: list[Verdict]
    acknowledgments: Acknowledgments


def replies_of(packets: Sequence[Packet], source: str, answering: Answering) -> Exchange:
    """`packets`: of one source, in the order of time."""
    answers = [answering.at(each.sensor, each.block, each.time) for each in packets]
    limits = [DEFAULT_LIMIT if each.verified is None else one.limit for each, one in zip(packets, answers, strict=True)]
    acknowledgments = acknowledgments_of(packets, limits)
    unanswered = _never(source, answering, packets)
    policies = [
        _policy(packet, one, accepted)
        for packet, one, accepted in zip(packets, answers, acknowledgments.acknowledged, strict=True)
    ]
    verdicts = [Verdict(name, None) for name in names_of(packets, acknowledgments.above)]
    asked: list[int] = []
    for place, packet in enumerate(packets):
        told = verdicts[place].what
        accepted, policy = acknowledgments.acknowledged[place], policies[place]
        why, never = unanswerable(packet, accepted), unanswered[packet.sensor]
        if why is not None:
            verdicts[place] = Verdict(f"{told}: {why}" if why else told, None)
        elif never and packet.calls and packet.verified is not None:
            verdicts[place] = Verdict(f"{told}: {never}", None, never == PRIVATE_SOURCE)
        elif packet.protocol == PROTOCOL_ICMP:
            verdicts[place] = _to_echo(packet, told, answers[place])
        elif packet.is_whole_tcp and policy is None:
            is_open = packet.calls
            verdicts[place] = Verdict(
                f"{told}: the policy of its port isn't recorded" if is_open else told, None, is_open
            )
        elif packet.is_whole_tcp:
            asked.append(place)
    for limit in sorted({limits[place] for place in asked}):
        _to_segments(
            packets, [place for place in asked if limits[place] == limit], limit, policies, acknowledgments, verdicts
        )
    _confirm_ends(packets, acknowledgments, verdicts)
    _confirm_times(packets, verdicts)
    return Exchange(verdicts, acknowledgments)


def _never(source: str, answering: Answering, packets: Sequence[Packet]) -> dict[str, str]:
    """By sensor, why this source has none of its replies; empty where it may have some."""
    answered = {each.sensor for each in packets if each.verified}
    private = PRIVATE_SOURCE if is_private(source) else ""
    return {
        sensor: "this source is never answered" if answering.is_never_answered(source, sensor)
        else "" if sensor in answered else private
        for sensor in {each.sensor for each in packets}
    }  # fmt: skip


def _policy(packet: Packet, answers: RecordedPolicy, is_accepted: bool) -> int | None:
    """Of a packet's port; None where it isn't known. Where a connection was accepted, whatever else isn't known, data
    are taken to have been acknowledged."""
    if packet.verified is None or answers.ports is None:
        return POLICY_ACK if is_accepted else None
    return int(answers.ports[packet.destination_port or 0])


def _to_echo(packet: Packet, told: str, answers: RecordedPolicy) -> Verdict:
    if packet.icmp_type != ECHO_REQUEST or packet.icmp_code != 0 or packet.icmp_rest is None:
        return Verdict(told, None)
    if not answers.echo:
        return Verdict(f"{told}: echo isn't answered here, as far as is recorded", None)
    return Verdict(told, Reply(None, None, None, min(packet.payload_length, ECHOED), "echo reply", False))


def _to_segments(
    packets: Sequence[Packet], places: Sequence[int], limit: int, policies: Sequence[int | None],
    acknowledgments: Acknowledgments, verdicts: list[Verdict],
) -> None:  # fmt: skip
    """The replies to whole TCP packets, by the responder's own rules."""
    chosen = [packets[place] for place in places]

    def column(values: Sequence[int | None]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        return np.array([value or 0 for value in values], np.int64)

    found = replies_to(
        Segments(
            column([each.flags for each in chosen]),
            column([acknowledgments.above[place] for place in places]),
            column([acknowledgments.proof[place] for place in places]),
            column([policies[place] for place in places]),
            column([each.payload_length for each in chosen]),
            column([each.tcp_sequence for each in chosen]),
            column([each.tcp_acknowledgment for each in chosen]),
        ),
        limit,
    )
    rows = zip(*(each.tolist() for each in found), strict=True)
    for place, packet, (kind, flags, sequence, acknowledgment) in zip(places, chosen, rows, strict=True):
        told = verdicts[place].what
        if kind < 0:
            why = refused(packet, policies[place], acknowledgments.above[place])
            verdicts[place] = Verdict(f"{told}: {why}" if why else told, None)
            continue
        own = acknowledgments.own[place] if sequence == NOT_KNOWN else sequence
        why = because(kind, packet, policies[place])
        is_certain = kind == SYNACKS and acknowledgments.received[place]
        options = options_text(options_of(kind, bytes.fromhex(packet.tcp_options or ""), MSS), is_time_known=False)
        verdicts[place] = Verdict(told, Reply(flags, own, acknowledgment, 0, why, is_certain, options))


def _confirm_ends(packets: Sequence[Packet], acknowledgments: Acknowledgments, verdicts: list[Verdict]) -> None:
    """Our FIN is certain where the source acknowledged it, and only one was due before. What is acknowledged again
    tells nothing of a later one."""
    ends: dict[tuple[object, ...], list[int]] = {}
    closed: set[tuple[object, ...]] = set()
    for place, packet in enumerate(packets):
        reply = verdicts[place].reply
        if packet.verified and acknowledgments.above[place] == CLOSED:
            key = (*packet.connection, ((packet.tcp_acknowledgment or 0) - 1) & 0xFFFFFFFF)
            due = [] if key in closed else ends.get(key, [])
            closed.add(key)
            for end in due if len(due) == 1 else []:
                told = verdicts[end].reply
                assert told is not None
                verdicts[end] = verdicts[end]._replace(reply=told._replace(is_certain=True))
        elif reply is not None and packet.is_whole_tcp and (reply.flags or 0) & (FIN | ACK) == FIN | ACK:
            ends.setdefault((*packet.connection, packet.tcp_acknowledgment), []).append(place)


def _confirm_times(packets: Sequence[Packet], verdicts: list[Verdict]) -> None:
    """Acknowledgments and FINs are certain whose time the source sent back. (A SYN-ACK's number has to be known.)"""
    timed = ["TS val" in (verdict.reply.options or "") if verdict.reply else False for verdict in verdicts]
    for place, has_it in enumerate(with_times_sent_back(packets, timed)):
        reply = verdicts[place].reply
        if has_it and reply is not None and not (reply.flags or 0) & SYN:
            verdicts[place] = verdicts[place]._replace(reply=reply._replace(is_certain=True))
