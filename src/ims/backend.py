"""What answers questions: stores, a lake, the sensors of a portal, or a portal over HTTP, all with one interface.

`ims.open` returns a telescope over one of them, whose verbs call `run`. They are in `stores_backend`, `lake/backend`,
`portal/federation/sensors_backend` and `client`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ims.export import ExportReport
    from ims.query.answer import Answer, AnswerRecord
    from ims.query.request import Request
    from ims.whole_file import Output


class Backend(Protocol):
    """Answers typed questions, also to several threads. Its methods raise QuestionError (a ValueError) where a question
    can't be answered, OSError where nothing can be reached that answers, MemoryError where an answer is too large."""

    def run(self, request: Request) -> Answer:
        """The answer to a question."""
        ...

    def hours(self, request: Request) -> list[tuple[int, int]]:
        """Begins of the hours that may have packets of a request's range, in microseconds, and at most how many; range
        and filter may select fewer."""
        ...

    def record(self, request: Request) -> AnswerRecord:
        """Which sensors cover a request's range, how large the darknet was in it, and what of it is missing."""
        ...

    def payload(self, signature: str) -> bytes:
        """The bytes of one stored payload: see VerbMethods.payload."""
        ...

    def write(self, request: Request, out: Output, format: str, link: str) -> ExportReport:
        """Write the packets that a request selects to a file: see VerbMethods.export."""
        ...

    def close(self) -> None:
        """Close connections and files."""
        ...
