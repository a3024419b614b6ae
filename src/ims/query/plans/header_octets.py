"""Numbers of a filter, `tcp[13] & 2` or `ip[2:2] - 40`, as Ibis expressions over columns.

Computed in 64 bits, signed, since Spark reads unsigned columns as wider signed ones, and masked to BPF's 32. Null where
an octet wasn't captured, and for a division by zero: both make BPF reject the packet.

Each operand stands once in what an operator becomes, so that a filter's SQL is as long as the filter is. Nor may
an engine repeat it: DuckDB's NULLIF is a macro that does, and so are Ibis' `clip` and SQL's CASE with an operand.
"""

from __future__ import annotations

from typing import Any

import ibis

from ims.packet.field_values import FRAGMENT_OFFSET
from ims.query.language import header_fields
from ims.query.language.arithmetic import MASK32
from ims.query.language.syntax_tree import Arithmetic, Number, Octets, Value

SCTP = 132
SIGN = 1 << 31
"""The sign of 32 bits: `(n ^ SIGN) - SIGN` is n, less 2^32 from there on."""


@ibis.udf.scalar.builtin(name="floor")  # type: ignore[untyped-decorator]
def floor(number: float) -> float:  # type: ignore[empty-body]
    """The whole number below; Ibis' own is cast to an integer at once, which the infinite can't be."""


@ibis.udf.scalar.builtin(name="octet_length")  # type: ignore[untyped-decorator]
def octet_length(value: bytes) -> int:  # type: ignore[empty-body]
    """Octets of a binary value; DuckDB and Spark know it under this name."""


def number(tree: Value, packets: Any, checked: str | None) -> Any:
    """A number of each row of `packets`. `checked`: the header that they are known to have, beside IP's."""
    if isinstance(tree, Number):
        return ibis.literal(tree.value, "int64")
    if isinstance(tree, Octets):
        return _octets(tree, packets) if tree.header in ("ip", checked) else _unchecked(tree, packets)
    return _arithmetic(tree, packets, checked)


def checked_header(tree: Value) -> str | None:
    """The header above IP's that a packet is asked for before a number is worked out: that of its first octets (of
    what stands right of an operator libpcap forgets the check)."""
    while isinstance(tree, Arithmetic):
        tree = tree.left
    return tree.header if isinstance(tree, Octets) and tree.header != "ip" else None


def is_first(packets: Any) -> Any:
    """Whether a packet is no later fragment."""
    return (packets.ip_fragment.cast("int64") & FRAGMENT_OFFSET) == 0


def _arithmetic(tree: Arithmetic, packets: Any, checked: str | None) -> Any:
    left, right = number(tree.left, packets, checked), number(tree.right, packets, checked)
    mask = ibis.literal(MASK32, "int64")
    if tree.operator == "+":
        return (left + right) & mask
    if tree.operator == "-":
        return (left - right) & mask
    if tree.operator == "*":  # one factor signed: the product of two unsigned ones of 32 bits doesn't fit 63
        return (left * ((right ^ SIGN) - SIGN)) & mask
    if tree.operator == "&":
        return left & right
    if tree.operator == "|":
        return left | right
    if tree.operator == "^":
        return left ^ right
    if isinstance(tree.right, Number):  # neither 0 to divide by nor over 31 bits to shift by: see check_operand
        return _by_constant(left, tree.operator, tree.right.value)
    return _by_number(left, tree.operator, right)


def _by_constant(left: Any, operator: str, right: int) -> Any:
    if operator == "/":
        return left // right
    if operator == "%":
        return left % right
    return left >> right if operator == ">>" else (left << right) & ibis.literal(MASK32, "int64")


def _by_number(left: Any, operator: str, right: Any) -> Any:
    """As floating-point numbers, which are exact here: two numbers of 32 bits have a quotient whose distance to the
    next whole number is over 2^20 times its error. What isn't a finite one has no 64 bits, and so is null."""
    dividend, divisor = left.cast("float64"), right.cast("float64")
    if operator == "/":
        return floor(dividend / divisor).try_cast("int64")
    if operator == "%":
        return (dividend % divisor).try_cast("int64")
    half = ibis.literal(1, "int8") / ibis.literal(2, "int8")  # for Spark, Ibis writes no 0.5 without PySpark
    shrunk = half**divisor  # 2^-n: 0 where 2^n would be infinite
    if operator == ">>":
        return floor(dividend * shrunk).try_cast("int64")
    # What is added keeps it from 0 and changes no 2^-n of n under 100; beyond, any quotient is a multiple of 2^32.
    return (dividend / (shrunk + half**200) % ibis.literal(1 << 32, "int64")).try_cast("int64")


def _octets(tree: Octets, packets: Any) -> Any:
    """The octets as one number, the first one most significant; a whole column as it is."""
    parts: list[tuple[str, int, int]] = []  # column, its lowest octet's shift, octets taken of it
    for at in range(tree.offset, tree.offset + tree.size):
        column, shift = header_fields.HEADERS[tree.header][at]
        if parts and parts[-1][0] == column:
            parts[-1] = (column, shift, parts[-1][2] + 1)
        else:
            parts.append((column, shift, 1))
    value = None
    for column, shift, octets in parts:
        part = _DERIVED[column](packets) if column in _DERIVED else packets[column].cast("int64")
        part = part >> shift if shift else part
        part = part & ibis.literal((1 << 8 * octets) - 1, "int64")
        value = part if value is None else value * (1 << 8 * octets) + part
    return value


def _unchecked(tree: Octets, packets: Any) -> Any:
    """What stands behind the IP header, whatever it is: null where no column has it."""
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
    # Stores written before there was `ip_header_length` tell of IP options by the other lengths alone.
    tcp = octet_length(packets.tcp_options).cast("int64") + 20
    transport = ibis.cases(
        (~is_first(packets), 0), (packets.protocol == 6, tcp), (packets.protocol.isin([1, 17]), 8), else_=0
    )
    told = packets.total_length.cast("int64") - packets.payload_length.cast("int64") - transport
    consistent = ~packets.truncated & packets.udp_length.isnull() & packets.tcp_offset.isnull()
    with_options = (consistent & told.between(24, 60) & (told % 4 == 0)).fill_null(False)
    length = packets.ip_header_length.cast("int64").fill_null(ibis.cases((with_options, told), else_=20))
    return (length >> 2) + 0x40


def _tcp_header(packets: Any) -> Any:
    """Data offset in words, reserved bits and NS."""
    words = (octet_length(packets.tcp_options).cast("int64") + 20) >> 2
    return packets.tcp_offset.cast("int64").fill_null(words * 16 + ((packets.tcp_flags.cast("int64") >> 8) & 1))


def _datagram_length(packets: Any) -> Any:
    """UDP's length; null where the field wasn't captured."""
    expected = packets.payload_length.cast("int64") + 8
    header = packets.ip_header_length.cast("int64").fill_null(20)
    there = packets.source_port.notnull()  # else the IP options went on to where the frame ended
    whole = there & ~packets.truncated & (packets.total_length.cast("int64") == header + expected)
    return packets.udp_length.cast("int64").fill_null(ibis.cases((whole, expected), else_=None))


_DERIVED = {"ip_header": _ip_header, "tcp_header": _tcp_header, "datagram_length": _datagram_length}
