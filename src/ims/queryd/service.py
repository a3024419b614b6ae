"""The daemon's service, Arrow Flight over mutual TLS: checks callers and requests, waits for a turn, and answers.

Errors begin with `ims:KIND:`, so that a portal can distinguish them: `refused` (role or certificate), `list` (this
daemon's list of revoked certificates can't be used, so it refuses all), `request` (not understood, or too large an
answer), `busy`, `late`, `store`, `ending` (it is being stopped), `failed`.
"""

from __future__ import annotations

import contextlib
import functools
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

import pyarrow as pa
import pyarrow.flight as fl
import structlog
from cachetools import TTLCache

from ims.cause import cause
from ims.link.contract import HELLO, LONGEST_MESSAGE, Ask, Hello, Tail, read_ticket, written
from ims.link.envelope import EMPTY, ENVELOPE
from ims.link.identity import Identity, parse_identity
from ims.pki.revocations import Refusal
from ims.process.endpoint import endpoint_error
from ims.query.engines.duckdb import Engine
from ims.query.errors import QuestionError
from ims.queryd.connections import end_connection
from ims.queryd.execution import Answerer
from ims.queryd.feed import BehindError
from ims.queryd.metrics import QuerydMetrics
from ims.queryd.tail import TailService
from ims.queryd.thread_queue import BusyError, GivenUpError, ThreadQueue
from ims.queryd.watchdog import Watchdog, WatchedQuestion
from ims.store.damage import DamageError
from ims.stored_file import A_LINK, NO_FILE

CALLERS = ("portal", "operator")
LONGEST_SECONDS = 600.0
REFUSALS_SECONDS = 60.0
"""Between two equal log lines about one caller."""
TAKING_SECONDS = 30.0
"""For a caller to take a piece of an answer, of 4 MiB at most; then its connection is ended."""
GRACE_SECONDS = 2.0
"""After a deadline, or a daemon's stop, for a caller to take what is being written, and to read why nothing follows."""
MOST_REFUSED = 1000
"""Callers whose refusals are remembered; the authority must have issued a certificate to each."""
Piece = tuple[pa.RecordBatch, pa.Buffer]
"""Of a stream: no row, and what comes beside it."""


