"""The application: all endpoints, in the middleware."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from ims.portal.api import analyses, events, exports, landing, payloads, sessions, status, verbs
from ims.portal.api.answer_memory import AnswerMemory
from ims.portal.api.errors import refuse_in_one_line
from ims.portal.api.middleware import API, Envelope
from ims.portal.api.task_queue import TaskQueue
from ims.portal.api.threads import Threads
from ims.portal.services import Services

DESCRIPTION = (
    "Questions to every sensor of this Internet Motion Sensor, in the words of `ims query`. Answers are JSON, CSV or "
    "an Arrow stream, as `Accept` says, and say which sensors are missing."
)


def create_app(gate: Services) -> FastAPI:
    """The portal's API in front of `gate`. Serve it with `serve_settings`."""
    threads = Threads()

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        threads.close()
        app.state.turns.close()
        app.state.exporting.close()

    app = FastAPI(
        title="Internet Motion Sensor",
        description=DESCRIPTION,
        version=gate.version,
        openapi_url=f"{API}/openapi.json",
        docs_url=None,  # they load their JavaScript from elsewhere
        redoc_url=None,
        redirect_slashes=False,  # a redirect would contain the Host that the caller sent
        lifespan=lifespan,
    )
    app.state.threads, app.state.gate, most = threads, gate, gate.limits
    app.state.turns = TaskQueue(most.questions, most.questions_each, most.questions_waiting, most.questions_kept)
    app.state.holding = AnswerMemory(most.answer_bytes)
    app.state.exporting = TaskQueue(most.exports, most.exports_each)
    app.state.listeners = events.Listeners(most.listeners, most.listeners_each)
    for router in (
        sessions.router, verbs.make_router(), analyses.make_router(), payloads.router, exports.router, events.router,
        status.router,
    ):  # fmt: skip
        app.include_router(router, prefix=API)
    app.include_router(landing.router)
    refuse_in_one_line(app)
    app.add_middleware(Envelope, gate=gate, threads=threads)
    document = _document(app)
    app.openapi = lambda: document  # type: ignore[method-assign]
    return app


def _document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, without FastAPI's 422, which is 400 here."""
    document = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes, tags=app.openapi_tags
    )
    for methods in document["paths"].values():
        for operation in methods.values():
            operation["responses"].pop("422", None)
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)
    return document
