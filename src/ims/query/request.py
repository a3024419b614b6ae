"""A typed request to a store, never SQL. Validated here, so that plans can rely on it.

A filter is parsed once, here: portals, sensors and engines get its syntax tree.
"""

from __future__ import annotations

import difflib
import re
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, PrivateAttr, field_validator, model_validator

from ims.moved import earlier_name
from ims.query.bins import LONGEST_US, bin_origin, bin_width
from ims.query.chain import WORDS, Chain, chain_of
from ims.query.condition import Condition, parsed
from ims.query.errors import QuestionError, said_of
from ims.query.language.syntax_tree import Expression
from ims.query.moment import CALENDAR_US, moment
from ims.query.verbs import DEFAULT_LIMITS, MOST_ROWS, VERBS, VerbName
from ims.records import PACKETS

METRICS = ("packets", "bytes", "bytes_capped", "sources", "destinations", "payloads", "new_payloads")
NOT_GROUPS = ("time", "time_ns", "tcp_options")
GROUPS = ("sensor", *(column.name for column in PACKETS if column.name not in NOT_GROUPS))
WATCHED_GROUPS = ("block", "sensor")
"""Groups of addresses as they are watched, whatever is sent to them."""
_PREFIX = re.compile(r"(source|destination)?/([0-9]{1,2})")
Ranges = tuple[tuple[int, int], ...]
"""First and last addresses: in order, none touching the next."""
Moment = Annotated[int, Field(ge=CALENDAR_US[0], lt=CALENDAR_US[1])]
"""Microseconds since the epoch."""


def _one_of(kind: str, text: str, known: tuple[str, ...]) -> str:
    if text in known:
        return text
    near = difflib.get_close_matches(text, known, 1)
    hint = f"meant {near[0]}? " if near else ""
    raise QuestionError(f"no {kind} {text!r}; {hint}expected one of: {', '.join(known)}")


class Prefix(BaseModel, frozen=True):
    """Grouping by the first `bits` bits of an address."""

    address: Literal["source", "destination"]
    bits: int = Field(ge=1, le=32)


class Request(BaseModel):
    """One request. `since` and `until` (excluded), `bin` and `origin` are microseconds; `filter` is a syntax tree (text
    becomes one). Users' words become one by `make_request`."""

    model_config = {"frozen": True, "extra": "forbid"}

    verb: VerbName
    filter: Condition = None
    since: Moment | None = None
    until: Moment | None = None
    bin: int = Field(default=3_600_000_000, gt=0, le=LONGEST_US)
    origin: int | None = Field(default=None, ge=0, le=LONGEST_US)
    """where bins begin, if not at multiples of their width: for whole weeks a Monday. (None isn't sent, so that portals
    and sensors that don't know this key refuse weeks only.)"""
    group: str | None = None
    metric: str = "packets"
    limit: int = Field(default=0, ge=0, le=MOST_ROWS)
    per_24: bool = False
    chain: Chain | None = None
    """of the verb `chain`, and no other"""
    parted: Literal[True] | None = None
    """of `local`: packets of one sensor may be in two places, so that neither knows all of a source (see `apart`)"""
    only: str | None = Field(default=None, max_length=256)
    """of the verb `sightings`, and no other"""
    fresh: Moment | None = None
    """of the verbs `sightings` and `novelty`: from when on payloads count as new, if not from `since` on"""
    _hidden: Ranges | None = PrivateAttr(default=None)

    @field_validator("metric")
    @classmethod
    def _known_metric(cls, text: str) -> str:
        return _one_of("metric", text, METRICS)

    @field_validator("group")
    @classmethod
    def _known_group(cls, text: str | None) -> str | None:
        if text is None:
            return None
        if match := _PREFIX.fullmatch(text):
            if not 1 <= int(match[2]) <= 32:
                raise QuestionError(f"prefix {text!r}: expected /1 to /32")
            return f"{match[1] or 'source'}/{int(match[2])}"
        return _one_of("column", text, GROUPS)

    @model_validator(mode="after")
    def _consistent(self) -> Request:
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise QuestionError("--since must be before --until")
        if self.verb == "top" and self.group is None:
            raise QuestionError(f"top of what? expected one of: {', '.join(GROUPS)}, source/N, destination/N")
        if (self.chain is None) == (self.verb == "chain"):
            raise QuestionError("chain needs steps, and no other verb takes them")
        if self.parted and self.verb != "local":
            raise QuestionError("parted belongs to local")
        if self.verb == "darknet" and self.group not in (None, *WATCHED_GROUPS):
            raise QuestionError(f"darknet by {self.group}? expected one of: {', '.join(WATCHED_GROUPS)}")
        if self.verb in ("sightings", "novelty") and self.group not in (None, *WATCHED_GROUPS):
            raise QuestionError(f"{self.verb} by {self.group}? expected one of: {', '.join(WATCHED_GROUPS)}")
        if self.only is not None and self.verb != "sightings":
            raise QuestionError(f"only is of sightings, and not of {self.verb}")
        if self.fresh is not None and self.verb not in ("sightings", "novelty"):
            raise QuestionError(f"fresh is of sightings and novelty, and not of {self.verb}")
        most = VERBS[self.verb].most_rows
        if self.limit > most:
            raise QuestionError(f"--limit {self.limit}: {self.verb} are described one by one; at most {most:,}")
        return self

    @property
    def conditions(self) -> tuple[Expression, ...]:
        """All filters of this request."""
        steps = () if self.chain is None else self.chain.steps
        return steps if self.filter is None else (self.filter, *steps)

    @property
    def hidden(self) -> Ranges | None:
        """Sources that the user may not see (hidden_sources.py); None: all may be seen. It tells what is monitored, so
        it isn't a field: never written, logged or part of an error."""
        return self._hidden

    def hiding(self, hidden: Ranges) -> Self:
        """This request of a user who may not see the sources in these ranges."""
        found = self.model_copy()
        found._hidden = hidden
        return found

    def apart(self) -> Self:
        """This request of sensors whose packets may be in two places, a lake and a store, or two stores: a chain is
        found, and a source's packets are added up, of what both have."""
        if self.verb == "local":
            return self.model_copy(update={"parted": True})
        if self.chain is None:
            return self
        return self.model_copy(update={"chain": self.chain.model_copy(update={"apart": True})})

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


def make_request(verb: VerbName, filter: str | None, **words: Any) -> Request:
    """A Request from users' words. Raises QuestionError with one line; for a filter FilterError, which says where."""
    from pydantic import ValidationError

    values = {name: value for name, value in words.items() if value is not None}
    for name in ("since", "until", "fresh"):
        if (time := values.get(name)) is not None:
            values[name] = moment(time.isoformat() if isinstance(time, datetime) else str(time))
    if verb == "chain":
        values["chain"] = chain_of({name: values.pop(name, None) for name in WORDS})
    if isinstance(values.get("bin"), str | int):
        values["bin"] = bin_width(str(values["bin"]))
        values["origin"] = bin_origin(values["bin"]) or None
    try:
        request = Request(verb=verb, **values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        ours = isinstance(first.get("ctx", {}).get("error"), QuestionError)
        raise QuestionError(said_of(first) if ours else f"{where}: {said_of(first)}") from None
    tree = parsed(filter)
    return request if tree is None else request.model_copy(update={"filter": tree})


def __getattr__(name: str) -> Any:
    return earlier_name(__name__, name)
