"""A telescope as one sees it who may not see some sources."""

from __future__ import annotations

from typing import Any

from ims.query.answer import Answer
from ims.query.plans.hidden_sources import without_hidden_sources
from ims.query.request import Ranges, Request
from ims.verb_methods import VerbMethods


class Hiding(VerbMethods):
    def __init__(self, telescope: VerbMethods, hidden: Ranges) -> None:
        super().__init__(telescope.backend)
        self.hidden = hidden

    def ask(self, request: Request) -> Answer:
        return super().ask(request.hiding(self.hidden))


def filter_of(tree: Any, request: Request) -> Any:
    """What becomes of a filter in a request whose asker may not see some sources."""
    return without_hidden_sources(request.model_copy(update={"filter": tree}).hiding(())).filter
