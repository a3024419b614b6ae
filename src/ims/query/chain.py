"""Steps that a source takes one after the other: what the verb `chain` asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

from pydantic import BaseModel, Field, model_validator

from ims.query.bins import LONGEST_US, bin_width
from ims.query.condition import Step, parsed
from ims.query.errors import QuestionError
from ims.query.language.columns import hides
from ims.query.language.syntax_tree import Expression, Or, Protocol, check_size

At = Literal["address", "sensor", "anywhere"]
PLACES: tuple[str, ...] = get_args(At)
MOST_STEPS = 5
"""Each is a join, and a filter of its own."""
WORDS = ("first", "then", "within", "at", "bin")


class Chain(BaseModel):
    """Steps in order. Packets of one source are a chain if each step takes one of them, each arriving later than the
    one before, and by at most `within` microseconds.

    `at`: where all of them have to arrive: at one dark address, at one sensor, or at any. `bin`: chains are told apart
    by the bin (microseconds) of their last packet; None: they aren't. `apart`: packets of one sensor may be in two
    places, such as a lake and its store, so that neither can find its chains alone; None: they aren't.
    """

    model_config = {"frozen": True, "extra": "forbid"}

    steps: tuple[Step, ...] = Field(min_length=2, max_length=MOST_STEPS)
    within: int = Field(gt=0, le=LONGEST_US)
    at: At = "address"
    bin: int | None = Field(default=None, gt=0, le=LONGEST_US)
    apart: Literal[True] | None = None

    @model_validator(mode="after")
    def _small_enough(self) -> Chain:
        if any(map(hides, self.steps)):
            raise QuestionError("a step hides sources; only the filter may")
        try:
            check_size(Or(self.steps))
        except ValueError as error:
            raise QuestionError(f"the steps together: {error}") from None
        return self

    @property
    def first(self) -> Expression:
        """The first step."""
        return self.steps[0]

    @property
    def then(self) -> tuple[Expression, ...]:
        """The steps after it."""
        return self.steps[1:]

    @property
    def shape(self) -> Chain:
        """A chain whose plan has the same parts, whatever its steps are."""
        steps = (Protocol(None),) * len(self.steps)
        return self.model_copy(update={"steps": steps, "within": 1, "bin": self.bin and 1})


def chain_of(words: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a Chain, of users' words: `first` and `then` (a filter, or several in order) as text, `within` and
    `bin` as widths. Raises QuestionError with one line; for a filter FilterError, which says of which step."""
    then = words.get("then") or ()
    then = [then] if isinstance(then, str) else list(then)
    for name, value in (("first", words.get("first")), ("then", then)):
        if not value:
            raise QuestionError(f"chain needs {name}: a filter, as in --{name} 'tcp dst port 135 and payload'")
    if len(then) >= MOST_STEPS:
        raise QuestionError(f"{len(then) + 1:,} steps; a chain has at most {MOST_STEPS}")
    steps = [_step(text, number) for number, text in enumerate([words["first"], *then], 1)]
    at = words.get("at") or "address"
    if at not in PLACES:
        raise QuestionError(f"at {str(at)[:40]!r}: expected one of {', '.join(PLACES)}")
    within = bin_width(str(words.get("within") or "10m"), "within")
    fields: dict[str, Any] = {"steps": tuple(steps), "within": within, "at": at}
    if words.get("bin") is not None:
        fields["bin"] = bin_width(str(words["bin"]))
    return fields


def _step(text: Any, number: int) -> Expression:
    try:
        tree = parsed(text)
    except QuestionError as error:
        error.args = (f"step {number}: {error}",)
        raise
    if tree is None:
        raise QuestionError(f"step {number} is empty; expected a filter, as in 'tcp dst port 135 and payload'")
    return tree
