"""Queries of a lake: `ims query ... --lake URI`, and `ims.open(lake=URI)`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from ims.lake.config import LakeConfig, checked_lake
from ims.lake.engines import engine_of, seen_by
from ims.lake.lake import open_lake
from ims.plan_backend import PlanBackend
from ims.query.answer import AnswerRecord
from ims.query.question import Question
from ims.query.request import Request
from ims.query_run import QueryRun
from ims.telescope import Telescope


class LakeRun(QueryRun):
    """One request of a lake as its ledgers are now."""

    def __init__(self, uri: str, request: Request, config: LakeConfig) -> None:
        """Raises as `open_lake`, and OSError where the engine doesn't start."""
        super().__init__(request)
        self._lake, self._config = open_lake(uri), config
        self._engine = engine_of(self._lake, config)

    def run(self, *questions: Question) -> list[pa.Table]:
        """As QueryRun."""
        return [self._engine.run(question.as_plan(), question.request) for question in questions]

    def each(self, question: Question) -> list[pa.Table]:
        """As QueryRun; the lake is one store."""
        view = seen_by(self._lake, self._config)
        return [rows for _, rows in self._engine.partial(view, question.as_plan(), question.request)]

    def hours(self) -> list[tuple[int, int]]:
        """As QueryRun, from the ledgers."""
        return [(begin, self._lake.rows("packets", begin)) for begin in self._lake.hours("packets")]

    def record(self, coverage: Sequence[dict[str, Any]]) -> AnswerRecord:
        """As QueryRun."""
        return self._record(coverage, stores=(self._lake.uri.partition("?")[0],), sensors=self._lake.sensors)

    def close(self) -> None:
        """As QueryRun."""
        self._engine.close()
        self._lake.close()


class LakeBackend(PlanBackend):
    """A lake, on the engine that its config says. Raises what `open_lake` raises."""

    def __init__(self, uri: str, config: LakeConfig | None = None) -> None:
        self._uri, self._config = uri, config or checked_lake({})
        open_lake(uri).close()

    def begin(self, request: Request) -> QueryRun:
        """As PlanBackend: the lake as its ledgers are now."""
        return LakeRun(self._uri, request, self._config)


def lake_telescope(uri: str, config: LakeConfig | None = None) -> Telescope:
    """A lake opened for questions. Raises what `open_lake` raises."""
    return Telescope(backend=LakeBackend(uri, config))
