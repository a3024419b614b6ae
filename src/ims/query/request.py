"""A question, typed: what is asked of a store, never SQL. Validated here, so that plans need not doubt it."""

from __future__ import annotations

import difflib
import re
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from ims.query.bins import LONGEST_US, bin_origin, bin_width
from ims.query.limits import DEFAULT_LIMITS
from ims.query.moment import CALENDAR_US, moment
from ims.query.wrong import QuestionError, said_of
from ims.records import PACKETS

Verb = Literal["count", "series", "top", "packets", "payloads", "sources", "cache", "coverage"]
METRICS = ("packets", "bytes", "bytes_capped", "sources", "destinations", "payloads", "new_payloads")
NOT_GROUPS = ("time", "time_ns", "tcp_options")
GROUPS = ("sensor", *(column.name for column in PACKETS if column.name not in NOT_GROUPS))
_PREFIX = re.compile(r"(source|destination)?/([0-9]{1,2})")
MOST_DETAILED = 10_000
MOST_ROWS = 10_000_000
Moment = Annotated[int, Field(ge=CALENDAR_US[0], lt=CALENDAR_US[1])]
"""Microseconds since the epoch."""


def _one_of(kind: str, text: str, wanted: tuple[str, ...]) -> str:
    if text in wanted:
        return text
    near = difflib.get_close_matches(text, wanted, 1)
    hint = f"meant {near[0]}? " if near else ""
    raise QuestionError(f"no {kind} {text!r}; {hint}wanted one of: {', '.join(wanted)}")


class Prefix(BaseModel):
    """Grouping by the first `bits` bits of an address."""

    model_config = ConfigDict(frozen=True)
    address: Literal["source", "destination"]
    bits: int = Field(ge=1, le=32)


class Request(BaseModel):
    """One question. `since` and `until` (not inside), `bin` and `origin` are microseconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    verb: Verb
    filter: str = Field(default="", max_length=4096)
    since: Moment | None = None
    until: Moment | None = None
    bin: int = Field(default=3_600_000_000, gt=0, le=LONGEST_US)
    origin: int | None = Field(default=None, ge=0, le=LONGEST_US)
    """where bins begin, if not at multiples of their width: of whole weeks a Monday. (None, as it was before there was
    this key, isn't sent, so that only those who don't know it refuse weeks.)"""
    group: str | None = None
    metric: str = "packets"
    limit: int = Field(default=0, ge=0, le=MOST_ROWS)
    per_24: bool = False

    @field_validator("metric")
    @classmethod
    def _known_metric(cls, text: str) -> str:
        return _one_of("metric", text, METRICS)

    @field_validator("group")
    @classmethod
    def _known_group(cls, text: str | None) -> str | None:
        if text is None:
            return None
        match = _PREFIX.fullmatch(text)
        if match:
            if not 1 <= int(match[2]) <= 32:
                raise QuestionError(f"prefix {text!r}: wanted /1 to /32")
            return f"{match[1] or 'source'}/{int(match[2])}"
        return _one_of("column", text, GROUPS)

    @model_validator(mode="after")
    def _consistent(self) -> Request:
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise QuestionError("--since must be before --until")
        if self.verb == "top" and self.group is None:
            raise QuestionError(f"top of what? wanted one of: {', '.join(GROUPS)}, source/N, destination/N")
        return self

    @model_validator(mode="after")
    def _answerable(self) -> Request:
        if self.verb in ("payloads", "sources") and self.limit > MOST_DETAILED:
            raise QuestionError(
                f"--limit {self.limit}: {self.verb} are described one by one; at most {MOST_DETAILED:,}"
            )
        return self

    @property
    def prefix(self) -> Prefix | None:
        """The group as a prefix of an address, if it is one."""
        match = _PREFIX.fullmatch(self.group or "")
        return Prefix(address=match[1], bits=int(match[2])) if match else None  # type: ignore[arg-type]

    @property
    def group_name(self) -> str | None:
        """The group's name in answers: `source/8` is `source_8`."""
        return None if self.group is None else self.group.replace("/", "_")

    @property
    def rows(self) -> int:
        """At most so many rows in the answer."""
        return self.limit or DEFAULT_LIMITS.get(self.verb, 1_000_000)


def make_request(verb: Verb, filter: str | None, **words: Any) -> Request:
    """A Request from words as people give them. Raises QuestionError with one line that says what is wrong."""
    from pydantic import ValidationError

    values = {name: value for name, value in words.items() if value is not None}
    for name in ("since", "until"):
        if name in values:
            given = values[name]
            values[name] = moment(given.isoformat() if isinstance(given, datetime) else str(given))
    if isinstance(values.get("bin"), str | int):
        values["bin"] = bin_width(str(values["bin"]))
        values["origin"] = bin_origin(values["bin"]) or None
    try:
        return Request(verb=verb, filter=filter or "", **values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        ours = isinstance(first.get("ctx", {}).get("error"), QuestionError)
        raise QuestionError(said_of(first) if ours else f"{where}: {said_of(first)}") from None
