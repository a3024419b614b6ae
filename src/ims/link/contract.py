"""The versioned contract between a portal and a sensor's query daemon: messages in JSON, checked before they are used.

A portal says hello (action `hello`), and asks (Flight ticket, an `Ask` or a `Tail`). Both sides speak versions OLDEST
to NEWEST; the portal takes the newest that the daemon knows too. Within a version keys may be added, which older
readers skip (except in a question, which is refused); a change that an older reader would misunderstand makes a new
version. tests/link keep the bytes of old messages. Version 2 has pieces of answers beside a stream without columns;
version 1, whose streams had them, was never released.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Any, Literal, TypeVar

import pyarrow as pa
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic.type_adapter import TypeAdapter

from ims.query.condition import Condition
from ims.query.errors import QuestionError, said_of
from ims.query.language.columns import hides
from ims.query.question import Question
from ims.text import printable

OLDEST, NEWEST = 2, 2
LONGEST_MESSAGE = 2 << 20  # octets of a ticket or an action's body; longer ones aren't parsed
MOST_QUESTIONS = 16
MOST_WATCHED = 2_000  # prefixes that a daemon says it has watched: 40 kB
MOST_HIDDEN = 50_000  # ranges of addresses in a message
HELLO = "hello"
COVERAGE = "coverage"  # the plan of questions without a filter
Message = TypeVar("Message")

_COUNTS = [pa.field(name, pa.int64()) for name in ("packets", "bytes", "payloads", "new_payloads", "verified")]
_WHERE = [pa.field("second", pa.int64()), pa.field("sensor", pa.string()), pa.field("block", pa.string())]
_PORT = [pa.field("protocol", pa.uint8()), pa.field("destination_port", pa.uint16())]
BLOCKS = pa.schema([*_WHERE, *_COUNTS])
PORTS = pa.schema([*_WHERE, pa.field("category", pa.string()), *_PORT, *_COUNTS])
_PAYLOAD = [pa.field("signature", pa.binary()), pa.field("length", pa.int64()), pa.field("payload", pa.binary())]
NEW = pa.schema([*_WHERE, *_PORT, *_PAYLOAD])
TAIL = {"blocks": BLOCKS, "ports": PORTS, "new": NEW}
"""Parts of a tail's batches: packets by second and block, by port too, and new payloads with their first octets."""

StoreId = Annotated[str, Field(max_length=64, pattern=r"^[0-9a-f]*$")]
"""A store's id (store/store_id.py); empty: it has none, or the daemon is of an earlier version."""
Behalf = Annotated[str, Field(max_length=64, pattern=r"^[A-Za-z0-9._-]*$")]
"""A pseudonym of a portal's user, for fairness."""
SensorName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Shipment = Annotated[int, Field(ge=0, lt=1 << 53)]
Address = Annotated[int, Field(ge=0, lt=1 << 32)]
Addresses = tuple[Address, Address]  # the first and the last of a range


def _checked_prefix(text: str) -> str:
    ipaddress.IPv4Network(text)
    return text


