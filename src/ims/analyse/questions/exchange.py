"""The question of `exchange`: parameters, estimates, columns."""

from __future__ import annotations

from ims.analyse.question import RANGE, Analysis, Column, Quantity
from ims.query.verbs import FILTER, Parameter

SOURCE = Parameter(
    "source", "text", "The source, by its address.", "ADDRESS", required=True, longest=15, examples=("203.0.113.9",)
)
USUAL_LIMIT, MOST_PACKETS = 1000, 10_000
LIMIT = Parameter(
    "limit", "count", f"At most so many of its packets, the oldest; {USUAL_LIMIT:,} without it.", "N", examples=(100,)
)
OF_PACKETS = "of the packets"
REPLIES = "replies"
QUESTION = Analysis(
    "exchange", "One source's packets and our replies, beside what a passive monitor would have seen", "Figure 4",
    (FILTER, SOURCE, LIMIT, *RANGE),
    (
        Quantity("elicited", OF_PACKETS, "share of its packets that came because we answered; low: as our cookies "
                 "show; high: with what may have come because of it"),
        Quantity("replies", REPLIES, "replies that the rules have for its packets; low: what is known to have left"),
    ),
    (
        Column("time", "moment", "arrival of the packet; of a reply, of the packet that it answers"),
        Column("sender", "text", "source or sensor"),
        Column("block", "text", "the block"),
        Column("destination", "text", "our address: which the packet was for, or which answers"),
        Column("source_port", "count", "the source's port, also of a reply, which goes to it"),
        Column("destination_port", "count", "our port, also of a reply, which comes from it"),
        Column("protocol", "text", "icmp, tcp, udp, sctp, or a number"),
        Column("flags", "text", "TCP's flags by their first letters, FIN first"),
        Column("sequence", "count", "sequence number; of a SYN-ACK it is known where the source acknowledged it"),
        Column("acknowledgment", "count", "acknowledgment number"),
        Column("options", "text", "TCP options as tcpdump writes them; the time in a reply's timestamp isn't known: ?"),
        Column("length", "count", "octets of payload"),
        Column("signature", "text", "MD5 of the payload, which itself isn't shown"),
        Column("passive", "text", "whether a monitor that answers nothing would have seen it: yes, no, or perhaps"),
        Column("why", "text", "what the packet is, and why it has no reply; or why the reply is what it is"),
        Column("certain", "text", "yes: it arrived; of a reply, the source acknowledged it or sent its time back; no"),
    ),
    (
        Column("time", "moment", "first packet of a connection, or of the packets between two ports"),
        Column("block", "text", "the block"),
        Column("destination", "text", "our address"),
        Column("protocol", "text", "as in rows"),
        Column("source_port", "count", "the source's port"),
        Column("destination_port", "count", "our port"),
        Column("packets", "count", "packets of the source"),
        Column("replies", "count", "replies that the rules have for them"),
        Column("verified", "count", "packets with our cookie"),
        Column("octets", "count", "of payloads"),
    ),
    ("ims analyse exchange --source 203.0.113.9 --store STORE --plot",
     "ims analyse exchange 'dst port 135 or dst port 4444' --source 203.0.113.9 --store STORE --figure exchange.svg",
     "ims analyse exchange --source 203.0.113.9 --since 2026-03-04T06:00 --limit 100 --store STORE --format json"),
    table=("time", "sender", "destination", "source_port", "destination_port", "protocol", "flags", "length",
           "passive", "why", "certain"),
    detail="Operators only: its rows name monitored addresses.",
    refusal="its rows name monitored addresses; analysts may ask for the packets of 'src host ADDRESS'",
)  # fmt: skip