class Service(fl.FlightServerBase):  # type: ignore[misc]
    """Answers portals and operators. It starts when its maker calls `serve`."""

    def __init__(
        self,
        location: str,
        answerer: Answerer,
        turns: ThreadQueue,
        *,
        hello: Callable[[], Hello],
        refusal: Callable[[str], Refusal | None],
        tailing: TailService,
        metrics: QuerydMetrics | None = None,
        tls: Sequence[tuple[bytes, bytes]] = (),
        ca: bytes | None = None,
        taking_seconds: float = TAKING_SECONDS,
    ) -> None:
        """`tls` and `ca`: certificate and key, and the issuer of callers' certificates; without them, only on loopback,
        everybody may call. `taking_seconds`: to take a piece. Raises OSError where the address can't be used."""
        self._answerer, self._turns, self._hello, self._refusal = answerer, turns, hello, refusal
        self._tailing, self._tls, self._watch = tailing, bool(tls), Watchdog()
        self._ending, self._metrics = threading.Event(), metrics or QuerydMetrics()
        self._taking_seconds, self._ends = taking_seconds, float("inf")
        self._refusals: TTLCache[str, str] = TTLCache(MOST_REFUSED, REFUSALS_SECONDS)
        self._refusals_lock = threading.Lock()
        self._log: Any = structlog.get_logger()
        pairs = list(tls) or None
        try:
            super().__init__(location, tls_certificates=pairs, verify_client=bool(tls), root_certificates=ca)
        except (pa.ArrowException, OSError) as error:
            self._watch.close()
            number = endpoint_error(location.partition("://")[2])
            why = os.strerror(number) if number else "gRPC failed; IMS_DEBUG=1 shows what it says"
            raise OSError(f"can't listen on {location}: {why}") from error

    def do_action(self, context: Any, action: Any) -> Iterator[bytes]:
        """`hello`."""
        caller = self._caller(context)
        if action.type != HELLO or (action.body is not None and action.body.size > LONGEST_MESSAGE):
            raise _error(fl.FlightServerError, "request", "the only action is hello")
        message = written(self._hello())
        with self._taking(context, caller):
            yield message

    def list_actions(self, context: Any) -> list[tuple[str, str]]:
        """The actions of `do_action`."""
        self._caller(context)
        return [(HELLO, "what this daemon is, and how it does")]

    def do_get(self, context: Any, ticket: Any) -> Any:
        """The answer to a ticket, as pieces: link/envelope.py."""
        caller = self._caller(context)
        if len(ticket.ticket) > LONGEST_MESSAGE:
            text = f"a request of {len(ticket.ticket):,} octets; at most {LONGEST_MESSAGE:,} are read"
            raise _error(fl.FlightServerError, "request", text)
        try:
            message = read_ticket(ticket.ticket)
        except ValueError as error:
            self._metrics.refused("request")
            self._log.info("refused", caller=caller.name, why=cause(error))
            text = str(error) if isinstance(error, QuestionError) else "the request can't be read"
            raise _error(fl.FlightServerError, "request", text) from None
        if isinstance(message, Tail):
            return fl.GeneratorStream(ENVELOPE, self._followed(context, message, caller))
        return fl.GeneratorStream(ENVELOPE, self._asked(context, message, caller))

    def _refuse(self, context: Any, *_message: Any) -> NoReturn:
        self._caller(context)
        raise _error(fl.FlightServerError, "request", "only questions are taken, and the action hello")

    list_flights = get_flight_info = get_schema = do_put = do_exchange = _refuse

    def shutdown(self) -> None:
        """Take no more questions; those that run or wait are interrupted, and callers that read nothing are cut off."""
        self._ends = time.monotonic() + GRACE_SECONDS
        self._ending.set()
        self._tailing.stop()
        super().shutdown()  # waits until all have ended

    def close(self) -> None:
        """End, once `shutdown` was called."""
        self._watch.close()

    def _caller(self, context: Any) -> Identity:
        if not self._tls:
            return Identity("operator", "loopback", "0" * 32)
        try:
            caller = parse_identity(context.peer_identity().decode("utf-8", "replace"))
        except ValueError as error:
            raise self._refused("identity", "", "", str(error)) from None
        if caller.role not in CALLERS:
            raise self._refused("role", caller.name, caller.serial, f"a {caller.role}'s certificate may not ask here")
        refusal = self._refusal(caller.serial)
        if refusal is not None:
            reason = "list" if refusal.kind == "list" else "revoked"
            raise self._refused(reason, caller.name, caller.serial, refusal.text)
        return caller

    def _refused(self, reason: str, name: str, serial: str, why: str) -> Exception:
        """The error for a refused caller, which is counted, and logged when its reason changes and every minute."""
        self._metrics.refused(reason)
        with self._refusals_lock:
            is_known = self._refusals.get(serial) == why
            if not is_known:
                self._refusals[serial] = why
        if not is_known:
            self._log.warning("refused", caller=name, serial=serial, why=why)
        kind = fl.FlightUnauthorizedError if reason == "role" else fl.FlightUnauthenticatedError
        return _error(kind, "list" if reason == "list" else "refused", why)

    def _asked(self, context: Any, ask: Ask, caller: Identity) -> Iterator[Piece]:
        began, own, outcome, octets = time.monotonic(), time.thread_time(), "left", 0
        until = began + min(ask.seconds, LONGEST_SECONDS)
        stack = contextlib.ExitStack()
        watched: list[WatchedQuestion] = []

        def gone() -> bool:
            return self._ending.is_set() or context.is_cancelled()

        def watch(engine: Engine) -> None:
            watched.append(stack.enter_context(self._watch.over(until, gone, engine.interrupt)))

        try:
            with self._turns.turn(f"{caller.name}/{ask.behalf}", until, gone), stack:
                for piece in self._answerer.answer(ask, watch):
                    octets += piece.size
                    with self._taking(context, caller, until + GRACE_SECONDS):
                        yield EMPTY, piece
            outcome = "answered"
        except Exception as error:
            outcome, kind, refusal, text = failure(error, watched, self._ending.is_set())
            if outcome == "store":
                words = str(error.__cause__ or "").partition("\n")[0]  # the database's own, for the log alone
                self._log.warning("store", caller=caller.name, why=cause(error), database=words)
            if refusal == "late":
                text += f", after {time.thread_time() - own:.3f} s of work"  # waiting isn't work
            raise _error(kind, refusal, text) from None
        finally:
            took, plans = time.monotonic() - began, [question.plan for question in ask.questions]
            self._metrics.asked(ask, outcome, took, octets)
            self._log.info("question", caller=caller.name, plans=plans, outcome=outcome, seconds=round(took, 3))

    @contextlib.contextmanager
    def _taking(self, context: Any, caller: Identity, until: float = float("inf")) -> Iterator[None]:
        """While a caller takes a piece: until it is late, or this daemon has stopped, and not for ever."""
        peer, is_cut = context.peer(), False
        until = min(until, time.monotonic() + self._taking_seconds)

        def cut() -> None:
            nonlocal is_cut
            if not is_cut and end_connection(peer, self.port):
                is_cut = True
                self._metrics.cut()
                self._log.warning("cut off", caller=caller.name, peer=peer, why="the client stopped reading")

        with self._watch.over(until, lambda: time.monotonic() >= self._ends, cut):
            yield

    def _followed(self, context: Any, tail: Tail, caller: Identity) -> Iterator[Piece]:
        def gone() -> bool:
            return context.is_cancelled() or (self._tls and self._refusal(caller.serial) is not None)

        try:
            with self._tailing.listener(caller.name):
                for piece in self._tailing.follow(tail, gone):
                    with self._taking(context, caller):
                        yield EMPTY, piece
        except (BusyError, BehindError) as error:
            slow = isinstance(error, BehindError)
            text = "it was followed too slowly" if slow else "too many follow this sensor already"
            raise _error(fl.FlightUnavailableError, "busy", text) from None
        except (OSError, ValueError) as error:
            self._log.warning("tail", caller=caller.name, why=cause(error))
            raise _error(fl.FlightInternalError, "store", unread(error)) from None
        except Exception as error:
            _, kind, refusal, text = failure(error, [], self._ending.is_set())
            self._log.warning("tail", caller=caller.name, why=text)
            raise _error(kind, refusal, text) from None


