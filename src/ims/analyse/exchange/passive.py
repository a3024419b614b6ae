"""Which of a source's packets a monitor would have seen that answers nothing (paper, Figure 4c).

It sees what comes unasked: UDP, ICMP, SYNs. It doesn't see what belongs to a connection that was accepted. Whether a
source that had delivered its payload would have come on another port without that isn't known: Blaster's SYN to port
4444 follows its request on port 135. The SYNs that a system sends again because nobody answers, usually after 3 and 9
seconds, came only where nobody answered, and aren't made up here.
"""

from __future__ import annotations

from collections.abc import Sequence

from ims.analyse.exchange.packets import Packet
from ims.analyse.exchange.replies import Exchange

YES, NO, PERHAPS = "yes", "no", "perhaps"


def seen_passively(packets: Sequence[Packet], replies: Exchange) -> list[str]:
    """YES, NO or PERHAPS of each packet."""
    found = []
    answered: set[tuple[object, ...]] = set()
    spoken: dict[tuple[str, str], set[tuple[object, ...]]] = {}
    for packet, verdict, accepted in zip(packets, replies.verdicts, replies.acknowledgments.acknowledged, strict=True):
        connection, place = packet.connection, (packet.sensor, packet.destination)
        if packet.is_whole_tcp and not packet.is_syn and (accepted or connection in answered):
            found.append(NO)
        else:
            others = spoken.get(place, set())
            found.append(PERHAPS if len(others) > (connection in others) else YES)
        if accepted and packet.payload_length and packet.acknowledges:
            spoken.setdefault(place, set()).add(connection)
        if accepted or (packet.is_syn and verdict.reply is not None):
            answered.add(connection)
    return found
