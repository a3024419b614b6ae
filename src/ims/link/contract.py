"""The versioned contract between a portal and a sensor's query daemon: messages in JSON, checked before they are used.

A portal says hello (action `hello`), and asks (Flight ticket, an `Ask` or a `Tail`). Both sides speak versions OLDEST
to NEWEST; the portal takes the newest that the daemon knows too. Within a version keys may be added, which older
readers skip (but not inside a question: one that isn't understood whole is refused); a change that an older reader
would misunderstand makes a new version. tests/link keep the bytes of old messages. Version 2 has pieces of answers
beside a stream without columns; of version 1, whose streams had them, nothing was released.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Any, Literal, TypeVar

import pyarrow as pa
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from ims.query.errors import QuestionError, said_of
from ims.query.language.columns import hides
from ims.query.question import Question
from ims.query.request import Condition
from ims.text import printable

OLDEST, NEWEST = 2, 2
LONGEST_MESSAGE = 2 << 20
"""Octets of a ticket or an action's body; longer ones aren't parsed."""
MOST_QUESTIONS = 16
MOST_WATCHED = 2_000
"""Prefixes that a daemon says it has watched: 40 kB."""
MOST_HIDDEN = 50_000
"""Ranges of addresses in a message."""
HELLO = "hello"
COVERAGE = "coverage"
"""The plan of questions that no filter is about."""
Message = TypeVar("Message", bound=BaseModel)

_COUNTS = [pa.field(name, pa.int64()) for name in ("packets", "bytes", "payloads", "new_payloads", "verified")]
_WHERE = [pa.field("second", pa.int64()), pa.field("sensor", pa.string()), pa.field("block", pa.string())]
_PORT = [pa.field("protocol", pa.uint8()), pa.field("destination_port", pa.uint16())]
BLOCKS = pa.schema([*_WHERE, *_COUNTS])
PORTS = pa.schema([*_WHERE, pa.field("category", pa.string()), *_PORT, *_COUNTS])
NEW = pa.schema(
    [
        *_WHERE,
        *_PORT,
        pa.field("signature", pa.binary()),
        pa.field("length", pa.int64()),
        pa.field("payload", pa.binary()),
    ]
)
TAIL = {"blocks": BLOCKS, "ports": PORTS, "new": NEW}
"""Parts of a tail's batches: packets by second and block, by port too, and new payloads with their first octets."""


StoreId = Annotated[str, Field(max_length=64, pattern=r"^[0-9a-f]*$")]
"""A store's id (store/store_id.py); empty: it has none, or the daemon is of an earlier version."""
SensorName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Shipment = Annotated[int, Field(ge=0, lt=1 << 53)]
Address = Annotated[int, Field(ge=0, lt=1 << 32)]
Addresses = tuple[Address, Address]
"""The first and the last of a range."""


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
    """without the filter, which stands once, beside them: `typed` has it in them"""
    filter: Condition = None
    seconds: float = Field(default=30.0, gt=0, le=3600)
    """the caller's deadline, from when the daemon begins"""
    rows: int = Field(default=50_000_000, ge=1, le=1 << 40)
    octets: int = Field(default=1 << 30, ge=1, le=1 << 40)
    behalf: str = Field(default="", max_length=64, pattern=r"^[A-Za-z0-9._-]*$")
    """whose questions these are, for fairness: a pseudonym of a portal's user"""
    marks: bool = False
    """the caller takes addresses as marks too: parts whose names end in MARKS_PART, which a daemon may leave out"""
    lengths: bool = False
    """the caller knows the columns of packets that came later (records.LATER): they are sent too"""
    lake: str = Field(default="", max_length=64, pattern=r"^[0-9a-f]*$")
    """the lake that answers too; what it has needn't be told again"""
    beyond: dict[SensorName, Shipment] = Field(default_factory=dict, max_length=10_000)
    """by sensor, the last shipment to that lake that the caller knows"""
    hidden: tuple[Addresses, ...] | None = Field(default=None, max_length=MOST_HIDDEN)
    """what `hiddensource` in the filter stands for (query/plans/hidden_sources.py). A daemon of before it knows no such
    node, and refuses the filter"""

    @field_validator("questions", mode="before")
    @classmethod
    def _without_their_filter(cls, given: object) -> object:
        """Portals of before `typed` sent the filter's text in each question, too, which says nothing more."""
        for each in given if isinstance(given, list) else ():
            if isinstance(each, dict) and isinstance(each.get("request"), dict):
                each["request"].pop("filter", None)
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
    """What comes in, from now on: a batch of counts each `every` seconds."""

    kind: Literal["tail"] = "tail"
    version: int = Field(ge=OLDEST, le=NEWEST)
    every: float = Field(default=0.5, ge=0.1, le=60)
    rows: int = Field(default=2_000, ge=1, le=100_000)
    behalf: str = Field(default="", max_length=64, pattern=r"^[A-Za-z0-9._-]*$")


class Losing(_Message):
    """What a sensor is losing now. `since`: seconds since the epoch."""

    since: Annotated[float, Field(ge=0, lt=1 << 38)]
    what: Annotated[str, Field(max_length=20, pattern="^[a-z_]+$")]
    text: Annotated[str, Field(max_length=1000)]


