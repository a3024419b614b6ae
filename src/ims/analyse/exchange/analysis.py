"""One source's packets and our replies, beside what a passive monitor would have seen (paper, section 2.2, Figure 4).

A store has what came, not what was sent: replies are made again by the responder's own rules (respond/reply.py), from
the packets, the policies that coverage tells, and the cookies that the source acknowledged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ims import arrow
from ims.analyse.analyses import ANALYSES
from ims.analyse.exchange.answering import Answering, answering_of
from ims.analyse.exchange.connections import connections_of
from ims.analyse.exchange.figure import figure, plot
from ims.analyse.exchange.packets import Packet, packets_of, protocol_name
from ims.analyse.exchange.passive import NO, YES, seen_passively
from ims.analyse.exchange.replies import Exchange, replies_of
from ims.analyse.execution import Finding
from ims.analyse.options import Options
from ims.analyse.questions.exchange import MOST_PACKETS, OF_PACKETS, REPLIES, USUAL_LIMIT
from ims.analyse.result import Estimate, schema
from ims.packet.field_values import FLAG_LETTERS
from ims.query.errors import NotShownError, QuestionError
from ims.text import quantity

if TYPE_CHECKING:
    from ims.analyse.evidence import Evidence

__all__ = ["Data", "data", "figure", "model", "plot"]
ANALYSIS = ANALYSES["exchange"]
CERTAIN = 1.0
"""Level of bounds that chance has no part in: nothing is drawn from a larger number."""
_SHARE = "bounds, not chance: low as cookies show, high with what came after a payload at the same address"
_SENT = "bounds, not chance: low as the source acknowledged or sent times back, high as the responder's rules have"


@dataclass(frozen=True)
class Data:
    """The source, its packets in the order of time, what answered where, and how many packets were left out."""

    source: str
    packets: Sequence[Packet]
    answering: Answering
    left_out: int = 0


def data(evidence: Evidence, options: Options) -> Data:
    """The packets and what answered."""
    limit = USUAL_LIMIT if options.values["limit"] is None else options.values["limit"]
    if not 1 <= limit <= MOST_PACKETS:
        raise QuestionError(f"limit {limit}: expected 1 to {MOST_PACKETS:,} packets")
    answer = evidence.first_packets(limit)
    if "destination" not in answer.table.column_names:
        raise NotShownError(f"exchange isn't shown to your role: {ANALYSIS.refusal}")
    packets = packets_of(answer.table)
    pairs = [(each.sensor, each.block) for each in packets]
    left_out = max(answer.record.matching - len(packets), 0)
    return Data(options.values["source"], packets, answering_of(evidence.coverage.table, pairs), left_out)


def model(data: Data) -> Finding:
    """Packets and replies, and what a passive monitor would have seen of them."""
    if not data.packets:
        note = (
            "no packet of this source came in this range, or the filter takes none: there is nothing to estimate from"
        )
        return Finding({}, _table([], ANALYSIS.columns), _table([], ANALYSIS.series), (note,))
    replies = replies_of(data.packets, data.source, data.answering)
    passive = seen_passively(data.packets, replies)
    rows = [
        row
        for packet, verdict, seen in zip(data.packets, replies.verdicts, passive, strict=True)
        for row in _rows(packet, verdict, seen)
    ]
    series = connections_of(data.packets, replies)
    found = Finding(
        _estimates(data.packets, replies, passive),
        _table(rows, ANALYSIS.columns), _table(series, ANALYSIS.series), tuple(_notes(data, replies, passive)),
    )  # fmt: skip
    return found


def _table(rows: list[dict[str, Any]], columns: Any) -> pa.Table:
    return arrow.table(rows, schema(columns))


def _rows(packet: Packet, verdict: Any, seen: str) -> list[dict[str, Any]]:
    """A row of the packet, and one of the reply if it has one."""
    shared = {
        "time": packet.time, "block": packet.block, "destination": packet.destination,
        "source_port": packet.source_port, "destination_port": packet.destination_port,
        "protocol": protocol_name(packet.protocol),
    }  # fmt: skip
    found = [shared | {
        "sender": "source", "flags": _letters(packet.tcp_flags), "sequence": packet.tcp_sequence,
        "acknowledgment": packet.tcp_acknowledgment, "options": packet.options, "length": packet.payload_length,
        "signature": packet.signature,
        "passive": seen, "why": verdict.what, "certain": YES,
    }]  # fmt: skip
    reply = verdict.reply
    if reply is not None:
        found.append(shared | {
            "sender": "sensor", "flags": _letters(reply.flags), "sequence": reply.sequence,
            "acknowledgment": reply.acknowledgment, "options": reply.options, "length": reply.length, "signature": None,
            "passive": NO, "why": reply.why, "certain": YES if reply.is_certain else NO,
        })  # fmt: skip
    return found


def _letters(flags: int | None) -> str | None:
    if flags is None:
        return None
    return "".join(letter for bit, letter in enumerate(FLAG_LETTERS) if flags >> bit & 1)


def _estimates(packets: Sequence[Packet], replies: Exchange, passive: Sequence[str]) -> dict[str, Estimate]:
    """Bounds of what can be known; nothing here is a matter of chance."""
    count = len(packets)
    shown = sum(bool(packet.verified) for packet in packets) / count
    elicited, at_most = passive.count(NO) / count, (count - passive.count(YES)) / count
    sent = [verdict.reply for verdict in replies.verdicts if verdict.reply is not None]
    certain, unknown = sum(reply.is_certain for reply in sent), sum(each.is_open for each in replies.verdicts)
    high = float(len(sent) + unknown)
    return {
        "elicited": Estimate(elicited, min(shown, elicited), at_most, OF_PACKETS, _SHARE, CERTAIN),
        "replies": Estimate(float(len(sent)), float(certain), high, REPLIES, _SENT, CERTAIN),
    }


def _notes(data: Data, replies: Exchange, passive: Sequence[str]) -> list[str]:
    """What was assumed, and what is missing."""
    notes = []
    if data.left_out:
        notes.append(
            f"cut: the first {quantity(len(data.packets), 'packet')}, up to "
            f"{_moment(data.packets[-1].time)}; {data.left_out:,} later ones are left out (--limit N gives more)"
        )
    if any(verdict.reply is not None for verdict in replies.verdicts):
        notes.append(
            "replies are made again by the responder's rules; limits of rate, excluded sources and a full ring, which "
            "keep a reply back, aren't recorded: certain is what the source acknowledged, or whose time it sent back"
        )
    recorded = [each for each in data.packets if each.verified is not None]
    if len(recorded) < len(data.packets):
        answered = any(
            accepted and each.verified is None
            for each, accepted in zip(data.packets, replies.acknowledgments.acknowledged, strict=True)
        )
        notes.append(
            "no responder is recorded for "
            + ("any of the packets" if not recorded else f"{len(data.packets) - len(recorded):,} of the packets")
            + ("; where the source acknowledged something, one is assumed, with policy ack" if answered else "")
        )
    if data.answering.is_by_unknown_port:
        notes.append("a policy by port that was recorded without its ports is known only where a source acknowledged")
    if "perhaps" in passive:
        notes.append("passive is perhaps where the source had delivered a payload to the same address before")
    if any(packet.is_syn for packet in data.packets):
        notes.append("SYNs that a system sends again because nobody answers aren't made up for the passive monitor")
    return notes


def _moment(micros: int) -> str:
    return f"{arrow.EPOCH + timedelta(microseconds=micros):%Y-%m-%d %H:%M:%S} UTC"
