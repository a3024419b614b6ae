"""Backends that answer by plans: stores, a lake, the sensors of a portal. They differ in how a query begins."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from ims.query.answer import Answer, AnswerRecord
from ims.query.request import Request, make_request
from ims.query_run import QueryRun
from ims.verb_answers import answer_of, payload_of

if TYPE_CHECKING:
    from ims.export import ExportReport
    from ims.whole_file import Output


class PlanBackend(ABC):
    """A Backend (ims.backend) that has a QueryRun for each question."""

    @abstractmethod
    def begin(self, request: Request) -> QueryRun:
        """Begin to answer a request; use it with `with`."""

    def run(self, request: Request) -> Answer:
        """As Backend."""
        with self.begin(request) as query:
            return answer_of(query)

    def hours(self, request: Request) -> list[tuple[int, int]]:
        """As Backend."""
        with self.begin(request) as query:
            return query.hours()

    def record(self, request: Request) -> AnswerRecord:
        """As Backend."""
        with self.begin(request) as query:
            return query.record(query.coverage)

    def payload(self, signature: str) -> bytes:
        """As Backend."""
        with self.begin(make_request("payloads", None)) as query:
            return payload_of(query, signature)

    def write(self, request: Request, out: Output, format: str, link: str) -> ExportReport:
        """As Backend."""
        from ims.export import export

        with self.begin(request) as query:
            return export(query, out, format, link)

    def close(self) -> None:  # noqa: B027  (backends that hold something override it)
        """Nothing is held between questions: each reads what is there at its time."""
