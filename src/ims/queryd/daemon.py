"""The query daemon as a process: it answers until it is stopped."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, NamedTuple

import pyarrow as pa
import structlog

from ims import kernels
from ims.cause import cause
from ims.exposition import serve_metrics
from ims.link.contract import NEWEST, OLDEST, Hello, Live
from ims.pki.credentials import Credentials, expiry_warnings
from ims.pki.revocations import Refusal, Revocations
from ims.process.privileges import become, user_to_become
from ims.process.service_manager import tell_systemd
from ims.process.start_checks import refuse
from ims.query.engines.part_reader import load_kernels
from ims.query.engines.sql_cache import filtered, half
from ims.query.language.filter import parse
from ims.query.question import Question
from ims.queryd import handshakes
from ims.queryd.checks import queryd_checks, read_credentials
from ims.queryd.config import QuerydConfig
from ims.queryd.execution import Answerer, closed_hours, live_sensors
from ims.queryd.memory import shares
from ims.queryd.metrics import QuerydMetrics
from ims.queryd.scrub import Scrub
from ims.queryd.sensor_names import stranger
from ims.queryd.service import REFUSALS_SECONDS, Service, quiet
from ims.queryd.tail import TailService
from ims.queryd.thread_queue import ThreadQueue
from ims.settings.endpoints import endpoint_of
from ims.store.reader import open_store
from ims.store.store_id import read_store_id
from ims.version import full_version

LAST_PACKET_SECONDS = 2.0
KEPT = 1
"""Places, besides `running`, for callers whose questions were short lately."""
MOST_HANDSHAKES = 20
"""Log lines, in `REFUSALS_SECONDS`, about callers that TLS refuses: anybody may be one."""


def warm_up() -> None:
    """Import all that answers need and load compiled kernels, while their files may still be read: those in root's home
    need privileges, as root's cache does. Only a thread that counts distinct pairs begins here, and ends."""
    import importlib

    for name in ("pyarrow.compute", "pyarrow.dataset", "pandas", "ims.query.plans.predicate"):
        importlib.import_module(name)
    filtered(parse("tcp dst port 80 and not src net 192.0.2.0/24 and ip[8] < 9"))
    for verb, plan, key in (("count", "count", None), ("series", "series", None), ("sources", "ranked", "source")):
        half(Question.model_validate({"plan": plan, "request": {"verb": verb}, "key": key}))
    half(Question.model_validate({"plan": "coverage", "request": {"verb": "coverage"}}))
    load_kernels()


class _StoreState(NamedTuple):
    """What a hello says of the store. `last`: begin of the last hour that has packets."""

    closed: str = ""
    sensors: tuple[str, ...] = ()
    last: float | None = None
    live: Mapping[str, Live] = MappingProxyType({})
    id: str = ""
    watched: tuple[str, ...] | None = None


