"""The verbs: one table of their parameters and of their answers' columns.

Command line, API and docs/verbs.md are made from it; tests compare it with Python's methods (verb_methods.py), the
types of a request (request.py) and answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from ims.query.bins import UNITS

VerbName = Literal[
    "count", "series", "top", "packets", "payloads", "sources", "chain", "local",
    "sightings", "novelty", "cache", "storage", "coverage", "darknet",
]  # fmt: skip
MOST_ROWS, MOST_DETAILED = 10_000_000, 10_000
"""Most rows of an answer; of verbs that describe each row by itself."""


@dataclass(frozen=True)
class Parameter:
    """A verb's parameter, or an analysis's. `metavar`: a value's name; `field`: the Request's, if that differs
    (`chain`: that field's own field of this name); `longest`: characters; `most`: of `texts`. `files`: paths on the
    asker's own machine, which a portal takes from nobody."""

    name: str
    kind: Literal["text", "texts", "moment", "width", "count", "number", "flag", "files"]
    sentence: str
    metavar: str = ""
    default: str | float | bool | None = None
    required: bool = False
    field: str = ""
    longest: int = 64
    most: int = 1
    examples: tuple[Any, ...] = ()

    @property
    def word(self) -> str:
        """Its name among make_request's words."""
        return self.name if self.field == "chain" else self.field or self.name


FILTER = Parameter(
    "filter", "text", "tcpdump's language, see docs/filter.md; all without one.", "[FILTER]", longest=4096,
    examples=("tcp dst port 445 and category scan",),
)  # fmt: skip
WATCHING = Parameter(
    "filter", "text", "Only the blocks and sensors that it can match (`block NAME`, `sensor NAME`); all without one.",
    "[FILTER]", longest=4096, examples=("block C/24",),
)  # fmt: skip
SINCE = Parameter(
    "since", "moment", "First moment: ISO 8601, UTC unless it says, or seconds, ms, us or ns since 1970.", "T",
    examples=("2026-03-04", 1772582400),
)  # fmt: skip
UNTIL = Parameter("until", "moment", "First moment no longer taken.", "T", examples=("2026-03-05T12:00", 1772712000000))
BIN = Parameter("bin", "width", f"Width of a bin: a number and {UNITS}.", "WIDTH", "1h", longest=32, examples=("1h",))
_GROUPS = "A column, block, sensor, /8, source/N"
GROUP = Parameter("group", "text", f"{_GROUPS} or destination/N.", "COLUMN", examples=("block",))
COLUMN = Parameter(
    "column", "text", f"{_GROUPS}, ...", "COLUMN", required=True, field="group", examples=("destination_port",),
)  # fmt: skip
METRIC = Parameter(
    "metric", "text",
    "packets, bytes, bytes_capped (1,500 of a packet at most), sources, destinations, payloads or new_payloads.",
    "METRIC", default="packets", examples=("sources",),
)  # fmt: skip
WATCHED = Parameter("group", "text", "block or sensor.", "COLUMN", examples=("block",))
FIRST = Parameter(
    "first", "text", "The first step: a filter, as in 'tcp dst port 135 and payload'.", "FILTER", required=True,
    field="chain", longest=4096, examples=("tcp dst port 135 and payload",),
)  # fmt: skip
THEN = Parameter(
    "then", "texts", "The next step: a filter; may be repeated, in order.", "FILTER", required=True, field="chain",
    longest=4096, most=4, examples=(["tcp dst port 4444 and payload"],),
)  # fmt: skip
WITHIN = Parameter(
    "within", "width", "At most so long from each step to the next: a number and ms, s, m (minutes), h, d or w.",
    "WIDTH", "10m", field="chain", longest=32, examples=("10m",),
)  # fmt: skip
AT = Parameter(
    "at", "text", "Where all steps have to arrive: at one dark address, at one sensor, or anywhere.", "PLACE",
    "address", field="chain", examples=("sensor",),
)  # fmt: skip
EACH_BIN = Parameter(
    "bin", "width", f"A row for each bin in which it was done: a number and {UNITS}; one for all without it.", "WIDTH",
    field="chain", longest=32, examples=("1h",),
)  # fmt: skip
PLACES = Parameter("group", "text", "Where places are told apart: block (the default) or sensor.", "COLUMN",
                   examples=("sensor",))  # fmt: skip
FRESH = Parameter(
    "fresh", "moment", "Payloads count from this moment on; those that came in the range before it aren't new.", "T",
    examples=("2026-03-04",),
)  # fmt: skip
ONLY = Parameter(
    "only", "text", "Only what came to this block, and to no other; with --group sensor, to this sensor.", "NAME",
    longest=256, examples=("C/24",),
)  # fmt: skip
PER_24 = Parameter("per_24", "flag", "Divide by the size of what was watched, in /24s.", default=False)


@dataclass(frozen=True)
class Verb:
    """One verb. `columns`: of its answer, where `{group}` is the group's name; None: those of packets in
    docs/records.md. `rows`: the most without a limit; None: all. `most_rows`: the highest limit. `viewers`: whether
    they may use it (with noisy sums: portal/privacy/viewer_policy.py); analysts may use those of redact_analyst.SHOWN,
    operators all. `one`: the answer is one row. `commands`: examples; `detail`: more text of the command's help."""

    name: VerbName
    sentence: str
    parameters: tuple[Parameter, ...]
    columns: tuple[str, ...] | None
    example: Mapping[str, Any]
    commands: tuple[str, ...]
    rows: int | None = None
    most_rows: int = MOST_ROWS
    viewers: bool = False
    one: bool = False
    detail: str = ""
    by_name: Mapping[str, Parameter] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", MappingProxyType({each.name: each for each in self.parameters}))


def _limit(rows: int) -> Parameter:
    return Parameter("limit", "count", f"At most so many rows; {rows:,} without it.", "N", examples=(10,))


_RANGE = (SINCE, UNTIL)
_MOMENT, _LATER = "2026-03-04T05:00:00.000000Z", "2026-03-04T05:59:59.000000Z"
_TABLE = (
    Verb(
        "count",
        "How many packets, bytes, sources, destinations, payloads and signatures; the first and the last arrival",
        (FILTER, *_RANGE),
        ("packets", "bytes", "sources", "destinations", "payloads", "signatures", "first", "last"),
        {"packets": 3000, "bytes": 180_000, "sources": 1200, "destinations": 256, "payloads": 900, "signatures": 40,
         "first": _MOMENT, "last": _LATER},
        ("ims query count --store STORE",
         "ims query count 'tcp dst port 445 and tcp[tcpflags] & tcp-syn != 0' --store STORE --format json"),
        viewers=True, one=True,
    ),
    Verb(
        "series", "A value for each bin of time",
        (FILTER, BIN, GROUP, METRIC, PER_24, *_RANGE, _limit(1_000_000)), ("time", "{group}", "value"),
        {"time": _MOMENT, "value": 125},
        ("ims query series --bin 5m --store STORE",
         "ims query series 'udp dst port 1434' --bin 1h --group block --per-24 --store STORE",
         "ims query series --group /8 --metric sources --store STORE --format csv"),
        rows=1_000_000, viewers=True,
        detail="Without a group, bins in which nothing came are shown as 0 while they are at most 86,400.",
    ),
    Verb(
        "top", "The values of a column with the most packets, or the most of another metric",
        (COLUMN, FILTER, METRIC, PER_24, *_RANGE, _limit(10)), ("{group}", "value"),
        {"destination_port": 445, "value": 812},
        ("ims query top destination_port --store STORE",
         "ims query top source/16 'category scan' --metric destinations --limit 20 --store STORE"),
        rows=10, viewers=True,
    ),
    Verb(
        "packets", "The packets themselves, oldest first",
        (FILTER, *_RANGE, _limit(100)), None,
        {"time": "2026-03-04T05:00:00.000000000Z", "sensor": "a", "block": "C/24", "source": "203.0.113.9"},
        ("ims query packets 'icmp' --limit 3 --store STORE", "ims query packets --store STORE --format json"),
        rows=100,
        detail="They have every column of docs/records.md; a table on a terminal a line of each. Exports give all.",
    ),
    Verb(
        "payloads", "The payloads that came most often, with a hexdump",
        (FILTER, *_RANGE, _limit(10)),
        ("signature", "number", "length", "packets", "sources", "first_seen", "last_seen", "ever_first_seen", "ports",
         "truncated", "payload", "text", "hexdump"),
        {"signature": "a0aa4a74b70cbca5a03960df1a3dc878", "number": 1, "length": 376, "packets": 70, "sources": 61},
        ("ims query payloads 'tcp dst port 80' --limit 3 --store STORE",
         "ims query payloads --payload a0aa4a74 --out payload.bin --store STORE"),
        rows=10, most_rows=MOST_DETAILED,
        detail="What they hold is hostile: it is shown, never run. On the command line --payload and --out write one "
        "to a file; in Python `payload` gives one.",
    ),
    Verb(
        "sources", "The sources with the most packets, and what they tried",
        (FILTER, *_RANGE, _limit(20)),
        ("source", "packets", "bytes", "destinations", "ports", "payloads", "first", "last", "verified"),
        {"source": "203.0.113.9", "packets": 40, "bytes": 1920, "destinations": 12, "ports": [445, 139]},
        ("ims query sources --store STORE", "ims query sources 'tcp dst port 22' --limit 5 --store STORE"),
        rows=20, most_rows=MOST_DETAILED,
    ),
    Verb(
        "chain", "The sources that did steps one after the other, with what they sent in the last one",
        (FILTER, FIRST, THEN, WITHIN, AT, EACH_BIN, *_RANGE, _limit(1_000_000)),
        ("source", "variant", "first", "last", "times"),
        {"source": "203.0.113.9", "variant": "a0aa4a74b70cbca5a03960df1a3dc878", "first": _MOMENT, "last": _LATER,
         "times": 3},
        ("ims query chain --first 'dst port 135 and payload' --then 'dst port 4444 and payload' --store STORE",
         "ims query chain 'block C/24' --first 'dst port 445' --then 'dst port 9996' --within 1m --store STORE"),
        rows=1_000_000,
        detail="Each step arrives later than the one before, by --within at most. A row for each source and each "
        "payload of the last step (variant: its signature; none, where that has no payload): when that step first and "
        "last arrived after the others, and how often. The filter restricts all steps.",
    ),
    Verb(
        "local", "How much came from sources in the own /16 and /8 of what they sent to, by block",
        (FILTER, *_RANGE),
        ("block", "near", "packets", "sources", "squares", "most"),
        {"block": "C/24", "near": "/16", "packets": 160, "sources": 4, "squares": 9800.0, "most": 80},
        ("ims query local --store STORE", "ims query local 'tcp dst port 445' --store STORE --format csv"),
        rows=100_000,
        detail="near: source and destination are in the same /16; else in the same /8; else elsewhere; and all of "
        "them. squares: of the packets of each source, added up, which says how far chance may change their sum; most: "
        "the packets of one source. A source counts at each sensor. A block without a name is all of them together.",
    ),
    Verb(
        "sightings", "The payloads never seen before, and to which blocks (or sensors) each came in turn",
        (FILTER, PLACES, ONLY, FRESH, *_RANGE, _limit(1000)),
        ("signature", "first", "sensor", "block", "packets", "sources", "blocks", "sensors", "second_sensor",
         "second_block", "second_delay", "third_sensor", "third_block", "third_delay", "last", "length", "text"),
        {"signature": "a0aa4a74b70cbca5a03960df1a3dc878", "first": _MOMENT, "sensor": "a", "block": "C/24",
         "packets": 70, "sources": 61, "blocks": 2, "sensors": 1, "second_block": "D/24", "second_delay": 90.5},
        ("ims query sightings --fresh 2026-03-04T06:00 --store STORE",
         "ims query sightings 'tcp dst port 80' --group sensor --store STORE --format json",
         "ims query sightings --only C/24 --store STORE"),
        rows=1000,
        detail="Never seen before: by no sensor in the range before --fresh, nor, of those that got it, since they "
        "began to remember. Those that came to the most places are first, of these those with the most packets. The "
        "second and the third place are those to which it came next, so many seconds after the first. Sources, and "
        "text, which is how a payload begins, are of the first 1,000 rows. What payloads hold is hostile: text is "
        "printable.",
    ),
    Verb(
        "novelty",
        "How many payloads never seen before came in each bin of time, and how soon to a second and a third place",
        (FILTER, BIN, PLACES, FRESH, *_RANGE, _limit(1_000_000)),
        ("time", "place", "second", "second_delay", "third", "third_delay", "payloads", "packets"),
        {"time": _MOMENT, "place": "C/24", "second": "D/24", "second_delay": 90, "payloads": 4, "packets": 70},
        ("ims query novelty --bin 1d --store STORE",
         "ims query novelty 'udp' --group sensor --store STORE --format csv"),
        rows=1_000_000,
        detail="A row for each bin, the block (or sensor) to which they came first, and the places to which they came "
        "next, with the whole seconds after which they did; none where they came to no other.",
    ),
    Verb(
        "cache", "How often a payload had been seen that day (Figure 8 of the paper), with and without ICMP errors",
        (FILTER, BIN, *_RANGE),
        ("time", "payloads", "hits", "hit_rate", "payloads_without_icmp_errors", "hits_without_icmp_errors",
         "hit_rate_without_icmp_errors"),
        {"time": _MOMENT, "payloads": 300, "hits": 288, "hit_rate": 0.96},
        ("ims query cache --store STORE", "ims query cache 'tcp' --bin 1d --store STORE --format csv"),
        rows=1_000_000, viewers=True,
    ),
    Verb(
        "storage", "How many bytes packets and payloads have, and how many the files take that they are stored in",
        (FILTER, BIN, *_RANGE),
        ("time", "packets", "bytes", "payloads", "payload_bytes", "new_payloads", "new_bytes", "truncated",
         "stored_packets", "stored_bytes"),
        {"time": _MOMENT, "packets": 3000, "bytes": 180_000, "payloads": 900, "payload_bytes": 50_000,
         "new_payloads": 40, "new_bytes": 4_000, "truncated": 0, "stored_packets": 3000, "stored_bytes": 60_000},
        ("ims query storage --bin 1d --store STORE", "ims query storage 'tcp' --bin 1h --store STORE --format csv"),
        rows=1_000_000,
        detail="Files are of whole hours and all packets: stored_packets and stored_bytes are of all that came in the "
        "hours that begin in a bin, whatever the filter takes.",
    ),
    Verb(
        "coverage", "What was watched, and when, and what is known to be missing",
        _RANGE,
        ("sensor", "block", "prefix", "policy", "since", "until", "frames_lost", "payloads_lost"),
        {"sensor": "a", "block": "C/24", "policy": "ack", "since": _MOMENT, "until": _MOMENT, "frames_lost": 0},
        ("ims query coverage --store STORE",), viewers=True,
    ),
    Verb(
        "darknet",
        "How many addresses were watched, how many of them answered, and for how long, in each bin of time",
        (WATCHING, BIN, WATCHED, *_RANGE, _limit(1_000_000)),
        ("time", "{group}", "addresses", "answering", "seconds"),
        {"time": _MOMENT, "addresses": 256.0, "answering": 256.0, "seconds": 3600.0},
        ("ims query darknet --store STORE", "ims query darknet --bin 1d --group block --store STORE --format csv",
         "ims query darknet 'block C/24 or sensor a' --store STORE"),
        rows=1_000_000, viewers=True,
        detail="Both are means of distinct addresses over the seconds of the bin in which any was watched, which is "
        "what --per-24 divides by; bins without any have no row. An address answers if a responder ran for it under "
        "any policy but silent.",
    ),
)  # fmt: skip
VERBS: Mapping[VerbName, Verb] = MappingProxyType({verb.name: verb for verb in _TABLE})
DEFAULT_LIMITS: dict[str, int] = {verb.name: verb.rows for verb in _TABLE if verb.rows is not None}
"""Verb -> rows of an answer without a limit. Answers of other verbs are whole."""
