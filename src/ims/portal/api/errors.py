"""Errors as the API sends them: `{"error": one line}`, with nothing in it that isn't for the caller."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.responses import JSONResponse, Response

from ims.query.errors import said_of
from ims.text import one_line

OCTETS = {"schema": {"type": "string", "format": "binary"}}  # content that isn't text, in the OpenAPI document
UNKNOWN = "authentication required: expected a bearer token, as in `Authorization: Bearer TOKEN`"
UNANSWERED = "it can't be answered now; the portal's log has more under this X-Request-ID"
FAULT = "a fault of the portal; its log has more under this X-Request-ID"
_PATH = re.compile(r"(?<![\w.:/])~?/(?:[^\s/'\",;:()]+/)+[^\s'\",;:()]*")
_ADDRESS = re.compile(r"(?<!\d)(?<!\d\.)\d{1,3}(?:\.\d{1,3}){3}(?:/\d{1,2}|:\d{1,5})?(?!\d|\.\d)")
_PHRASES = {
    404: "there is nothing here; see /api/v1/openapi.json",
    405: "that method isn't taken here; see /api/v1/openapi.json",
}


class Ascii(JSONResponse):
    """JSON in ASCII, whatever was in the texts: lone surrogates too."""

    def render(self, content: Any) -> bytes:
        """As JSONResponse's."""
        return json.dumps(content, ensure_ascii=True, default=str).encode("ascii")


class Refusal(BaseModel):
    """What went wrong, in one line."""

    error: str = Field(examples=["filter, column 1: 'tpc' can't stand here; meant tcp?"])


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Refusals for the OpenAPI document, with those that every endpoint has."""
    words = {
        400: "Bad request",
        401: "No valid token",
        403: "Not for this role",
        404: "Not found",
        406: "No such form of an answer",
        413: "Larger than what is taken",
        415: "Not JSON",
        431: "The request's head is too large",
        429: "Too many requests; Retry-After says when to come again",
        503: "Nobody answered, or not in time",
    }
    return {status: {"model": Refusal, "description": words[status]} for status in (*statuses, 431)}


def documented(description: str, content: Mapping[str, Any], *statuses: int) -> dict[int | str, dict[str, Any]]:
    """A response with this content, and refusals, for the OpenAPI document."""
    return {200: {"description": description, "content": content}, **refusals(*statuses)}


def without_places(text: object, addresses: bool = False) -> str:
    """A line without paths of this machine, and without addresses where they aren't for the caller."""
    line = _PATH.sub("(path)", one_line(text))
    return line if addresses else _ADDRESS.sub("(address)", line)


def refusal(status: int, line: object, headers: Mapping[str, str] | None = None) -> Ascii:
    """A response that refuses."""
    return Ascii({"error": one_line(line)}, status, dict(headers or {}))


def unknown_caller() -> HTTPException:
    """The same for no token, a wrong one, an expired one, and a wrong password."""
    return HTTPException(401, UNKNOWN, {"WWW-Authenticate": "Bearer"})


def later(seconds: float, line: str, status: int = 429) -> HTTPException:
    """A refusal that may be tried again in so many seconds."""
    return HTTPException(status, line, {"Retry-After": str(max(1, math.ceil(seconds)))})


def sentence(errors: Sequence[Any]) -> str:
    """The first thing that is wrong with a request: where, and what would be right."""
    first = errors[0]
    where = ".".join(map(str, first["loc"][1:]))
    if first["type"] == "json_invalid":
        return f"the body is no JSON, at character {first['loc'][-1]}"
    if first["type"] == "extra_forbidden":
        return f"unknown parameter {where[:80]!r}; see /api/v1/openapi.json"
    if first["type"] == "missing":
        return f"{where or 'the body'} is missing"
    return f"{where[:80]}: {said_of(first)}" if where else said_of(first)


def refuse_in_one_line(app: FastAPI) -> None:
    """Answer every error of the application in one line."""

    async def http(_request: Request, error: Exception) -> Response:
        assert isinstance(error, StarletteHTTPException)
        plain = error.detail if isinstance(error, HTTPException) else _PHRASES.get(error.status_code, error.detail)
        return refusal(error.status_code, plain, error.headers)

    async def words(_request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return refusal(400, sentence(error.errors()))

    app.add_exception_handler(StarletteHTTPException, http)
    app.add_exception_handler(RequestValidationError, words)
