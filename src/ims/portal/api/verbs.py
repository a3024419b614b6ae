"""`/query/VERB`: the verbs of `ims query`, with GET and POST."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Body, HTTPException, Query, Request
from starlette.responses import Response

from ims.portal.api.answer_memory import room_for
from ims.portal.api.answers import response
from ims.portal.api.callers import Anyone
from ims.portal.api.errors import OCTETS, documented
from ims.portal.api.execute import Made, answer_of, held_answer, made
from ims.portal.api.negotiate import negotiated
from ims.portal.api.parameters import WORDS, Parameters
from ims.query.verbs import VERBS, Verb, VerbName

Endpoint = Callable[..., Awaitable[Response]]


async def ask(verb: VerbName, words: Parameters, request: Request, caller: Anyone) -> Response:
    """Answer one question in the form that is accepted."""
    role, form = caller.role, negotiated(request.headers.getlist("accept"))
    question = await made(verb, words, request, caller)

    def make() -> Made:
        answer = answer_of(question, request, caller)
        sent = response(verb, answer, form, role == "operator")
        return Made(sent, answer.table.nbytes, len(answer), answer.record.silent)

    return await held_answer(request, caller, room_for(verb, question.rows), make)


def _endpoint(verb: VerbName, where: object) -> Endpoint:
    """An endpoint that takes the verb's words from `where`: `Query()` or `Body()`."""

    async def endpoint(request: Request, caller: Anyone, words: Parameters) -> Response:
        return await ask(verb, words, request, caller)

    endpoint.__annotations__["words"] = Annotated[WORDS[verb], where]
    return endpoint


_RECORD = {
    "asked": ["a", "b"], "answered": ["a"], "silent": {"b": "no answer within 2 s"}, "sensors": ["a", "b"],
    "seconds": 0.08, "took": {"a": 0.07, "b": 2.0}, "darknet_24s": 1.5, "frames_lost": 0, "payloads_lost": 0,
    "losses": ["b did not answer: no answer within 2 s"], "limit": 0, "matching": 0, "at_least": False,
    "bins_left_out": 0, "verb": "count", "losing": {}, "left_out": [], "withheld": [],
    "since": "2026-03-04T00:00:00.000000Z", "until": "2026-03-05T00:00:00.000000Z", "bin_seconds": 0.0,
}  # fmt: skip


def _documented(verb: Verb) -> dict[int | str, dict[str, Any]]:
    row = dict(verb.example)
    example = {"rows": row if verb.one else [row], "answer": _RECORD}
    rows: dict[str, Any] = {"type": "object"}
    record = {"type": "object", "description": "How the answer came about: who was asked, who is silent."}
    schema = {
        "type": "object",
        "required": ["rows", "answer"],
        "properties": {"rows": rows if verb.one else {"type": "array", "items": rows}, "answer": record},
    }
    content = {
        "application/json": {"schema": schema, "example": example},
        "text/csv": {"schema": {"type": "string"}, "example": ",".join(row) + "\n"},
        "application/vnd.apache.arrow.stream": OCTETS,
    }
    described = "The rows; in an Arrow stream the schema's metadata has the record under `ims.answer`"
    return documented(described, content, 400, 401, 403, 406, 413, 415, 429, 503)


def make_router() -> APIRouter:
    """A pair of endpoints for each verb."""
    router = APIRouter(prefix="/query", tags=["questions"])
    for name, verb in VERBS.items():
        for method, where in (("GET", Query()), ("POST", Body())):
            router.add_api_route(
                f"/{name}", _endpoint(name, where), methods=[method], summary=verb.sentence, description=verb.detail,
                operation_id=f"{method.lower()}_{name}", response_class=Response, responses=_documented(verb),
            )  # fmt: skip

    @router.get("/{verb}", include_in_schema=False)
    @router.post("/{verb}", include_in_schema=False)
    async def unknown(verb: str, caller: Anyone) -> Response:
        raise HTTPException(404, f"no verb {verb[:40]!r}; expected one of {', '.join(VERBS)}")

    return router
