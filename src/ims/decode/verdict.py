"""Counters: what became of each frame. Every frame is in exactly one of EXCLUSIVE; the rest are sub-counters."""

from __future__ import annotations

EXCLUSIVE = ("stored", "outside", "not_ipv4", "malformed", "unsupported_link")
SUB_COUNTERS = ("arp", "ipv6", "unwrapped", "fragments", "truncated", "transport_malformed", "checksum_wrong",
                "resets_undecided", "tunnel_fragments")  # fmt: skip
COUNTERS = ("frames", *EXCLUSIVE, *SUB_COUNTERS)
"""Names in the order of the counters' array."""

FRAMES, STORED, OUTSIDE, NOT_IPV4, MALFORMED, UNSUPPORTED_LINK = range(6)
ARP, IPV6, UNWRAPPED, FRAGMENTS, TRUNCATED, TRANSPORT_MALFORMED, CHECKSUM_WRONG, RESETS_UNDECIDED = range(6, 14)
TUNNEL_FRAGMENTS = 14

MEANING = {
    "frames": "frames that the source yielded",
    "stored": "packets to a monitored address",
    "outside": "IPv4 packets to other addresses",
    "not_ipv4": "frames that carry something else (`arp` and `ipv6` are among them)",
    "malformed": "frames whose link header or IPv4 header is broken, or cut before its options; nothing after the "
    "error is trusted",
    "unsupported_link": "frames of a link type that we can't read",
    "arp": "ARP frames",
    "ipv6": "IPv6 frames",
    "unwrapped": "packets taken out of a tunnel",
    "fragments": "stored packets that are fragments",
    "truncated": "stored packets that the capture cut",
    "transport_malformed": "stored packets whose TCP, UDP or ICMP header is cut or lies about its length; what of it "
    "is there is stored",
    "checksum_wrong": "stored packets with a wrong checksum",
    "resets_undecided": "stored RSTs, taken for `backscatter`, of which it isn't known whether a SYN of the same "
    "addresses and ports came up to 10 s before with the number before its own (others took its place in the table, or "
    "the capture began later, or one came with another number)",
    "tunnel_fragments": "later fragments to other addresses (among `outside`) that may be of a tunnel to be unwrapped: "
    "what they hold of inner packets is lost. The first fragment gives its inner packet, as truncated. All of UDP "
    "count where a tunnel over UDP is unwrapped, for they have no ports",
}

# What a link or tunnel kernel returns instead of the offset of an IPv4 header: the negative number of a counter, ...
IS_NOT_IPV4, IS_ARP, IS_IPV6, IS_MALFORMED, IS_UNSUPPORTED = -NOT_IPV4, -ARP, -IPV6, -MALFORMED, -UNSUPPORTED_LINK
IS_NO_TUNNEL = -len(COUNTERS)
IS_TYPE = IS_NO_TUNNEL - 1
"""... or this less an Ethernet type: not IPv4, but that."""
