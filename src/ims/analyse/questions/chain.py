"""The question of `chain`: parameters, estimates, columns."""

from __future__ import annotations

from ims.analyse.question import HOUR, RANGE, Analysis, Column, Quantity
from ims.query.verbs import AT, FILTER, FIRST, THEN, WITHIN

QUESTION = Analysis(
    "chain", "Hosts identified by steps that they do one after the other, and their variants", "Section 3.2",
    (FILTER, FIRST, THEN, WITHIN, AT, HOUR, *RANGE),
    (Quantity("sources", "sources", "hosts that did it, with those not seen here, at least"),),
    (
        Column("source", "text", "the host"),
        Column("first", "moment", "when its last step first arrived after the others"),
        Column("last", "moment", "when it did so for the last time"),
        Column("variant", "text", "signature of the last step's payload; 'no payload' without one"),
        Column("times", "count", "how often it did so"),
    ),
    (
        Column("time", "moment", "begin of the bin"),
        Column("variant", "text", "as in rows, of those with the most hosts; 'all': all together"),
        Column("seconds", "number", "how long anything was watched in it"),
        Column("sources", "count", "distinct hosts that did it"),
        Column("new", "count", "those of them that hadn't before"),
    ),
    ("ims analyse chain --first 'dst port 135 and payload' --then 'dst port 4444 and payload' --store STORE",
     "ims analyse chain --rule blaster.toml --bin 5m --store STORE --figure chain.svg",
     "ims analyse chain --first 'tcp dst port 445' --then 'tcp dst port 9996' --at sensor --store STORE --plot"),
    rule=True,
    detail="--first and --then are filters; each step arrives later than the one before, by --within at most. Or "
    "give them, and other words of the question, in a file: --rule FILE, in TOML.",
)  # fmt: skip
