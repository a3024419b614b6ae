"""A telescope: what `ims.open` returns for stores and lakes, and what the command line calls."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ims.moved import earlier_name
from ims.stores_backend import StoresBackend
from ims.verb_methods import VerbMethods

if TYPE_CHECKING:
    from ims.backend import Backend
    from ims.query.answer import Answer
    from ims.query.request import Ranges, Request


class Telescope(VerbMethods):
    """Stores, or another `backend`, opened for questions: `ask` takes a request, and each verb is a method, of words. A
    sensor's name in several stores is one sensor (`shared_names`: those, and the stores of each).

    Raises FileNotFoundError, NotADirectoryError or ValueError where a folder isn't a store, or is a copy of another.
    """

    _hidden: Ranges | None = None

    def __init__(
        self,
        *stores: str | Path,
        memory_bytes: int | None = None,
        threads: int | None = None,
        backend: Backend | None = None,
    ) -> None:
        super().__init__(backend or StoresBackend(stores, memory_bytes, threads))
        self.shared_names = self.backend.shared_names if isinstance(self.backend, StoresBackend) else {}

    def ask(self, request: Request) -> Answer:
        """Answer a request. Sources that it hides (`Request.hiding`) are in no `src net` and in no group by source, but
        are counted, and packets have them."""
        if self._hidden is not None and request.hidden is None:
            request = request.hiding(self._hidden)
        return super().ask(request)

    def hiding(self, hidden: Ranges) -> Telescope:
        """This telescope with some sources hidden. Deprecated: ask `request.hiding(ranges)`."""
        warnings.warn("Telescope.hiding: ask request.hiding(ranges)", DeprecationWarning, stacklevel=2)
        telescope = Telescope(backend=self.backend)
        telescope._hidden = hidden
        return telescope


def __getattr__(name: str) -> Any:
    return earlier_name(__name__, name)
