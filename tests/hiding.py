"""A telescope as one sees it who may not see some sources."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

from ims.query.answer import Answer
from ims.query.hidden import without_hidden_sources
from ims.query.request import Ranges, Request
from ims.verb_methods import VerbMethods


class Hiding(VerbMethods):
    def __init__(self, telescope: VerbMethods, hidden: Ranges) -> None:
        self.telescope, self.hidden = telescope, hidden

    def ask(self, request: Request) -> Answer:
        return self.telescope.ask(request.hiding(self.hidden))

    def write(self, request: Request, out: str | Path | BinaryIO, format: str = "pcap", link: str = "raw") -> Any:
        return self.telescope.write(request.hiding(self.hidden), out, format, link)

    def payload(self, signature: str) -> bytes:
        return self.telescope.payload(signature)


def filter_of(tree: Any, request: Request) -> Any:
    """What becomes of a filter in a request whose asker may not see some sources."""
    return without_hidden_sources(request.model_copy(update={"filter": tree}).hiding(())).filter
