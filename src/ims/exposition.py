"""A daemon's metrics over HTTP, in Prometheus' text format: one registry a daemon, and a small server for it.

It listens where it is told, on loopback unless an operator says otherwise, and asks nobody who he is. So callers are
bounded: a few connections at a time, each with some seconds, whatever they send.
"""

from __future__ import annotations

import contextlib
import encodings.idna  # noqa: F401  # resolving an address imports it, which the user we become may not be able to
import socket
import threading
from collections.abc import Callable
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import CollectorRegistry, ProcessCollector, disable_created_metrics, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

from ims.settings.endpoints import endpoint_of

CONNECTIONS = 8
PATIENCE_SECONDS = 10.0
SECONDS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 60.0, 300.0)
"""Bounds of the buckets in which answers' times are counted."""


def new_registry() -> CollectorRegistry:
    """An empty registry, but for what is known of the process."""
    disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each counter, which nothing here asks for
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    return registry


class _Handler(WSGIRequestHandler):
    timeout = PATIENCE_SECONDS

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: whoever can reach the port could fill the log."""


class _Server(ThreadingWSGIServer):
    """Closes what comes while CONNECTIONS are being served."""

    def __init__(self, *words: Any) -> None:
        self._free = threading.Semaphore(CONNECTIONS)
        super().__init__(*words)

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:  # no thread could be begun
            self._free.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        # A socket's timeout is for each octet: who sends one now and then would keep the place for days.
        deadline = threading.Timer(PATIENCE_SECONDS, _end, (request,))
        deadline.daemon = True
        try:
            deadline.start()
            super().process_request_thread(request, client_address)
        finally:
            deadline.cancel()
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of callers that went or were too slow."""


def _end(request: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it has ended by itself
        request.shutdown(socket.SHUT_RDWR)


class _Server6(_Server):
    address_family = socket.AF_INET6


def serve_metrics(endpoint: str, registry: CollectorRegistry) -> Callable[[], None]:
    """Serve a registry; returns what ends it. Raises OSError where the port can't be had."""
    address, port = endpoint_of(endpoint)
    kind = _Server6 if ":" in address else _Server
    try:
        server = make_server(address, port, make_wsgi_app(registry), kind, _Handler)
    except OSError as error:
        raise OSError(f"metrics = {endpoint!r}: {error.strerror}") from error
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()

    def end() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return end