class Live(_Message):
    """How a sensor is, by its heartbeat (store/liveness.py). Moments are seconds since the epoch by its clock."""

    state: Annotated[str, Field(max_length=20, pattern="^[a-z_]+$")]
    watches: bool = False
    since: float | None = None
    """since when it watches, or doesn't"""
    heard: float | None = None
    """when it said so"""
    stores: bool = False
    stores_since: float | None = None
    """since when it stores, or doesn't"""
    last_packet: float | None = None
    lost_in_ring: int = 0
    lost_in_store: int = 0
    """packets, since it was started"""
    why: Annotated[str, Field(max_length=1000)] = ""
    """it doesn't watch or store"""
    losing: tuple[Losing, ...] = Field(default=(), max_length=16)


class Hello(_Message):
    """What a daemon says of itself. Times are seconds since the epoch by its own clock."""

    oldest: int
    newest: int
    program: str
    name: str = Field(default="", max_length=64)
    """whose certificate the daemon has; empty: it has none, or it is of an earlier version"""
    store: StoreId = ""
    sensors: tuple[str, ...] = ()
    now: float
    last_packet: float | None = None
    closed: str = ""
    """stands for the hours that are over, as they are stored: answers about them hold while it stays the same"""
    expires: float | None = None
    """when the daemon's certificate does"""
    running: int = 0
    waiting: int = 0
    problem: str = ""
    live: dict[SensorName, Live] = Field(default_factory=dict, max_length=10_000)
    """by sensor of the store, how it is; older daemons don't say"""
    watched: Watched | None = None
    """what its store has ever watched; None: it can't be read now, or the daemon is older"""


class End(_Message):
    """What closes every answer: without it the answer was cut off."""

    seconds: float
    worked: float | None = None
    """seconds of processor time of the thread that answered; older daemons don't say"""
    closed: str = ""
    store: StoreId = ""
    sensors: tuple[str, ...] = ()
    parts: dict[str, int] = Field(default_factory=dict)
    """rows of each part"""
    beyond: dict[SensorName, Shipment] = Field(default_factory=dict, max_length=10_000)
    """by sensor, the shipment beyond which packets were told; sensors that aren't here were told whole"""
    losing: dict[SensorName, tuple[Losing, ...]] = Field(default_factory=dict, max_length=10_000)
    """by sensor, what it is losing while this is asked, and the question touches"""
    watched: Watched | None = None
    """what the store had ever watched when the answer was made, whatever was asked; older daemons don't say"""


Wanted = Annotated[Ask | Tail, Field(discriminator="kind")]


class _Ticket(BaseModel):
    wanted: Wanted


def written(message: BaseModel) -> bytes:
    """A message as octets."""
    twice = {"questions": {"__all__": {"request": {"filter"}}}} if isinstance(message, Ask) else None
    return message.model_dump_json(exclude_none=True, exclude=twice).encode()


def ask_of(questions: Sequence[Question], **words: Any) -> Ask:
    """The message that asks these, which share a filter (but for coverage, that has none). `words`: others of Ask.
    Raises ValueError where they don't."""
    requests = [each.request for each in questions if each.plan != COVERAGE]
    filters, hidden = ({getattr(each, name) for each in requests} for name in ("filter", "hidden"))
    if len(filters) > 1 or len(hidden) > 1:
        raise ValueError("questions that are asked together have one filter")
    tree = next(iter(filters), None)
    known = next(iter(hidden), None) if hides(tree) else None
    return Ask(questions=tuple(questions), filter=tree, hidden=known, **words)


def read_ticket(octets: bytes) -> Ask | Tail:
    """What is wanted. Raises ValueError, in one line, for what is none of ours, too long, or of another version."""
    return _read(octets, "ticket", _Ticket).wanted


def read_hello(octets: bytes) -> Hello:
    """As `read_ticket`. Whether its versions fit is for the caller to see."""
    return _read(octets, "hello", Hello)


def read_end(octets: bytes) -> End:
    """As `read_ticket`."""
    return _read(octets, "end", End)


def common_version(oldest: int, newest: int) -> int:
    """The newest version that both sides speak. Raises ValueError where there is none."""
    if oldest > NEWEST or newest < OLDEST:
        raise ValueError(f"it speaks versions {oldest} to {newest} of the contract; this is {OLDEST} to {NEWEST}")
    return min(newest, NEWEST)


def _read(octets: bytes, what: str, model: type[Message]) -> Message:
    if len(octets) > LONGEST_MESSAGE:
        raise QuestionError(f"{what}: {len(octets):,} octets; at most {LONGEST_MESSAGE:,} are read")
    try:
        found = json.loads(octets)
        return model.model_validate({"wanted": found} if model is _Ticket else found)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where, said = ".".join(str(part) for part in first["loc"] if part != "wanted"), said_of(first)
        named = said if said.startswith("filter: ") else f"{what}: {where[:80]}: {said}"
        raise QuestionError(printable(named[:300])[:300]) from None
    except (ValueError, RecursionError):
        raise QuestionError(f"{what}: it is no JSON") from None