Prefix = Annotated[str, Field(max_length=18, pattern=r"^[0-9.]+/[0-9]+$"), AfterValidator(_checked_prefix)]
Watched = Annotated[tuple[Prefix, ...], Field(max_length=MOST_WATCHED)]
"""Prefixes that hold every address which a store's coverage has ever named (queryd/coverage_prefixes.py)."""


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class Ask(_Message):
    """Questions of one caller, which share a filter (a tree, as query/language/json_codec.py writes it) and limits."""

    kind: Literal["ask"] = "ask"
    version: int = Field(ge=OLDEST, le=NEWEST)
    questions: tuple[Question, ...] = Field(min_length=1, max_length=MOST_QUESTIONS)
    """without the filter, which is beside them once: `typed` has it in them"""
    filter: Condition = None
    seconds: float = Field(default=30.0, gt=0, le=3600)  # the caller's deadline, from when the daemon begins
    rows: int = Field(default=50_000_000, ge=1, le=1 << 40)
    octets: int = Field(default=1 << 30, ge=1, le=1 << 40)
    behalf: Behalf = ""
    marks: bool = False
    """the caller takes addresses as marks too: parts whose names end in MARKS_PART, which a daemon may leave out"""
    lengths: bool = False  # the caller knows the columns of packets that were added later (records.LATER)
    lake: StoreId = ""  # the lake that answers too; packets in it needn't be sent
    beyond: dict[SensorName, Shipment] = Field(default_factory=dict, max_length=10_000)
    """by sensor, the last shipment to that lake that the caller knows"""
    hidden: tuple[Addresses, ...] | None = Field(default=None, max_length=MOST_HIDDEN)
    """what `hiddensource` in the filter means (query/plans/hidden_sources.py); older daemons refuse such a filter"""

    @field_validator("questions", mode="before")
    @classmethod
    def _without_their_filter(cls, given: object) -> object:
        """Older portals also sent the filter's text in each question, which says nothing more."""
        for each in given if isinstance(given, list) else ():
            if isinstance(each, dict) and isinstance(each.get("request"), dict):
                each["request"].pop("filter", None)
                chain = each["request"].get("chain")
                steps = chain.get("steps") if isinstance(chain, dict) else None
                if isinstance(steps, list) and any(isinstance(step, str) for step in steps):
                    raise QuestionError("chain.steps: expected objects")
        return given

    @field_validator("filter", mode="before")
    @classmethod
    def _is_a_tree(cls, given: object) -> object:
        if isinstance(given, str):
            raise QuestionError("filter: expected an object")
        return given

    @model_validator(mode="after")
    def _hides_what_is_named(self) -> Ask:
        ends = [end for addresses in self.hidden or () for end in addresses]
        if any(one > other for one, other in pairwise(ends)):
            raise QuestionError("hidden: expected ranges in order")
        if self.hidden is None and hides(self.filter):
            raise QuestionError("filter: it hides sources, and `hidden` is missing")
        return self

    @property
    def typed(self) -> tuple[Question, ...]:
        """The questions with their filter, and with what it hides; those of coverage have none."""
        return tuple(each if each.plan == COVERAGE else each.under(self.filter, self.hidden) for each in self.questions)


class Tail(_Message):
    """What is received from now on: a batch of counts each `every` seconds."""

    kind: Literal["tail"] = "tail"
    version: int = Field(ge=OLDEST, le=NEWEST)
    every: float = Field(default=0.5, ge=0.1, le=60)
    rows: int = Field(default=2_000, ge=1, le=100_000)
    behalf: Behalf = ""


class Losing(_Message):
    """What a sensor is losing now. `since`: seconds since the epoch."""

    since: Annotated[float, Field(ge=0, lt=1 << 38)]
    what: Annotated[str, Field(max_length=20, pattern="^[a-z_]+$")]
    text: Annotated[str, Field(max_length=1000)]


class Live(_Message):
    """How a sensor is, by its heartbeat (store/liveness.py). Moments are seconds since the epoch by its clock."""

    state: Annotated[str, Field(max_length=20, pattern="^[a-z_]+$")]
    watches: bool = False
    since: float | None = None  # since when it watches, or doesn't
    heard: float | None = None  # when it said so
    stores: bool = False
    stores_since: float | None = None  # since when it stores, or doesn't
    last_packet: float | None = None
    lost_in_ring: int = 0  # packets, since it was started; so below
    lost_in_store: int = 0
    why: Annotated[str, Field(max_length=1000)] = ""  # it doesn't watch or store
    losing: tuple[Losing, ...] = Field(default=(), max_length=16)


