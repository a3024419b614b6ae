"""Numbers of a filter, `tcp[13] & 2` or `ip[2:2] - 40`, as Ibis expressions over columns.

Computed in 64 bits, signed, since Spark reads unsigned columns as wider signed ones, and masked to BPF's 32. Null where
an octet wasn't captured, and for a division by zero: both make BPF reject the packet.

Each operand is written once in the SQL of an operator, so that a filter's SQL grows as the filter does. Nor may an
engine repeat it: DuckDB's NULLIF is a macro that does, and so are Ibis' `clip` and SQL's CASE with an operand.
"""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from typing import Any

import ibis

from ims.packet.field_values import FRAGMENT_OFFSET
from ims.query.language import header_fields
from ims.query.language.arithmetic import MASK32, OPERATIONS
from ims.query.language.syntax_tree import Arithmetic, Number, Octets, Value

SCTP = 132
SIGN = 1 << 31
"""The sign bit of 32 bits: `(n ^ SIGN) - SIGN` reads n as a signed number."""


@ibis.udf.scalar.builtin(name="floor")  # type: ignore[untyped-decorator]
def floor(number: float) -> float:  # type: ignore[empty-body]
    """The integer below; Ibis' own is cast to an integer at once, which fails for infinity."""


@ibis.udf.scalar.builtin(name="octet_length")  # type: ignore[untyped-decorator]
def octet_length(value: bytes) -> int:  # type: ignore[empty-body]
    """Octets of a binary value: the function's name in DuckDB and Spark."""


def number(tree: Value, packets: Any, checked: str | None) -> Any:
    """A number of each row of `packets`. `checked`: the header that they are known to have, beside IP's."""
    if isinstance(tree, Number):
        return ibis.literal(tree.value, "int64")
    if isinstance(tree, Octets):
        return _octets(tree, packets) if tree.header in ("ip", checked) else _unchecked(tree, packets)
    return _arithmetic(tree, packets, checked)


def checked_header(tree: Value) -> str | None:
    """The header above IP's that libpcap checks before a number: that of its first octets only."""
    while isinstance(tree, Arithmetic):
        tree = tree.left
    return tree.header if isinstance(tree, Octets) and tree.header != "ip" else None


def is_first(packets: Any) -> Any:
    """Whether a packet is no later fragment."""
    return (packets.ip_fragment.cast("int64") & FRAGMENT_OFFSET) == 0


def _arithmetic(tree: Arithmetic, packets: Any, checked: str | None) -> Any:
    left, right = number(tree.left, packets, checked), number(tree.right, packets, checked)
    if tree.operator in ("/", "%", "<<", ">>"):
        if not isinstance(tree.right, Number):
            return _by_number(left, tree.operator, right)
        right = tree.right.value  # neither 0 to divide by nor over 31 bits to shift by: see check_operand
    elif tree.operator == "*":  # one factor signed: the product of two unsigned ones of 32 bits doesn't fit 63
        right = (right ^ SIGN) - SIGN
    result = OPERATIONS[tree.operator](left, right)
    return result & ibis.literal(MASK32, "int64") if tree.operator in ("+", "-", "*", "<<") else result


def _by_number(left: Any, operator: str, right: Any) -> Any:
    """In floating point, which is exact here: the distance of a quotient of two 32-bit numbers to the next integer is
    over 2^20 times its error. Infinity and NaN don't cast to 64 bits and become null."""
    dividend, divisor = left.cast("float64"), right.cast("float64")
    if operator == "/":
        return floor(dividend / divisor).try_cast("int64")
    if operator == "%":
        return (dividend % divisor).try_cast("int64")
    half = ibis.literal(1, "int8") / ibis.literal(2, "int8")  # for Spark, Ibis writes no 0.5 without PySpark
    shrunk = half**divisor  # 2^-n: 0 where 2^n would be infinite
    if operator == ">>":
        return floor(dividend * shrunk).try_cast("int64")
    # The added number keeps it from 0 and changes no 2^-n of n < 100; beyond, any quotient is a multiple of 2^32.
    return (dividend / (shrunk + half**200) % ibis.literal(1 << 32, "int64")).try_cast("int64")


def _octets(tree: Octets, packets: Any) -> Any:
    """The octets as one number, the first one most significant."""
    fields = header_fields.HEADERS[tree.header]
    value = None
    for column, octets in groupby((fields[tree.offset + at] for at in range(tree.size)), itemgetter(0)):
        shifts = [shift for _, shift in octets]
        part = _DERIVED[column](packets) if column in _DERIVED else packets[column].cast("int64")
        part = part >> shifts[-1] if shifts[-1] else part
        part = part & ibis.literal((1 << 8 * len(shifts)) - 1, "int64")
        value = part if value is None else value * (1 << 8 * len(shifts)) + part
    return value


def _unchecked(tree: Octets, packets: Any) -> Any:
    """Octets behind the IP header, whatever header is there: null where no column has them."""
    known = [
        (is_first(packets) & (packets.protocol == protocol), _octets(Octets(header, tree.offset, tree.size), packets))
        for header, protocol in header_fields.PROTOCOL_OF.items()
        if header_fields.known(header, tree.offset, tree.size)
    ]
    if tree.offset + tree.size <= header_fields.PORT_OCTETS:
        ports = Octets("udp", tree.offset, tree.size)
        known.append((is_first(packets) & (packets.protocol == SCTP), _octets(ports, packets)))
    return ibis.cases(*known, else_=None)


def _ip_header(packets: Any) -> Any:
    """Version and length in words."""
    # In stores older than `ip_header_length`, only the other lengths show IP options.
    tcp = octet_length(packets.tcp_options).cast("int64") + 20
    transport = ibis.cases(
        (~is_first(packets), 0), (packets.protocol == 6, tcp), (packets.protocol.isin([1, 17]), 8), else_=0
    )
    implied = packets.total_length.cast("int64") - packets.payload_length.cast("int64") - transport
    consistent = ~packets.truncated & packets.udp_length.isnull() & packets.tcp_offset.isnull()
    with_options = (consistent & implied.between(24, 60) & (implied % 4 == 0)).fill_null(False)
    length = packets.ip_header_length.cast("int64").fill_null(ibis.cases((with_options, implied), else_=20))
    return (length >> 2) + 0x40


def _tcp_header(packets: Any) -> Any:
    """Data offset in words, reserved bits and NS."""
    words = (octet_length(packets.tcp_options).cast("int64") + 20) >> 2
    return packets.tcp_offset.cast("int64").fill_null(words * 16 + ((packets.tcp_flags.cast("int64") >> 8) & 1))


def _datagram_length(packets: Any) -> Any:
    """UDP's length; null where the field wasn't captured."""
    expected = packets.payload_length.cast("int64") + 8
    header = packets.ip_header_length.cast("int64").fill_null(20)
    there = packets.source_port.notnull()  # else the IP options reach the frame's end
    whole = there & ~packets.truncated & (packets.total_length.cast("int64") == header + expected)
    return packets.udp_length.cast("int64").fill_null(ibis.cases((whole, expected), else_=None))


_DERIVED = {"ip_header": _ip_header, "tcp_header": _tcp_header, "datagram_length": _datagram_length}
