"""A question is checked, waits for its turn, and is answered; errors become one line."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Collection
from typing import NamedTuple, TypeVar, cast

import structlog
from fastapi import HTTPException, Request
from starlette.responses import Response, StreamingResponse

from ims.freed_memory import let_go
from ims.portal.api.answers import asked_of
from ims.portal.api.callers import gate_of, note
from ims.portal.api.errors import UNANSWERED, later, without_places
from ims.portal.api.parameters import Parameters, question, range_of
from ims.portal.api.streams import Held
from ims.portal.api.task_queue import TaskQueue
from ims.portal.auth.roles import Caller
from ims.portal.federation.asker import Effort, behalf
from ims.portal.privacy.query_policy import Forbidden, Withheld
from ims.query import request as typed
from ims.query.answer import Answer
from ims.query.errors import LaterError, QuestionError, UnansweredError
from ims.query.verbs import VerbName
from ims.text import one_line

T = TypeVar("T")
MARGIN_SECONDS = 2.0
"""Before a caller's limit, so that sensors which don't answer are named as silent, and the answer isn't a 503."""
EVEN_SECONDS = 0.5
"""Withheld and absent payloads are refused a multiple of this after the request: to look for one takes 5 to 50 ms, a
little longer if it exists."""
AGAIN_SECONDS = 2.0
"""In which others give back most of what they hold, or a sensor that fell silent is left out."""


async def made(verb: VerbName, words: Parameters, request: Request, caller: Caller) -> typed.Request:
    """The question, typed. Refuses with 400."""
    most = gate_of(request).limits.rows[caller.role]
    note(request, verb=verb, words=words.model_dump(exclude_defaults=True))
    try:
        return await asyncio.to_thread(question, verb, words, caller.role, most)
    except QuestionError as error:  # made of the caller's own words
        raise HTTPException(400, one_line(error)) from None


def allowed(asked: typed.Request, request: Request, caller: Caller) -> typed.Request:
    """The question as this caller may ask it: for the telescope only, never sent back to him. Call this in its turn: it
    may ask sensors for payloads that the filter names. Raises Forbidden."""
    gate = gate_of(request)
    asked = gate.secrecy.check(caller.role, asked, gate.octets)
    note(request, **range_of(asked))
    return asked


def answer_of(question: typed.Request, request: Request, caller: Caller) -> Answer:
    """The answer that this caller sees. Call this in its turn, in `settled`. Raises Forbidden; QuestionError for an
    answer with more rows than the role may have; UnansweredError where no sensor answered."""
    gate, role = gate_of(request), caller.role
    most = gate.limits.rows[role]

    def asking(asked: typed.Request) -> Answer:
        answer = gate.telescope.ask(asked)
        if answer.record.silent and set(answer.record.silent) >= set(asked_of(answer.record)):
            raise UnansweredError("; ".join(["no sensor answered", *answer.record.losses]))
        return answer

    answer = gate.secrecy.answer(role, allowed(question, request, caller), asking, gate.octets)
    if len(answer) > most:
        narrower = "ask for a shorter time, wider bins or a coarser group"
        raise QuestionError(f"the answer has more than {most:,} rows, the most for {role}s: {narrower}")
    return answer


async def answered(request: Request, caller: Caller, seconds: float, work: Callable[[], T], turns: str = "turns") -> T:
    """What `work` returns once it is the caller's turn. Its errors become a line of our own: what a library, an engine
    or another machine says goes to the log only."""
    waiting = cast("TaskQueue", getattr(request.app.state, turns))
    operator, began = caller.role == "operator", time.monotonic()
    until, effort = began + seconds - min(MARGIN_SECONDS, seconds / 4), Effort()

    def on_behalf() -> T:
        own = time.thread_time()
        try:
            with behalf(caller.name, known_only=not operator, until=until, effort=effort):
                return work()
        except BaseException as error:
            let_go(error)  # else its cycle keeps a question's tables until it is found
            raise
        finally:
            effort.seconds += time.thread_time() - own

    try:
        return await waiting.run(caller.name, seconds, on_behalf, lambda: effort.seconds)
    except Forbidden as error:
        if isinstance(error, Withheld):
            await asyncio.sleep(until_even(time.monotonic() - began))
        raise HTTPException(403, one_line(error)) from None
    except MemoryError:
        line = "the question needs more memory than it may have: ask for a shorter time, a narrower filter or less"
        raise HTTPException(400, line) from None
    except QuestionError as error:
        raise HTTPException(400, without_places(error, operator)) from error
    except LaterError as error:
        raise later(AGAIN_SECONDS, without_places(error, operator), 503) from error
    except UnansweredError as error:
        raise HTTPException(503, without_places(error, operator)) from error
    except OSError as error:
        structlog.get_logger().error("unanswered", request=request.scope["request_id"], exc_info=error)
        raise HTTPException(503, UNANSWERED) from error


class Made(NamedTuple):
    """A response, the bytes of its tables, its rows for the audit's line, and who was silent."""

    response: Response
    octets: int
    rows: int
    silent: Collection[str]


async def held_answer(request: Request, caller: Caller, octets: int, make: Callable[[], Made]) -> Response:
    """What `make` makes in the caller's turn, settled for his role. `octets`: room that is taken until its size is
    known; what it takes then is held until the last octet is sent."""
    gate, role = gate_of(request), caller.role
    share = await request.app.state.holding.take(caller.name, octets, gate.limits.seconds[role])

    def working() -> Made:
        with share.working():
            return gate.secrecy.settled(role, make)

    try:
        made = await answered(request, caller, gate.limits.seconds[role], working)
        share.resize(made.octets if isinstance(made.response, StreamingResponse) else len(made.response.body))
        note(request, rows=made.rows, silent=sorted(made.silent))
        return Held(made.response, share.release)
    except BaseException:
        share.release()
        raise


def until_even(seconds: float) -> float:
    """Seconds to wait after so many, to the next multiple of EVEN_SECONDS."""
    return math.ceil(seconds / EVEN_SECONDS) * EVEN_SECONDS - seconds
