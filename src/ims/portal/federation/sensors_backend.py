"""The backend of a portal's API: all its sensors. Answers of several rounds come from the same sensors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar

from ims.plan_backend import PlanBackend
from ims.portal.federation.fault import Fault
from ims.portal.federation.scatter import ROUNDS, FewerError, Scatter, SensorsRun
from ims.query.answer import Answer
from ims.query.errors import LaterError, UnansweredError
from ims.query.request import Request, make_request
from ims.query_run import QueryRun
from ims.verb_answers import answer_of, payload_of

if TYPE_CHECKING:
    from ims.export import ExportReport

T = TypeVar("T")


class SensorsBackend(PlanBackend):
    """A Backend (ims.backend) over sensors. Raises OSError if none of them answers."""

    def __init__(self, asking: Scatter) -> None:
        self._asking = asking

    def begin(self, request: Request) -> QueryRun:
        """As PlanBackend."""
        return SensorsRun(request, self._asking, {})

    def run(self, request: Request) -> Answer:
        """As Backend; asked again without those that fell silent between two rounds."""
        return self._again(request, answer_of)

    def payload(self, signature: str) -> bytes:
        """As `run`."""
        return self._again(make_request("payloads", None), lambda asked: payload_of(asked, signature))

    def write(self, request: Request, out: str | Path | BinaryIO, format: str, link: str) -> ExportReport:
        """As Backend; what is written can't be taken back, so OSError is raised if a sensor falls silent."""
        try:
            return super().write(request, out, format, link)
        except FewerError as error:
            why = "; ".join(f"{name}: {fault.text}" for name, fault in error.faults.items())
            message = f"a sensor fell silent during the export ({why}); what was written isn't whole"
            raise UnansweredError(message) from None

    def _again(self, request: Request, work: Callable[[QueryRun], T]) -> T:
        lost: dict[str, Fault] = {}
        for _ in range(ROUNDS):
            try:
                with SensorsRun(request, self._asking, lost) as asked:
                    return work(asked)
            except FewerError as error:
                lost = lost | error.faults
        raise LaterError("sensors keep falling silent while they are asked; try again")
