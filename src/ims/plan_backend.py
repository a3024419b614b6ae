"""Backends that answer by plans: stores, a lake, the sensors of a portal. They differ in how a run of one begins."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ims.query.answer import Answer, AnswerRecord
from ims.query.request import Request, make_request
from ims.query_run import QueryRun
from ims.verb_answers import answer_of, payload_of

if TYPE_CHECKING:
    from ims.export import ExportReport


class PlanBackend(ABC):
    """A Backend (ims.backend) each of whose questions is a run of its own."""

    @abstractmethod
    def begin(self, request: Request) -> QueryRun:
        """Begin to answer a request; to be used with `with`."""

    def run(self, request: Request) -> Answer:
        """As Backend."""
        with self.begin(request) as asked:
            return answer_of(asked)

    def hours(self, request: Request) -> list[tuple[int, int]]:
        """As Backend."""
        with self.begin(request) as asked:
            return asked.hours()

    def record(self, request: Request) -> AnswerRecord:
        """As Backend."""
        with self.begin(request) as asked:
            return asked.record(asked.coverage)

    def payload(self, signature: str) -> bytes:
        """As Backend."""
        with self.begin(make_request("payloads", None)) as asked:
            return payload_of(asked, signature)

    def write(self, request: Request, out: str | Path | BinaryIO, format: str, link: str) -> ExportReport:
        """As Backend."""
        from ims.export import export

        with self.begin(request) as asked:
            return export(asked, out, format, link)

    def close(self) -> None:  # noqa: B027  (theirs to overwrite, where something is held)
        """Nothing is held between questions: each sees what is there when it is asked."""
