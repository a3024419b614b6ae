"""Who answers questions: stores, a lake, the sensors of a portal, or a portal over HTTP, all in one way.

`ims.open` gives a telescope over one of them, whose verbs are sugar over `run`. What works on a backend alone works on
all of them: `stores_backend`, `lake/backend`, `portal/federation/sensors_backend`, `client`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

if TYPE_CHECKING:
    from ims.export import ExportReport
    from ims.query.answer import Answer, AnswerRecord
    from ims.query.request import Request


class Backend(Protocol):
    """Answers typed questions; for several threads. What its methods raise: QuestionError (a ValueError) where a
    question can't be answered, OSError where nobody could be asked, MemoryError where an answer is too large."""

    def run(self, request: Request) -> Answer:
        """The answer to a question."""
        ...

    def hours(self, request: Request) -> list[tuple[int, int]]:
        """Begins of the hours that may have packets of a request's range, in microseconds, and how many packets at
        most; they may be more than the range and the filter take."""
        ...

    def record(self, request: Request) -> AnswerRecord:
        """Who would answer about a request's range, how large the darknet was in it, and what of it is missing."""
        ...

    def payload(self, signature: str) -> bytes:
        """The bytes of one stored payload: see VerbMethods.payload."""
        ...

    def write(self, request: Request, out: str | Path | BinaryIO, format: str, link: str) -> ExportReport:
        """Write the packets that a request selects to a file: see VerbMethods.export."""
        ...

    def close(self) -> None:
        """Let go of connections and files."""
        ...
