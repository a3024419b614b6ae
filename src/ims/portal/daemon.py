"""The portal as a process: it serves its API until it is stopped."""

from __future__ import annotations

import socket
import sys
import time
from collections import defaultdict
from datetime import UTC, datetime
from functools import partial
from typing import Any

import structlog
import uvicorn

from ims import kernels
from ims.exposition import serve_metrics
from ims.origin.origins import OriginFiles
from ims.pki.credentials import Credentials, expiry_warnings
from ims.pki.revocations import Refusal, Revocations
from ims.portal.api.app import create_app
from ims.portal.api.descriptors import OWN, SPARE, Listening, needed, raise_limit
from ims.portal.api.server import serve_settings
from ims.portal.audit import Audit
from ims.portal.auth.accounts import Accounts
from ims.portal.auth.rate_limit import RateLimit
from ims.portal.checks import portal_checks
from ims.portal.config import PortalConfig
from ims.portal.federation.answer_cache import AnswerCache
from ims.portal.federation.asker import Budget, behalf
from ims.portal.federation.health import shown_sensor
from ims.portal.federation.lake_peer import THE_LAKE, LakePeer
from ims.portal.federation.merge import MergeEngines
from ims.portal.federation.monitored_space import MonitoredSpace, path_beside
from ims.portal.federation.part_memory import PartMemory
from ims.portal.federation.registry import Registry
from ims.portal.federation.scatter import Scatter, SensorsRun
from ims.portal.federation.sensors import Sensors
from ims.portal.federation.sensors_backend import SensorsBackend
from ims.portal.live import Live
from ims.portal.metrics import PortalMetrics
from ims.portal.privacy.address_scan import load_scanning_kernels
from ims.portal.privacy.policy import PrivacyPolicy
from ims.portal.privacy.viewer_policy import finished, unit_of
from ims.portal.services import Event, Limits, Services, no_origins
from ims.process.endpoint import listening_socket
from ims.process.privileges import become, user_to_become
from ims.process.service_manager import tell_systemd
from ims.process.start_checks import refuse
from ims.query.answer import Answer
from ims.query.request import Request, make_request
from ims.queryd.checks import read_credentials
from ims.queryd.daemon import warm_up
from ims.queryd.service import quiet
from ims.settings.endpoints import endpoint_of
from ims.telescope import Telescope
from ims.version import full_version

SWITCH_SECONDS = 0.0005
"""After so long a thread that makes a large answer lets others run. Beside a hundred hostile callers a short question
took 1.2 s with it, and 1.7 s with Python's own 5 ms: medians of two runs each, taken in turn."""


