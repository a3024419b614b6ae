"""One sensor's query daemon as the portal sees it: connected when it is needed, given up when it is gone."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.flight as fl

from ims.link.contract import HELLO, NEWEST, TAIL, Ask, End, Hello, Tail, common_version, read_hello, written
from ims.link.envelope import ENVELOPE, LONGEST_BODY, UnreadableError, gathered, opened
from ims.link.identity import Identity
from ims.pki.credentials import Credentials
from ims.portal.federation.fault import Fault, fault_of
from ims.portal.federation.part_memory import AnswerShare, NoRoomError
from ims.portal.federation.registry import RegisteredSensor

CONNECTING_MS = 5_000
"""In which a connection stands: TCP, TLS and HTTP/2 take three round trips and more. What gRPC calls the shortest time
between two attempts is how long one may take (gRPC 1.81): at 100 ms a sensor 150 ms away was never reached."""
WORDS_OCTETS = 1 << 16
"""Of a message, beside the body of the piece in it."""
# A sensor that comes back is found again within a second where it refused; silence on the wire is noticed in ten.
OPTIONS = [
    ("grpc.initial_reconnect_backoff_ms", 100), ("grpc.min_reconnect_backoff_ms", CONNECTING_MS),
    ("grpc.max_reconnect_backoff_ms", 1000), ("grpc.keepalive_time_ms", 20_000), ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", LONGEST_BODY + WORDS_OCTETS),
    # gRPC's own gzip would be unfolded before that length is looked at, to a thousand times as much.
    ("grpc.per_message_decompression", 0),
]  # fmt: skip
NO_ROOM = "the portal had no room for its answer"
HELLO_OCTETS = 1 << 16
TAIL_OCTETS, TAIL_PIECES = 64 << 20, 1000
"""Of a batch of news."""
FAILURES = (pa.ArrowException, OSError)
"""What Flight raises: OSError of a message that isn't Arrow's."""
NO_ANSWER = "it sent an invalid response"
WORD_SECONDS = 0.3
"""Beyond the deadline that a daemon is given, for its word that it is late: who says so isn't silent."""


class Peer:
    """Not blocked by anything but its own calls, each of which ends by its deadline. For several threads."""

    def __init__(self, sensor: RegisteredSensor, credentials: Credentials | None) -> None:
        self.sensor, self._credentials = sensor, credentials
        self._lock = threading.Lock()
        self._client: Any = None
        self.version = NEWEST

    def hello(self, seconds: float) -> Hello:
        """What the daemon says of itself. Raises Fault."""
        try:
            body = b""
            for result in self._connected().do_action(fl.Action(HELLO, b""), _within(seconds)):
                body += result.body.to_pybytes() if result.body.size <= HELLO_OCTETS else b"!" * (HELLO_OCTETS + 1)
                if len(body) > HELLO_OCTETS:
                    raise Fault("garbage", NO_ANSWER)
            found = read_hello(body)
        except ValueError as error:
            raise Fault("garbage", NO_ANSWER, str(error)) from None
        except FAILURES as error:
            raise fault_of(error) from None
        try:
            self.version = common_version(found.oldest, found.newest)
        except ValueError as error:
            raise Fault("version", str(error)) from None
        return found

    def ask(
        self, ask: Ask, wanted: Mapping[str, pa.Schema], room: AnswerShare | None = None
    ) -> tuple[dict[str, pa.Table], End]:
        """The parts of its answer, and how it ended. `room`: what it takes; where that ends, so does the call. Raises
        Fault."""
        reader = None
        try:
            seconds = ask.seconds + WORD_SECONDS
            until = time.monotonic() + seconds
            reader = self._connected().do_get(fl.Ticket(written(ask)), _within(seconds))
            if room is None:
                return gathered(_pieces(reader, until), wanted, ask.rows, ask.octets)
            room.ended.add_done_callback(partial(_cancelled, reader))
            return gathered(_pieces(reader, until), wanted, ask.rows, ask.octets, room.take)
        except NoRoomError:
            raise Fault("room", NO_ROOM) from None
        except UnreadableError as error:
            raise Fault("garbage", str(error)) from None
        except FAILURES as error:
            gone = room is not None and room.ended.done()
            raise (Fault("room", NO_ROOM) if gone else fault_of(error)) from None
        finally:
            if reader is not None:
                reader.cancel()

    def follow(self, tail: Tail) -> Iterator[tuple[dict[str, pa.Table], End]]:
        """What comes in there, batch by batch, each with its end, until closed. Raises Fault."""
        reader = None
        try:
            reader = self._connected().do_get(fl.Ticket(written(tail)))
            told = _pieces(reader, float("inf"))
            for first in told:
                yield gathered(_batch(first, told), TAIL, 3 * tail.rows + 10_000, TAIL_OCTETS)
        except UnreadableError as error:
            raise Fault("garbage", str(error)) from None
        except FAILURES as error:
            raise fault_of(error) from None
        finally:
            if reader is not None:
                reader.cancel()

    def close(self) -> None:
        """Let go of the connection."""
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
                self._client = self._connect(self.sensor.identity)
            return self._client

    def _connect(self, identity: Identity | None) -> Any:
        own = self._credentials
        if identity is None or own is None:
            if not self.sensor.is_local:
                raise Fault("certificate", "it isn't on loopback, and the portal has no certificate")
            return fl.connect(f"grpc://{self.sensor.address}", generic_options=OPTIONS)
        return fl.connect(
            f"grpc+tls://{self.sensor.address}", tls_root_certs=own.ca, cert_chain=own.certificate,
            private_key=own.key, override_hostname=identity.hostname, generic_options=OPTIONS,
        )  # fmt: skip


def _cancelled(reader: Any, _ended: Any) -> None:
    reader.cancel()


def _within(seconds: float) -> Any:
    return fl.FlightCallOptions(timeout=max(0.05, seconds))


def _batch(first: pa.Buffer, told: Iterator[pa.Buffer]) -> Iterator[pa.Buffer]:
    """Pieces until an end, one at a time: each is looked at before the next one is taken. Raises Fault,
    UnreadableError."""
    for piece in itertools.islice(itertools.chain([first], told), TAIL_PIECES):
        yield piece
        if not opened(piece)[0]:
            return
    raise Fault("garbage", NO_ANSWER)


def _pieces(reader: Any, until: float) -> Iterator[pa.Buffer]:
    """What comes beside a stream's messages, which have no columns: nothing of theirs is unfolded. Raises Fault."""
    if reader.schema != ENVELOPE:
        raise Fault("garbage", NO_ANSWER)
    for chunk in reader:
        if time.monotonic() > until:
            raise Fault("late", "it didn't answer in time")
        if chunk.app_metadata is None:
            raise Fault("garbage", NO_ANSWER)
        yield chunk.app_metadata