class Queryd:
    """One daemon. `run` blocks until `stop` is called, from a signal handler or another thread."""

    def __init__(self, config: QuerydConfig) -> None:
        """Raises ValueError or OSError, in one line, for certificates or a store that can't be used."""
        quiet()
        self.config = config
        self._ended, self._end = os.pipe()
        os.set_blocking(self._end, False)
        self._log: Any = structlog.get_logger()
        self.credentials: Credentials | None = None
        self._revocations: Revocations | None = None
        refuse(queryd_checks(config))
        if config.tls is not None:
            self.credentials = read_credentials(config.tls, "sensor")
            self._revocations = Revocations(config.tls.revoked, self.credentials.ca)
        user = user_to_become(config.user)
        warm_up()
        become(user, stay_root=config.user == "root")
        if user is not None:
            kernels.forget_cache()
        pa.set_io_thread_count(1)
        share = shares(config.memory, config.running + KEPT)
        self._answerer = Answerer(config.store, config.running + KEPT, share.engines, config.threads, share.batch)
        self._turns = ThreadQueue(config.running, config.waiting_each, config.waiting, KEPT)
        self._metrics = QuerydMetrics()
        self._tailing = TailService(
            config.store, config.listeners, 8, self._answerer.watched, share.followers, self._metrics.left_out
        )
        self._scrub = Scrub(config.store)
        self._state: tuple[float, _StoreState] = (0.0, _StoreState())
        self._state_lock = threading.Lock()
        address, port = endpoint_of(config.listen)
        shown = f"[{address}]" if ":" in address else address
        own = self.credentials
        self._log_limit = handshakes.LogLimit(REFUSALS_SECONDS, MOST_HANDSHAKES)
        self.service = Service(
            f"grpc{'+tls' if own else ''}://{shown}:{port}", self._answerer, self._turns, hello=self.hello,
            refusal=self._refusal, tailing=self._tailing, metrics=self._metrics, ca=own.ca if own else None,
            tls=[(own.certificate, own.key)] if own else [],
        )  # fmt: skip
        self._metrics.watch(self._turns, config.running, lambda: self._tailing.listening, self.hello)
        self._end_metrics: Callable[[], None] = lambda: None
        if config.metrics is not None:
            try:
                self._end_metrics = serve_metrics(config.metrics, self._metrics.registry)
            except OSError:
                self._close()
                raise

    def hello(self) -> Hello:
        """What the daemon says of itself."""
        problem = (self._revocations.problem if self._revocations is not None else None) or ""
        try:
            state = self.store_state()
        except (OSError, ValueError) as error:
            state, problem = _StoreState(), problem or f"its store can't be read: {cause(error)}"
        problem = problem or stranger(self.config, self.credentials, state.sensors) or ""
        return Hello(
            oldest=OLDEST, newest=NEWEST, program=full_version(), store=state.id, sensors=state.sensors,
            name=self.credentials.identity.name if self.credentials else "", now=time.time(),
            last_packet=state.last, closed=state.closed, live=dict(state.live),
            expires=self.credentials.expires.timestamp() if self.credentials else None,
            running=self._turns.running, waiting=self._turns.waiting, problem=problem, watched=state.watched,
        )  # fmt: skip

    def run(self) -> None:
        """Answer until stopped."""
        if self.credentials is not None:
            for line in expiry_warnings(self.credentials, datetime.now(UTC)):
                self._log.warning("certificate", warning=line)
            self._log.info("identity", **self.credentials.identity._asdict())
        self._log.info("listening", address=self.config.listen, port=self.service.port, store=str(self.config.store))
        tell_systemd("READY=1")
        self._scrub.start()
        os.read(self._ended, 1)
        tell_systemd("STOPPING=1")
        self._close()
        self._log.info("stopped")

    def _close(self) -> None:
        self._end_metrics()
        self._scrub.stop()
        self.service.shutdown()
        self.service.close()

    def listen_for_signals(self) -> None:
        """Have signals end `run`'s wait, whichever thread they come to and whenever. For the main thread: handlers run
        there, and a signal just before it begins to read, or to another thread, wouldn't wake it."""
        signal.set_wakeup_fd(self._end, warn_on_full_buffer=False)

    def stop(self) -> None:
        """End `run`."""
        with contextlib.suppress(BlockingIOError):  # there is enough to read already
            os.write(self._end, b"x")

    def _refusal(self, serial: str) -> Refusal | None:
        return None if self._revocations is None else self._revocations.refusal(serial)

    def note_handshake(self, refusal: handshakes.Refusal) -> None:
        """Count a refusal by TLS, and log it; of many, a few a minute. For one thread."""
        self._metrics.refused("handshake")
        is_logged, others = self._log_limit.worth(refusal)
        if is_logged:
            more = {"others": others} if others else {}
            self._log.warning("refused", address=refusal.address, why=refusal.why, **more)

    def store_state(self) -> _StoreState:
        """What `hello` says of the store; read at most every two seconds, except for its sensors' state."""
        with self._state_lock:
            when, state = self._state
            with open_store(self.config.store) as store:
                if time.monotonic() - when > LAST_PACKET_SECONDS or not when:
                    hours = store.hours("packets")
                    last = hours[-1] / 1e6 if hours else None
                    known = read_store_id(self.config.store)
                    state = _StoreState(closed_hours(store, time.time()), store.sensors, last, id=known)
                    self._state = (time.monotonic(), state)
                return state._replace(live=live_sensors(store), watched=self._answerer.watched.of(store))