class Portal:
    """One portal. `run` blocks until `stop` is called, from a signal handler or another thread."""

    def __init__(self, config: PortalConfig) -> None:
        """Raises ValueError or OSError, in one line, for files that can't be used."""
        quiet()
        self.config = config
        self._log: Any = structlog.get_logger()
        self.credentials: Credentials | None = None
        self._revocations: Revocations | None = None
        refuse(portal_checks(config))
        if config.tls is not None:
            self.credentials = read_credentials(config.tls, "portal")
            self._revocations = Revocations(config.tls.revoked, self.credentials.ca)
        self._server, self._socket = self._uvicorn()
        user = user_to_become(config.user)
        warm_up()
        load_scanning_kernels()
        become(user, stay_root=config.user == "root")
        if user is not None:
            kernels.forget_cache()
        self._metrics = PortalMetrics()
        self.accounts = Accounts(config.accounts)
        self.audit = Audit(config.audit, age=config.audit_age)
        self.registry = Registry(config.registry)
        lake = LakePeer(config.lake.uri, config.lake, config.merging) if config.lake is not None else None
        self.monitored = MonitoredSpace(self.registry.sensors, path_beside(config.accounts), [THE_LAKE] if lake else [])
        self.sensors = Sensors(
            self.registry, self.credentials, self._refusal, monitored=self.monitored,
            meanwhile=partial(lake.look_once, self.monitored) if lake is not None else lambda: None,
        )  # fmt: skip
        self.asking = Scatter(
            self.sensors, MergeEngines(config.merging, config.memory), lake=lake, room=PartMemory(config.answer),
            budget=Budget(config.deadline, config.rows, config.answer), remembered=AnswerCache(config.cache),
        )  # fmt: skip
        self.telescope = Telescope(backend=SensorsBackend(self.asking))
        self._origins = OriginFiles(config.mmdb).current if config.mmdb else no_origins
        self.secrecy = PrivacyPolicy(
            config.secrecy, self.monitored.prefixes, secret=self.accounts.secret("rounding"),
            failed=self._metrics.search_failed,
        )  # fmt: skip
        every, failed = config.secrecy.viewer_bin, self._metrics.live_failed
        self.live = Live(self.sensors, self.secrecy.may_see_payload, self._rounded, every, failed)

    def gate(self) -> Services:
        """All that the API needs."""
        config = self.config
        return Services(
            telescope=self.telescope, accounts=self.accounts, audit=self.audit,
            throttle=RateLimit(config.questions_per_second, config.questions_at_once),
            logins=RateLimit(config.logins_per_minute / 60, max(1.0, config.logins_per_minute)),
            secrecy=self.secrecy, sensors=self.shown_sensors, events=self.live.events, version=full_version(),
            octets=self.octets, origins=self._origins, metrics=self._metrics,
            limits=Limits(export_folder=config.export_folder, requests_each=config.connections_each),
        )  # fmt: skip

    def run(self) -> None:
        """Answer until stopped. Raises OSError where the address can't be listened on."""
        if self.credentials is not None:
            for line in expiry_warnings(self.credentials, datetime.now(UTC)):
                self._log.warning("certificate", warning=line)
        self._app = app = create_app(self.gate())
        expires = self.credentials.expires.timestamp() if self.credentials is not None else None
        self._metrics.watch(app.state.turns, app.state.listeners, self.sensors.health, expires, self.audit)
        metrics = self.config.metrics
        end_metrics = None if metrics is None else serve_metrics(metrics, self._metrics.registry)
        sys.setswitchinterval(SWITCH_SECONDS)
        self.sensors.start()
        scheme = "https" if self.config.https else "http"
        self._log.info("listening", url=f"{scheme}://{self.config.listen}", sensors=len(self.registry.sensors()))
        tell_systemd("READY=1")
        try:
            self._server.run(sockets=[self._socket])
        finally:
            tell_systemd("STOPPING=1")
            if end_metrics is not None:
                end_metrics()
            for part in (self.live, self.sensors, self.asking.lake, self.audit, self.accounts):
                if part is not None:
                    part.close()
            self._log.info("stopped")

    def stop(self) -> None:
        """End `run`."""
        self._server.should_exit = True
        self.live.end()

    def octets(self, signatures: list[bytes]) -> dict[bytes, bytes]:
        """Payloads by signature; if several share one, all of them, joined."""
        if not signatures:
            return {}
        found: dict[bytes, bytes] = defaultdict(bytes)
        run = SensorsRun(make_request("payloads", None), self.asking, {})
        for row in run.run(run.about("payload_bytes", "signature", signatures))[0].to_pylist():
            found[row["signature"]] += row["payload"] or b""
        return dict(found)

    def shown_sensors(self) -> list[dict[str, Any]]:
        """The health of each sensor, for operators; the API leaves out what others don't see."""
        return [shown_sensor(health) for health in self.sensors.health()]

    def _refusal(self, serial: str) -> Refusal | None:
        return None if self._revocations is None else self._revocations.refusal(serial)

    def _rounded(self, told: float) -> tuple[list[Event], float]:
        """A viewer's finished bins since the last ones were sent, at `told` (seconds since the epoch)."""
        settings = self.config.secrecy
        begin, end = finished(settings, told, time.time())
        if end <= begin:
            return [], told
        request = Request(verb="series", since=begin, until=end, bin=unit_of(settings), group="block")
        try:
            with behalf("the live view", known_only=True):
                rows = self.secrecy.settled("viewer", lambda: self._viewers_series(request)).rows()
        except (OSError, ValueError):
            return [], told
        except Exception:  # listeners get later what couldn't be sent now
            self._log.exception("live", role="viewer")
            self._metrics.live_failed("followed")
            return [], told
        shown = [{name: value for name, value in row.items() if value is not None} for row in rows]
        return [Event("packets", row) for row in shown if "value" in row], end / 1e6 + settings.viewer_delay

    def _viewers_series(self, request: Request) -> Answer:
        checked = self.secrecy.check("viewer", request)
        return self.secrecy.answer("viewer", checked, self.telescope.ask)

    def _uvicorn(self) -> tuple[uvicorn.Server, socket.socket]:
        """The server, with the files and the port that need privileges."""
        address, port = endpoint_of(self.config.listen)
        connections, each, proxies = self.config.connections, self.config.connections_each, self.config.proxies
        settings = serve_settings(connections=connections, connections_each=each, proxies=proxies)
        if self.config.https is not None:
            settings |= {"ssl_certfile": self.config.https.certificate, "ssl_keyfile": self.config.https.key}

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await self._app(scope, receive, send)

        config = uvicorn.Config(app, host=address, port=port, **settings)
        config.load()
        listening = listening_socket("listen", self.config.listen)
        # asyncio doesn't set it for sockets that it didn't make: each answer's body would wait 40 ms for an ACK.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        limit = raise_limit(needed(connections))
        if limit < needed(connections):
            self._log.warning("too few file descriptors", limit=limit, needed=needed(connections))
        most = max(SPARE, min(SPARE * connections, limit - OWN))
        return uvicorn.Server(config), Listening(listening, most, SPARE * each, proxies)
