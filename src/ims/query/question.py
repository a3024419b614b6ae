"""A question as it travels: which plan, of what request, with which parameters. Typed: nothing else can be asked.

The verbs that ask twice (plans/details.py) name what they ask about: signatures as hex, sources as numbers. Here each
becomes its plan again.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ims.query.errors import QuestionError
from ims.query.language.syntax_tree import Expression
from ims.query.plans.details import counted, payload_bytes, ranked, signatures_like, spread
from ims.query.plans.packets import FRAMES, ROWS, WHOLE_ROWS
from ims.query.plans.plan import PLANS, Plan
from ims.query.request import Ranges, Request
from ims.query.verbs import MOST_DETAILED, VerbName

Detail = Literal[
    "ranked", "counted", "spread", "payload_bytes", "signatures_like", "rows", "whole_rows", "frames"
]  # fmt: skip
Name = VerbName | Detail
"""A plan: a verb's own, of `plans.plan.PLANS`, or one that others ask for details."""
Key = Literal["signature", "source"]
Other = Literal["source", "destination", "destination_port"]
Digits = Annotated[str, Field(pattern=r"^([0-9a-f]{2})*$", min_length=32, max_length=32)]
Number = Annotated[int, Field(ge=0, le=0xFFFF_FFFF)]
_WANTS = {
    "ranked": ("key",), "counted": ("key", "other"), "spread": ("key", "other"), "signatures_like": ("prefix",),
}  # fmt: skip


class Question(BaseModel):
    """One plan's question. `chosen`: signatures, or sources, according to `key`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    plan: Name
    request: Request
    key: Key | None = None
    other: Other | None = None
    signatures: tuple[Digits, ...] = Field(default=(), max_length=MOST_DETAILED)
    sources: tuple[Number, ...] = Field(default=(), max_length=MOST_DETAILED)
    prefix: str | None = Field(default=None, pattern=r"^[0-9a-f]{6,32}$")

    @model_validator(mode="after")
    def _is_whole(self) -> Question:
        if self.plan not in PLANS and self.plan not in get_args(Detail):
            raise QuestionError(f"no plan is called {self.plan}")
        for name in _WANTS.get(self.plan, ()):
            if getattr(self, name) is None:
                raise QuestionError(f"{self.plan} wants {name}")
        if self.request.verb not in _VERBS.get(self.plan, (self.plan,)):
            raise QuestionError(f"{self.plan} doesn't belong to {self.request.verb}")
        return self

    def under(self, filter: Expression | None, hidden: Ranges | None) -> Question:
        """This question under another filter, and of one who may not see some sources."""
        request = self.request.model_copy(update={"filter": filter})
        return self.model_copy(update={"request": request if hidden is None else request.hiding(hidden)})

    @property
    def chosen(self) -> list[Any]:
        """What is asked about, as the plans take it."""
        if self.key == "source":
            return list(self.sources)
        return [bytes.fromhex(digits) for digits in self.signatures]

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
            case "rows":
                return ROWS
            case "whole_rows":
                return WHOLE_ROWS
            case "frames":
                return FRAMES
        return PLANS[self.plan]


SIGNATURES_LIKE = 11
_DETAILS = ("payloads", "sources")
_VERBS: dict[str, tuple[str, ...]] = {
    "ranked": _DETAILS, "counted": _DETAILS, "spread": _DETAILS, "payload_bytes": ("payloads", "packets", "top"),
    "signatures_like": ("payloads",), "rows": ("packets",), "whole_rows": ("packets",), "frames": ("packets",),
}  # fmt: skip


def about(plan: Name, request: Request, key: Key, chosen: list[Any], other: Other | None = None) -> Question:
    """A question about some signatures (bytes) or sources (numbers)."""
    if key == "source":
        return Question(plan=plan, request=request, key=key, sources=tuple(chosen), other=other)
    return Question(plan=plan, request=request, key=key, signatures=tuple(s.hex() for s in chosen), other=other)