def unread(error: BaseException) -> str:
    """Why a store can't be read, without the path, which the log has."""
    match error:
        case DamageError():
            return "its store is damaged"
        case FileNotFoundError():
            why = "it isn't there" if error.filename is None else "a file in it isn't there"
        case PermissionError():
            why = "permission denied"
        case OSError(strerror=str(text)) if text in (A_LINK, NO_FILE):
            why = text
        case OSError(errno=int(number)) if number:
            why = os.strerror(number).lower()
        case _:
            return "its store can't be read"
    return f"its store can't be read: {why}"


def failure(error: Exception, watched: list[WatchedQuestion], ending: bool) -> tuple[str, type[Exception], str, str]:
    """(outcome, Flight's error, kind, text) of an error."""
    why = watched[0].why if watched else ""
    match error:
        case InterruptedError() | GivenUpError() if ending and why in ("", "gone"):
            return "ending", fl.FlightUnavailableError, "ending", "it is being stopped"
        case BusyError():
            return "busy", fl.FlightUnavailableError, "busy", "too many questions are waiting"
        case GivenUpError():
            return "late", fl.FlightTimedOutError, "late", "its turn didn't come in time"
        case InterruptedError() if why == "gone":
            return "gone", fl.FlightCancelledError, "late", "the caller went"
        case InterruptedError():
            return "late", fl.FlightTimedOutError, "late", "the deadline passed"
        case MemoryError():
            return "memory", fl.FlightServerError, "request", "it needs more memory than it may have"
        case DamageError():
            return "store", fl.FlightInternalError, "store", unread(error)
        case pa.ArrowInvalid():  # a ValueError to Python, but of files
            return "store", fl.FlightInternalError, "store", "its store can't be read"
        case QuestionError():
            return "refused", fl.FlightServerError, "request", str(error)
        case OSError():
            return "store", fl.FlightInternalError, "store", unread(error)
    structlog.get_logger().exception("failed", error=repr(error))
    return "failed", fl.FlightInternalError, "failed", "its log says why"


def _error(kind: Any, refusal: str, text: str) -> Exception:
    return kind(f"ims:{refusal}: {text}")  # type: ignore[no-any-return]


@functools.cache
def quiet() -> None:
    """Have gRPC write nothing to standard error: a daemon's own log says what there is to say of peers."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
