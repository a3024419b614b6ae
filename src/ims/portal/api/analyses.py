"""`/analyses`: which there are; `/analyses/NAME`: one of them, with GET and POST, under the limits of questions.

An analysis asks what its caller may ask, and is made of what he is shown: so its estimates, rows, figures and notes
tell nothing that the answers of verbs don't tell him.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Body, HTTPException, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response, StreamingResponse

from ims.analyse.analyses import ANALYSES
from ims.analyse.execution import run
from ims.analyse.options import options_of
from ims.analyse.question import LEVEL, Analysis
from ims.origin.mmdb import OriginError
from ims.portal.api.answer_memory import room_for
from ims.portal.api.answers import WHOLE
from ims.portal.api.callers import Anyone, gate_of, note
from ims.portal.api.errors import documented, refusals, without_places
from ims.portal.api.execute import Made, allowed, answer_of, held_answer
from ims.portal.api.negotiate import negotiated
from ims.portal.api.parameters import OF_ANALYSES, Parameters, range_of
from ims.portal.privacy.query_policy import Forbidden
from ims.query.answer import Answer
from ims.query.errors import NotShownError, QuestionError, UnansweredError
from ims.query.request import Request as Question
from ims.query.verbs import MOST_DETAILED
from ims.text import meant, one_line

Endpoint = Callable[..., Awaitable[Response]]


class Described(BaseModel):
    """One analysis: what it answers, its parameters, estimates (name, unit, sentence), and the columns of its rows."""

    name: str
    sentence: str
    paper: str
    parameters: list[str]
    estimates: list[dict[str, str]]
    columns: list[dict[str, str]]


class Analyses(BaseModel):
    """The questions that `ims analyse` knows."""

    analyses: list[Described] = Field(
        examples=[[{"name": "rate", "sentence": "The packet rate of each block", "paper": "Figure 2",
                    "parameters": ["filter", "bin", "since", "until"],
                    "estimates": [{"name": "ratio", "unit": "times", "sentence": "the highest mean by the lowest"}],
                    "columns": [{"name": "block", "kind": "text", "sentence": "the block"}]}]]
    )  # fmt: skip


async def analyse(analysis: Analysis, words: Parameters, request: Request, caller: Anyone) -> Response:
    """Answer one analysis."""
    gate, role = gate_of(request), caller.role
    negotiated(request.headers.getlist("accept"), {"application/json": "json"})
    given = words.model_dump(exclude_none=True)
    note(request, verb=f"analyse {analysis.name}", words=words.model_dump(exclude_defaults=True))
    if analysis.refusal and role != "operator":
        raise HTTPException(403, f"{role}s aren't shown {analysis.name}: {analysis.refusal}")
    try:
        options = await asyncio.to_thread(options_of, analysis, given)
        note(request, **range_of(options.request))
    except QuestionError as error:  # made of the caller's own words
        raise HTTPException(400, one_line(error)) from None
    most = gate.limits.rows[role]
    listed = most if role == "operator" else min(most, MOST_DETAILED)  # of analysts' each payload is looked at
    silent: set[str] = set()

    def asking(question: Question) -> Answer:
        limited = question.model_copy(update={"limit": min(question.limit, most + 1)})
        try:
            answer = answer_of(limited, request, caller)
        except Forbidden as error:
            raise NotShownError(one_line(error)) from error
        silent.update(answer.record.silent)
        return answer

    def writing(question: Question, out: Any) -> object:
        return gate.telescope.write(allowed(question, request, caller), out, "pcap", "raw")

    def make() -> Made:
        try:
            write = writing if role == "operator" else None
            result = run(analysis, asking, given, origins=gate.origins, write=write, most_rows=listed)
        except NotShownError as error:
            raise error.__cause__ or error from None
        except OriginError as error:  # of the operator's files, not of the caller's words
            raise UnansweredError("the portal's files of countries and AS can't be used now") from error
        result = replace(result, notes=tuple(without_places(line, role == "operator") for line in result.notes))
        rows, held = len(result.rows), result.rows.nbytes + result.series.nbytes
        pieces = (piece.encode("ascii") for piece in result.json_pieces())
        if rows + len(result.series) > WHOLE:
            return Made(StreamingResponse(pieces, media_type="application/json"), held, rows, silent)
        return Made(Response(b"".join(pieces), media_type="application/json"), held, rows, silent)

    return await held_answer(request, caller, room_for("series", 0), make)


def _endpoint(analysis: Analysis, where: object) -> Endpoint:
    """An endpoint that takes the words from `where`: `Query()` or `Body()`."""

    async def endpoint(request: Request, caller: Anyone, words: Parameters) -> Response:
        return await analyse(analysis, words, request, caller)

    endpoint.__annotations__["words"] = Annotated[OF_ANALYSES[analysis.name], where]
    return endpoint


def _documented(analysis: Analysis) -> dict[int | str, dict[str, Any]]:
    first = analysis.estimates[0]
    example: dict[str, Any] = {
        "question": analysis.name, "filter": None, "since": "2026-03-04T05:00:00.000000Z",
        "until": "2026-03-05T05:00:00.000000Z", "options": {},
        "darknet": {"addresses": 256, "slash24s": 1, "blocks": ["C/24"], "frames_lost": 0, "gaps": []},
        "estimates": {
            first.name: {"value": 1.5, "low": 1.2, "high": 1.9, "level": LEVEL, "unit": first.unit, "method": "..."}
        },
        "notes": [], "rows": [], "series": [],
    }  # fmt: skip
    schema = {"type": "object", "required": list(example), "properties": {name: {} for name in example}}
    content = {"application/json": {"schema": schema, "example": example}}
    described = "Estimates with their intervals (null where one can't be made: see notes), rows, the darknet's size"
    return documented(described, content, 400, 401, 403, 406, 413, 415, 429, 503)


def make_router() -> APIRouter:
    """The list, and a pair of endpoints for each analysis."""
    router = APIRouter(tags=["analyses"])

    @router.get("/analyses", summary="The analyses that can be asked for", responses=refusals(401, 413, 415, 429, 503))
    async def analyses(caller: Anyone) -> Analyses:
        """Names, parameters, estimates and columns."""
        return Analyses(analyses=[_described(each) for each in ANALYSES.values()])

    for name, analysis in ANALYSES.items():
        for method, where in (("GET", Query()), ("POST", Body())):
            router.add_api_route(
                f"/analyses/{name}", _endpoint(analysis, where), methods=[method], summary=analysis.sentence,
                description=f"{analysis.paper} of the paper.", response_class=Response,
                operation_id=f"{method.lower()}_analyse_{analysis.method}", responses=_documented(analysis),
            )  # fmt: skip

    @router.get("/analyses/{name}", include_in_schema=False)
    @router.post("/analyses/{name}", include_in_schema=False)
    async def unknown(name: str, caller: Anyone) -> Response:
        named = meant(name[:40], ANALYSES, f"expected one of {', '.join(ANALYSES)}")
        raise HTTPException(404, f"no analysis {name[:40]!r}; {named}")

    return router


def _described(analysis: Analysis) -> Described:
    return Described(
        name=analysis.name,
        sentence=analysis.sentence,
        paper=analysis.paper,
        parameters=[each.name for each in analysis.remote],
        estimates=[{"name": each.name, "unit": each.unit, "sentence": each.sentence} for each in analysis.estimates],
        columns=[{"name": each.name, "kind": each.kind, "sentence": each.sentence} for each in analysis.columns],
    )
