"""A question as it is sent: a plan's name, its request and its parameters. Typed: nothing else can be asked.

Details (plans/details.py) are of chosen signatures (hex) or sources (numbers).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, model_validator

from ims.query.errors import QuestionError
from ims.query.language.syntax_tree import Expression
from ims.query.plans.chain import CHAIN
from ims.query.plans.details import counted, payload_bytes, ranked, signatures_like, spread
from ims.query.plans.local import LOCAL
from ims.query.plans.packets import FRAMES, ROWS, WHOLE_ROWS
from ims.query.plans.plan import PLANS, Plan
from ims.query.plans.sightings import NOVELTY, SIGHTINGS
from ims.query.plans.storage import STORAGE
from ims.query.request import Ranges, Request
from ims.query.verbs import MOST_DETAILED, VerbName

Detail = Literal["ranked", "counted", "spread", "payload_bytes", "signatures_like", "rows", "whole_rows", "frames"]
Name = VerbName | Detail
"""A plan: a verb's own, or one of details."""
Key = Literal["signature", "source"]
Other = Literal["source", "destination", "destination_port"]
Digits = Annotated[str, Field(pattern=r"^([0-9a-f]{2})*$", min_length=32, max_length=32)]
Number = Annotated[int, Field(ge=0, le=0xFFFF_FFFF)]
_REQUIRED = {
    "ranked": ("key",), "counted": ("key", "other"), "spread": ("key", "other"), "signatures_like": ("prefix",),
}  # fmt: skip
_PLANS = {
    **PLANS,
    "chain": CHAIN,
    "local": LOCAL,
    "sightings": SIGHTINGS,
    "novelty": NOVELTY,
    "storage": STORAGE,
    "rows": ROWS,
    "whole_rows": WHOLE_ROWS,
    "frames": FRAMES,
}
SIGNATURES_LIKE = 11
_DETAILS = ("payloads", "sources")
_VERBS: dict[str, tuple[str, ...]] = {
    "ranked": _DETAILS, "counted": (*_DETAILS, "sightings"), "spread": _DETAILS,
    "payload_bytes": ("payloads", "packets", "top", "sightings"), "signatures_like": ("payloads",),
    "rows": ("packets",), "whole_rows": ("packets",), "frames": ("packets",),
}  # fmt: skip
"""Verbs that ask for a detail."""


class Question(BaseModel, frozen=True, extra="forbid"):
    """One plan's question. `chosen`: signatures, or sources, according to `key`."""

    plan: Name
    request: Request
    key: Key | None = None
    other: Other | None = None
    signatures: tuple[Digits, ...] = Field(default=(), max_length=MOST_DETAILED)
    sources: tuple[Number, ...] = Field(default=(), max_length=MOST_DETAILED)
    prefix: str | None = Field(default=None, pattern=r"^[0-9a-f]{6,32}$")

    @model_validator(mode="after")
    def _is_whole(self) -> Question:
        if self.plan not in _PLANS and self.plan not in _VERBS:
            raise QuestionError(f"no plan is called {self.plan}")
        for name in _REQUIRED.get(self.plan, ()):
            if getattr(self, name) is None:
                raise QuestionError(f"{self.plan} needs {name}")
        if self.request.verb not in _VERBS.get(self.plan, (self.plan,)):
            raise QuestionError(f"{self.plan} doesn't belong to {self.request.verb}")
        return self

    def under(self, filter: Expression | None, hidden: Ranges | None) -> Question:
        """This question with another filter, and by a user who may not see some sources."""
        request = self.request.model_copy(update={"filter": filter})
        return self.model_copy(update={"request": request if hidden is None else request.hiding(hidden)})

    @property
    def chosen(self) -> list[Any]:
        """The chosen sources, or signatures, as plans take them."""
        return list(self.sources) if self.key == "source" else [bytes.fromhex(digits) for digits in self.signatures]

    def as_plan(self) -> Plan:
        """The plan that answers it."""
        match self.plan:
            case "ranked":
                return ranked(str(self.key))
            case "counted":
                return counted(str(self.key), self.chosen, str(self.other))
            case "spread":
                return spread(str(self.key), self.chosen, str(self.other))
            case "payload_bytes":
                return payload_bytes(self.chosen)
            case "signatures_like":
                return signatures_like(str(self.prefix), SIGNATURES_LIKE)
        return _PLANS[self.plan]


def about(plan: Name, request: Request, key: Key, chosen: list[Any], other: Other | None = None) -> Question:
    """A question about some signatures (bytes) or sources (numbers)."""
    if key == "source":
        return Question(plan=plan, request=request, key=key, sources=tuple(chosen), other=other)
    return Question(plan=plan, request=request, key=key, signatures=tuple(s.hex() for s in chosen), other=other)
