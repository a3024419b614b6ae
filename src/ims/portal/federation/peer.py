"""The portal's client of one sensor's query daemon: connected when needed, given up when the daemon is gone."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.flight as fl

from ims.link.contract import HELLO, NEWEST, TAIL, Ask, End, Hello, Tail, common_version, read_hello, written
from ims.link.envelope import ENVELOPE, LONGEST_BODY, UnreadableError, gathered, opened
from ims.pki.credentials import Credentials
from ims.portal.federation.fault import INVALID, SAID, Fault, fault_of
from ims.portal.federation.part_memory import AnswerShare, NoRoomError
from ims.portal.federation.registry import RegisteredSensor

CONNECTING_MS = 5_000
"""To connect: TCP, TLS and HTTP/2 take three round trips and more. What gRPC calls the shortest time between two
attempts is how long one may take (gRPC 1.81): at 100 ms a sensor 150 ms away was never reached."""
WORDS_OCTETS = 1 << 16
"""Of a message, beside the body of the piece in it."""
# A sensor that refused and comes back is found within a second; silence on the wire is noticed in ten.
OPTIONS = [
    ("grpc.initial_reconnect_backoff_ms", 100), ("grpc.min_reconnect_backoff_ms", CONNECTING_MS),
    ("grpc.max_reconnect_backoff_ms", 1000), ("grpc.keepalive_time_ms", 20_000), ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", LONGEST_BODY + WORDS_OCTETS),
    # gRPC would decompress its gzip, to a thousand times as much, before it checks that length.
    ("grpc.per_message_decompression", 0),
]  # fmt: skip
NO_ROOM = "the portal had no room for its answer"
HELLO_OCTETS = 1 << 16
TAIL_OCTETS, TAIL_PIECES = 64 << 20, 1000
"""Of a batch of news."""
WORD_SECONDS = 0.3
"""Beyond a daemon's deadline, for its message that it is late: a daemon that says so isn't silent."""


class Peer:
    """Blocked by nothing but its own calls, each of which ends by its deadline. Thread-safe."""

    def __init__(self, sensor: RegisteredSensor, credentials: Credentials | None) -> None:
        self.sensor, self._credentials = sensor, credentials
        self._lock = threading.Lock()
        self._client: Any = None
        self.version = NEWEST

    def hello(self, seconds: float) -> Hello:
        """What the daemon says of itself. Raises Fault."""
        body = b""
        try:
            with _faults():
                for result in self._connected().do_action(fl.Action(HELLO, b""), _within(seconds)):
                    if len(body) + result.body.size > HELLO_OCTETS:
                        raise Fault("garbage", INVALID)
                    body += result.body.to_pybytes()
            found = read_hello(body)
        except ValueError as error:
            raise Fault("garbage", INVALID, str(error)) from None
        try:
            self.version = common_version(found.oldest, found.newest)
        except ValueError as error:
            raise Fault("version", str(error)) from None
        return found

    def ask(
        self, ask: Ask, wanted: Mapping[str, pa.Schema], room: AnswerShare | None = None
    ) -> tuple[dict[str, pa.Table], End]:
        """The answer's parts and its end. `room`: for what it holds; when that ends, so does the call. Raises Fault."""
        seconds = ask.seconds + WORD_SECONDS
        until = time.monotonic() + seconds
        with _faults(room), self._reading(ask, _within(seconds)) as reader:
            if room is None:
                return gathered(_pieces(reader, until), wanted, ask.rows, ask.octets)
            room.ended.add_done_callback(partial(_cancelled, reader))
            return gathered(_pieces(reader, until), wanted, ask.rows, ask.octets, room.take)

    def follow(self, tail: Tail) -> Iterator[tuple[dict[str, pa.Table], End]]:
        """What comes in there, batch by batch, each with its end, until closed. Raises Fault."""
        with _faults(), self._reading(tail, None) as reader:
            pieces = _pieces(reader, float("inf"))
            for first in pieces:
                yield gathered(_batch(first, pieces), TAIL, 3 * tail.rows + 10_000, TAIL_OCTETS)

    @contextmanager
    def _reading(self, message: Ask | Tail, options: Any) -> Iterator[Any]:
        reader = self._connected().do_get(fl.Ticket(written(message)), options)
        try:
            yield reader
        finally:
            reader.cancel()

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def renew(self) -> None:
        """Connect anew at the next call. Calls that go on keep their connection."""
        with self._lock:
            self._client = None

    def _connected(self) -> Any:
        with self._lock:
            if self._client is None:
                self._client = self._connect()
            return self._client

    def _connect(self) -> Any:
        identity, own = self.sensor.identity, self._credentials
        if identity is None or own is None:
            if not self.sensor.is_local:
                raise Fault("certificate", "it isn't on loopback, and the portal has no certificate")
            return fl.connect(f"grpc://{self.sensor.address}", generic_options=OPTIONS)
        return fl.connect(
            f"grpc+tls://{self.sensor.address}", tls_root_certs=own.ca, cert_chain=own.certificate,
            private_key=own.key, override_hostname=identity.hostname, generic_options=OPTIONS,
        )  # fmt: skip


@contextmanager
def _faults(room: AnswerShare | None = None) -> Iterator[None]:
    """Raises what is raised inside as Fault."""
    try:
        yield
    except NoRoomError:
        raise Fault("room", NO_ROOM) from None
    except UnreadableError as error:
        raise Fault("garbage", str(error)) from None
    except (pa.ArrowException, OSError) as error:  # of Flight: OSError for a message that isn't Arrow's
        gone = room is not None and room.ended.done()
        raise (Fault("room", NO_ROOM) if gone else fault_of(error)) from None


def _cancelled(reader: Any, _ended: Any) -> None:
    reader.cancel()


def _within(seconds: float) -> Any:
    return fl.FlightCallOptions(timeout=max(0.05, seconds))


def _batch(first: pa.Buffer, told: Iterator[pa.Buffer]) -> Iterator[pa.Buffer]:
    """Pieces until an end, one at a time: each is read before the next one is taken. Raises Fault, UnreadableError."""
    for piece in itertools.islice(itertools.chain([first], told), TAIL_PIECES):
        yield piece
        if not opened(piece)[0]:
            return
    raise Fault("garbage", INVALID)


def _pieces(reader: Any, until: float) -> Iterator[pa.Buffer]:
    """What comes beside a stream's messages, which have no columns: they aren't decompressed. Raises Fault."""
    if reader.schema != ENVELOPE:
        raise Fault("garbage", INVALID)
    for chunk in reader:
        if time.monotonic() > until:
            raise Fault("late", SAID["late"])
        if chunk.app_metadata is None:
            raise Fault("garbage", INVALID)
        yield chunk.app_metadata