class Hello(_Message):
    """What a daemon says of itself. Times are seconds since the epoch by its own clock."""

    oldest: int
    newest: int
    program: str
    name: str = Field(default="", max_length=64)  # its certificate's; empty: it has none, or is older
    store: StoreId = ""
    sensors: tuple[str, ...] = ()
    now: float
    last_packet: float | None = None
    closed: str = ""
    """identifies what is stored of the hours that are over: answers about them are valid while it stays the same"""
    expires: float | None = None  # when the daemon's certificate does
    running: int = 0
    waiting: int = 0
    problem: str = ""
    live: dict[SensorName, Live] = Field(default_factory=dict, max_length=10_000)  # by sensor; empty of older daemons
    watched: Watched | None = None  # what its store has ever watched; None: unreadable, or the daemon is older


class End(_Message):
    """What closes every answer: without it the answer was cut off."""

    seconds: float
    worked: float | None = None  # seconds of processor time of the thread that answered; None of older daemons
    closed: str = ""
    store: StoreId = ""
    sensors: tuple[str, ...] = ()
    parts: dict[str, int] = Field(default_factory=dict)  # rows of each part
    beyond: dict[SensorName, Shipment] = Field(default_factory=dict, max_length=10_000)
    """by sensor, the shipment after which packets were sent; of sensors that aren't here, all were sent"""
    losing: dict[SensorName, tuple[Losing, ...]] = Field(default_factory=dict, max_length=10_000)
    """by sensor, what it is losing now that concerns the question"""
    watched: Watched | None = None
    """what the store had ever watched when the answer was made, whatever was asked; None of older daemons"""


_TICKET: TypeAdapter[Ask | Tail] = TypeAdapter(Annotated[Ask | Tail, Field(discriminator="kind")])
_HELLO, _END = TypeAdapter(Hello), TypeAdapter(End)


def written(message: BaseModel) -> bytes:
    """A message as octets."""
    twice = {"questions": {"__all__": {"request": {"filter"}}}} if isinstance(message, Ask) else None
    return message.model_dump_json(exclude_none=True, exclude=twice).encode()


def ask_of(questions: Sequence[Question], **words: Any) -> Ask:
    """The message that asks these, which share a filter (except coverage, which has none). `words`: other fields of
    Ask. Raises ValueError where they don't share it."""
    requests = [each.request for each in questions if each.plan != COVERAGE]
    filters, hidden = ({getattr(each, name) for each in requests} for name in ("filter", "hidden"))
    if len(filters) > 1 or len(hidden) > 1:
        raise ValueError("questions that are asked together have one filter")
    tree = next(iter(filters), None)
    known = next(iter(hidden), None) if hides(tree) else None
    return Ask(questions=tuple(questions), filter=tree, hidden=known, **words)


def read_ticket(octets: bytes) -> Ask | Tail:
    """The question. Raises ValueError, in one line, for what isn't a ticket, is too long, or of another version."""
    return _read(octets, "ticket", _TICKET)


def read_hello(octets: bytes) -> Hello:
    """As `read_ticket`. The caller has to compare versions."""
    return _read(octets, "hello", _HELLO)


def read_end(octets: bytes) -> End:
    """As `read_ticket`."""
    return _read(octets, "end", _END)


def common_version(oldest: int, newest: int) -> int:
    """The newest version that both sides speak. Raises ValueError where there is none."""
    if oldest > NEWEST or newest < OLDEST:
        raise ValueError(f"it speaks versions {oldest} to {newest} of the contract; this is {OLDEST} to {NEWEST}")
    return min(newest, NEWEST)


def _read(octets: bytes, what: str, message: TypeAdapter[Message]) -> Message:
    if len(octets) > LONGEST_MESSAGE:
        raise QuestionError(f"{what}: {len(octets):,} octets; at most {LONGEST_MESSAGE:,} are read")
    try:
        return message.validate_python(json.loads(octets))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where, text = ".".join(map(str, first["loc"])), said_of(first)
        line = text if text.startswith("filter: ") else f"{what}: {where[:80]}: {text}"
        raise QuestionError(printable(line[:300])[:300]) from None
    except (ValueError, RecursionError):
        raise QuestionError(f"{what}: it is no JSON") from None
