"""The question of `storage`: parameters, estimates, columns."""

from __future__ import annotations

from ims.analyse.question import RANGE, Analysis, Column, Quantity
from ims.query.verbs import BIN, FILTER, Parameter

DAILY = Parameter("bin", "width", BIN.sentence, "WIDTH", "1d", longest=32, examples=("1d",))
A_DAY = "bytes/day"
SMALLER = "times smaller than pcap"
QUESTION = Analysis(
    "storage", "Bytes a day as pcap, compressed, with each payload once a day, and as they are stored here", "Figure 7",
    (FILTER, DAILY, *RANGE),
    (
        Quantity("pcap", A_DAY, "all packets in full, as `ims export pcap` writes them"),
        Quantity("pcap_zst", SMALLER, "the same compressed by zstd (level 3), of a sample"),
        Quantity("signatures", SMALLER, "the paper's scheme: headers and signatures, each payload once a day"),
        Quantity("stored", SMALLER, "the files of the store or lake"),
    ),
    (
        Column("time", "moment", "begin of the bin"),
        Column("packets", "count", "packets in it"),
        Column("pcap", "number", "bytes of them as pcap"),
        Column("pcap_zst", "number", "bytes as compressed pcap; null where no sample could be taken"),
        Column("pcap_zst_low", "number", "lower end of its interval"),
        Column("pcap_zst_high", "number", "upper end of its interval"),
        Column("signatures", "number", "bytes with each payload once a day"),
        Column("stored", "number", "bytes of files here; null with a filter"),
    ),
    (
        Column("time", "moment", "begin of the bin"),
        Column("seconds", "number", "how long anything was watched in it"),
        Column("form", "text", "pcap, pcap.zst, signatures or stored"),
        Column("bytes", "number", "bytes of the bin in this form"),
        Column("low", "number", "lower end of its interval, of a sample"),
        Column("high", "number", "upper end of its interval, of a sample"),
    ),
    ("ims analyse storage --store STORE --figure storage.svg",
     "ims analyse storage --bin 1h --store STORE --format json",
     "ims analyse storage 'udp' --store STORE --plot"),
)  # fmt: skip
