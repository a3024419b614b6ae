"""Callers that TLS itself refuses: for a foreign authority, an expired certificate, or none at all.

Flight doesn't report them: none of our calls runs. gRPC does on standard error, with the caller's address if its trace
`handshaker` is on (gRPC 1.81; grpc/doc/environment_variables.md), in several long lines for each connection. So
descriptor 2, which then only libraries write to, is a pipe: a refusal becomes a line of our log, other lines of gRPC
are dropped, and the rest is passed on. What a library writes while it aborts the process may be lost. gRPC doesn't give
the certificate's serial number; the portal's log has it.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from ims.moved import earlier_name

VERBOSITY, TRACE = "GRPC_VERBOSITY", "GRPC_TRACE"
PIPE_OCTETS = 1 << 20
LONGEST_LINE = 1 << 16
_OF_GRPC = re.compile(rb"[IWE]\d{4} \d\d:\d\d:[\d.]+ +\d+ \w+\.(?:cc|h):\d+\]|WARNING: All log messages before absl::")
_REFUSAL = re.compile(
    rb"handshaker\.cc:\d+\] CallNextHandshakerLocked: error=\w+: *Ssl handshake failed[^:]*: *SSL_ERROR_SSL: "
    rb"error:[0-9A-Fa-f]+:[^:]*:[^:]*:(?P<why>.*?) shutdown=\w+ .*?endpoint_peer_address=(?P<peer>[^,}]*)"
)
_PEER = re.compile(r"ipv[46]:\[?(?:::ffff:(?=[\d.]+\]))?([^\]]*?)\]?:\d+")
_VERIFY = re.compile("^certificate.verify.failed: ", re.IGNORECASE)
WORDS = {
    "certificate has expired": "its certificate has expired",
    "certificate is not yet valid": "its certificate isn't valid yet; one of the clocks is wrong",
    "unable to get local issuer certificate": "its certificate is of a foreign authority",
    "self-signed certificate in certificate chain": "its certificate is of a foreign authority",
    "self-signed certificate": "its certificate is of a foreign authority",
    "certificate signature failure": "its certificate is of a foreign authority",
    "peer did not return a certificate": "it shows no certificate",
    "http request": "it doesn't speak TLS",
    "wrong version number": "it doesn't speak TLS",
}
"""OpenSSL's reasons, in words."""


class Refusal(NamedTuple):
    """A caller that TLS refused."""

    address: str
    why: str


class Handshakes:
    """`divert` before gRPC begins, `start` when threads may, `end` in any case."""

    def __init__(self) -> None:
        self._real = self._read = -1
        self._thread: threading.Thread | None = None

    def divert(self) -> int:
        """Have gRPC report handshakes, to a pipe as descriptor 2. Returns a copy of the earlier one, for our log."""
        os.environ[VERBOSITY], os.environ[TRACE] = "INFO", "handshaker"
        self._real = os.dup(2)
        self._read, write = os.pipe()
        with contextlib.suppress(OSError, AttributeError):  # more than an ordinary user may have
            import fcntl

            fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, PIPE_OCTETS)
        os.set_blocking(write, False)  # no handshake waits for us; lines are lost instead
        os.dup2(write, 2)
        os.close(write)
        return os.dup(self._real)

    def start(self, note: Callable[[Refusal], None]) -> None:
        """Call `note` with each refusal, from a thread of its own."""
        self._thread = threading.Thread(target=self._run, args=(note,), name="handshakes", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Put descriptor 2 back; what was written before is still read."""
        if self._real < 0:
            return
        os.dup2(self._real, 2)  # the pipe's last writer is gone
        if self._thread is not None:
            self._thread.join()
        os.close(self._read)
        os.close(self._real)
        self._real = self._read = -1

    def _run(self, note: Callable[[Refusal], None]) -> None:
        left = b""
        while octets := os.read(self._read, PIPE_OCTETS):
            *lines, left = (left + octets).split(b"\n")
            left = left[-LONGEST_LINE:]
            for line in lines:
                self._take(line, note)
        if left:
            self._take(left, note)

    def _take(self, line: bytes, note: Callable[[Refusal], None]) -> None:
        if _OF_GRPC.match(line) is None:
            with contextlib.suppress(OSError):  # nobody reads it any more
                os.write(self._real, line + b"\n")
            return
        refusal = refusal_of(line)
        if refusal is not None:
            note(refusal)


def refusal_of(line: bytes) -> Refusal | None:
    """The refusal in a line of gRPC; None where it says something else."""
    found = _REFUSAL.search(line)
    if found is None:
        return None
    why = _VERIFY.sub("", found["why"].decode("ascii", "replace")).strip()
    peer = found["peer"].decode("ascii", "replace").replace("%5B", "[").replace("%5D", "]")
    address = _PEER.fullmatch(peer)
    return Refusal(address[1] if address is not None else peer, WORDS.get(why, why))


class LogLimit:
    """Which refusals are logged: one of an address and a reason in `seconds`, and no more than `most` of all."""

    def __init__(self, seconds: float, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._most, self._clock = seconds, most, clock
        self._logged: set[Refusal] = set()
        self._since, self._left_out = clock(), 0

    def worth(self, refusal: Refusal) -> tuple[bool, int]:
        """Whether to log it, and how many others weren't logged before it."""
        if self._clock() - self._since >= self._seconds:
            self._logged.clear()
            self._since = self._clock()
        if refusal in self._logged or len(self._logged) >= self._most:
            self._left_out += 1
            return False, 0
        self._logged.add(refusal)
        left_out, self._left_out = self._left_out, 0
        return True, left_out


def __getattr__(name: str) -> Any:
    return earlier_name(__name__, name)
