"""The words of each verb, as on the command line, and what the OpenAPI document says of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from ims.portal.gate import Asking
from ims.portal.narrowed import Narrowed
from ims.query.answer import Answer
from ims.query.bins import UNITS
from ims.query.filter import LONGEST, parse
from ims.query.limits import DEFAULT_LIMITS
from ims.query.moment import moment
from ims.query.request import Request, Verb, make_request
from ims.query.wrong import QuestionError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LONGEST_MOMENT = 64
"""characters"""


def _whole_as_text(given: Any) -> Any:
    """A moment given as a whole number of JSON, as the command line would have it. Raises QuestionError for what could
    be a slip: true and false, fractions (programs round them), NaN, lists and objects."""
    if type(given) is int:
        text = str(given)
        moment(text)  # what is wrong with a number is said of moments, not of texts
        return text
    if given is None or isinstance(given, str):
        return given
    raise QuestionError(
        f"wanted ISO 8601 in quotes, or a whole number of seconds, milliseconds, microseconds or nanoseconds since "
        f"1970 (a fraction in quotes); found {json.dumps(given)[:LONGEST_MOMENT]}"
    )


Moment = Annotated[
    str | None,
    Field(max_length=LONGEST_MOMENT),
    BeforeValidator(_whole_as_text),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "maxLength": LONGEST_MOMENT},
                {"type": "integer", "minimum": 0},
                {"type": "null"},
            ]
        }
    ),
]
"""Text, or a whole number, which becomes text."""


class Range(BaseModel):
    """[since, until)."""

    model_config = ConfigDict(extra="forbid")

    since: Moment = Field(
        None,
        description="First moment: ISO 8601, UTC unless it says, or seconds, ms, us or ns since 1970, as text or as a "
        "whole number.",
        examples=["2026-03-04", 1772582400],
    )
    until: Moment = Field(
        None, description="First moment no longer taken.", examples=["2026-03-05T12:00", 1772712000000]
    )


class Selected(Range):
    """Packets of a range that a filter takes."""

    filter: str | None = Field(
        None,
        max_length=LONGEST,
        description="tcpdump's language, see docs/filter.md; all without one.",
        examples=["tcp dst port 445 and category scan"],
    )


def _limit(verb: str) -> Any:
    said = f"At most so many rows; {DEFAULT_LIMITS[verb]:,} without it. `answer` says where rows were left out."
    return Field(None, ge=1, le=10_000_000, description=said, examples=[10])


class Packets(Selected):
    """The first packets."""

    limit: int | None = _limit("packets")


class Payloads(Selected):
    """The payloads with the most packets."""

    limit: int | None = _limit("payloads")


class Sources(Selected):
    """The sources with the most packets."""

    limit: int | None = _limit("sources")


_METRIC = Field(
    "packets",
    max_length=64,
    description="packets, bytes, bytes_capped, sources, destinations, payloads or new_payloads.",
    examples=["sources"],
)
_PER_24 = Field(False, description="Divide by the size of what was watched, in /24s.")
_BIN = Field("1h", max_length=32, description=f"Width of a bin: a number and {UNITS}.", examples=["1h"])


class Series(Selected):
    """A value for each bin of time."""

    limit: int | None = _limit("series")
    bin: str = _BIN
    group: str | None = Field(
        None, max_length=64, description="A column, block, sensor, /8, source/N or destination/N.", examples=["block"]
    )
    metric: str = _METRIC
    per_24: bool = _PER_24


class Top(Selected):
    """The values of a column with the most of a metric."""

    limit: int | None = _limit("top")
    column: str = Field(
        max_length=64, description="A column, block, sensor, /8, source/N, ...", examples=["destination_port"]
    )
    metric: str = _METRIC
    per_24: bool = _PER_24


class Binned(Selected):
    """Hits of the payload cache by time."""

    bin: str = _BIN


class Known(NamedTuple):
    """A verb: its words, what it answers, an example row."""

    words: type[Range]
    answers: str
    example: dict[str, Any]


_MOMENT = "2026-03-04T05:00:00.000000Z"
VERBS: dict[Verb, Known] = {
    "count": Known(
        Selected,
        "How many packets, bytes, sources, destinations, payloads and signatures; the first and the last arrival",
        {"packets": 3000, "bytes": 180_000, "sources": 1200, "destinations": 256, "payloads": 900, "signatures": 40,
         "first": _MOMENT, "last": "2026-03-04T05:59:59.000000Z"},
    ),
    "series": Known(Series, "A value for each bin of time", {"time": _MOMENT, "value": 125}),
    "top": Known(
        Top, "The values of a column with the most packets, or another metric", {"destination_port": 445, "value": 812}
    ),
    "packets": Known(
        Packets, "The packets themselves, oldest first, with every column of docs/records.md",
        {"time": "2026-03-04T05:00:00.000000000Z", "sensor": "a", "block": "C/24", "source": "203.0.113.9"},
    ),
    "payloads": Known(
        Payloads, "The payloads that came most often, with a hexdump; what they hold is hostile",
        {"signature": "a0aa4a74b70cbca5a03960df1a3dc878", "number": 1, "length": 376, "packets": 70, "sources": 61},
    ),
    "sources": Known(
        Sources, "The sources with the most packets, and what they tried",
        {"source": "203.0.113.9", "packets": 40, "bytes": 1920, "destinations": 12, "ports": [445, 139]},
    ),
    "cache": Known(
        Binned, "How often a payload had been seen that day (Figure 8 of the paper)",
        {"time": _MOMENT, "payloads": 300, "hits": 288, "hit_rate": 0.96},
    ),
    "coverage": Known(
        Range, "What was watched, and when, and what is known to be missing",
        {"sensor": "a", "block": "C/24", "policy": "ack", "since": _MOMENT, "until": _MOMENT, "frames_lost": 0},
    ),
}  # fmt: skip


def question(verb: Verb, words: Range, role: str, most: int) -> Request:
    """What is asked, typed. Raises QuestionError with one line, as on the command line, and for rows beyond `most`."""
    given = words.model_dump()
    filter = given.pop("filter", None)
    if "column" in given:
        given["group"] = given.pop("column")
    if (given.get("limit") or 0) > most:
        raise QuestionError(f"limit {given['limit']:,}: at most {most:,} rows for {role}s")
    asked = make_request(verb, filter, **given)
    if asked.filter.strip():
        parse(asked.filter)
    if verb == "series" and not asked.limit and most < DEFAULT_LIMITS[verb]:
        asked = asked.model_copy(update={"limit": most + 1})
    return asked


def put(telescope: Asking, asked: Request) -> Answer:
    """Ask a telescope, which hides what the gate says."""
    if isinstance(asked, Narrowed):
        telescope = telescope.hiding(asked.hidden)
    words: dict[str, Any] = {"since": _text(asked.since), "until": _text(asked.until)}
    if asked.verb in ("series", "cache"):
        words["bin"] = f"{asked.bin // 1000}ms"
    if asked.verb in ("series", "top", "packets", "payloads", "sources"):
        words["limit"] = asked.limit or None
    if asked.verb in ("series", "top"):
        words |= {"metric": asked.metric, "per_24": asked.per_24}
    if asked.verb == "coverage":
        return telescope.coverage(**words)
    if asked.verb == "top":
        return telescope.top(asked.group or "", asked.filter or None, **words)
    if asked.verb == "series":
        words["group"] = asked.group
    answer: Answer = getattr(telescope, asked.verb)(asked.filter or None, **words)
    return answer


def _text(micros: int | None) -> str | None:
    return None if micros is None else (EPOCH + timedelta(microseconds=micros)).isoformat()


def range_of(asked: Request) -> dict[str, str | None]:
    """The range as text, for the audit's line and for exports."""
    return {"since": _text(asked.since), "until": _text(asked.until)}
