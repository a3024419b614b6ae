"""One source's packets as they were stored: what a reply depends on, and what rows show."""

from __future__ import annotations

from typing import NamedTuple

import pyarrow as pa

from ims import arrow
from ims.analyse.exchange.options_text import options_text
from ims.packet.field_values import (
    ACK,
    ECHO_REQUEST,
    FIN,
    PROTOCOL_ICMP,
    PROTOCOL_SCTP,
    PROTOCOL_TCP,
    PROTOCOL_UDP,
    RST,
    SYN,
)

_NAMES = {PROTOCOL_ICMP: "icmp", PROTOCOL_TCP: "tcp", PROTOCOL_UDP: "udp", PROTOCOL_SCTP: "sctp"}


def protocol_name(number: int) -> str:
    """A protocol, for people."""
    return _NAMES.get(number, f"protocol {number}")


class Packet(NamedTuple):
    """A packet; what it doesn't have is None. `time`: microseconds; `destination`: dotted; `tcp_options`: in hex, None
    too where the header isn't whole; `verified`: None where no responder ran."""

    time: int
    sensor: str
    block: str
    destination: str
    protocol: int
    source_port: int | None
    destination_port: int | None
    icmp_type: int | None
    icmp_code: int | None
    icmp_rest: int | None
    checksum: int
    tcp_flags: int | None
    tcp_sequence: int | None
    tcp_acknowledgment: int | None
    tcp_options: str | None
    ip_fragment: int
    payload_length: int
    signature: str | None
    verified: bool | None
    truncated: bool

    @property
    def connection(self) -> tuple[str, str, int, int | None, int | None]:
        """What packets of a connection have in common, as one sensor saw them."""
        return self.sensor, self.destination, self.protocol, self.source_port, self.destination_port

    @property
    def is_whole_tcp(self) -> bool:
        """Whether it is TCP whose header is whole: others are never answered."""
        return self.protocol == PROTOCOL_TCP and self.tcp_options is not None

    @property
    def flags(self) -> int:
        """Of TCP; 0 where there are none."""
        return self.tcp_flags or 0

    @property
    def options(self) -> str | None:
        """Of TCP, as text."""
        return None if self.tcp_options is None else options_text(bytes.fromhex(self.tcp_options))

    @property
    def is_syn(self) -> bool:
        """Whether it asks for a connection."""
        return self.is_whole_tcp and self.flags & (SYN | ACK | RST | FIN) == SYN

    @property
    def calls(self) -> bool:
        """Whether it is of a kind that may have a reply."""
        if self.protocol == PROTOCOL_ICMP:
            return self.icmp_type == ECHO_REQUEST
        is_of_connection = self.is_whole_tcp and self.flags & (ACK | SYN | RST) == ACK
        return self.is_syn or (is_of_connection and (self.payload_length > 0 or self.flags & FIN != 0))

    @property
    def acknowledges(self) -> bool:
        """Whether it is of a connection that was accepted."""
        return self.is_whole_tcp and self.flags & (SYN | ACK) == ACK


def packets_of(table: pa.Table) -> list[Packet]:
    """The rows of the verb `packets`."""
    columns = {name: table.column(name) for name in Packet._fields if name != "time"}
    times = arrow.numbers(table.column("time").cast(pa.timestamp("ns", "UTC")))
    return [
        Packet(*values)
        for values in zip((times // 1000).tolist(), *(each.to_pylist() for each in columns.values()), strict=True)
    ]
