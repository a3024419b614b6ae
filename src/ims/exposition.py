"""A daemon's metrics over HTTP, in Prometheus' text format: one registry a daemon, and a small server for it.

It listens on loopback unless configured otherwise, and authenticates nobody. So callers are bounded: a few connections
at a time, each for some seconds, whatever they send.
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
"""Bounds of the histogram of answers' times."""


def new_registry() -> CollectorRegistry:
    """A registry that has the process's metrics alone."""
    disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each counter, which nothing here needs
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    return registry


class _Handler(WSGIRequestHandler):
    timeout = PATIENCE_SECONDS

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: whoever can reach the port could fill the log."""


class _Server(ThreadingWSGIServer):
    """Closes what comes while CONNECTIONS are being served."""

    def __init__(self, address: tuple[str, int], handler: type[WSGIRequestHandler]) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._free = threading.Semaphore(CONNECTIONS)
        super().__init__(address, handler)

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
        # A socket's timeout is for each octet: a caller that sends one now and then would keep the place for days.
        deadline = threading.Timer(PATIENCE_SECONDS, _end, (request,))
        deadline.daemon = True
        try:
            deadline.start()
            super().process_request_thread(request, client_address)
        finally:
            deadline.cancel()
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log nothing of callers that left or were too slow."""


def _end(request: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it has ended by itself
        request.shutdown(socket.SHUT_RDWR)


def serve_metrics(endpoint: str, registry: CollectorRegistry) -> Callable[[], None]:
    """Serve a registry; returns a function that ends it. Raises OSError where the port can't be bound."""
    try:
        server = make_server(*endpoint_of(endpoint), make_wsgi_app(registry), _Server, _Handler)
    except OSError as error:
        raise OSError(f"metrics = {endpoint!r}: {error.strerror}") from error
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()

    def end() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return end
