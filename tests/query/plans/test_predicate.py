"""What filters select, against plain Python over the rows themselves: our own words, and random trees of every node."""

from __future__ import annotations

import hashlib
import operator
import struct
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ims
from ims.query.language import header_fields
from ims.query.language.filter import parse
from ims.query.language.syntax_tree import (
    DIRECTIONS,
    FLAGS,
    RELATIONS,
    And,
    Arithmetic,
    Compare,
    Contains,
    Has,
    Named,
    Net,
    Not,
    Nothing,
    Number,
    Octets,
    Or,
    Port,
    Protocol,
    Signature,
)
from ims.query.plans.predicate import predicate
from ims.records import CATEGORIES

from ...effort import every, examples
from ...stores import MIDNIGHT, SENSORS, exported, ingest, ipv4, udp, write_pcap
from ..judge import plain

Row = dict[str, Any]
TO, FROM = 0xCB007100, 0xC0000200  # 203.0.113.0, 192.0.2.0
ODD = "203.0.113.0/24"
PAYLOADS = [
    b"GET / HTTP/1.1\r\nHost: 203.0.113.9\r\n\r\n", b"SSH-2.0-Go\r\n", b"it's \"quoted\" \\ and 100%_done", b"\0", b"\0\0A\0", b"\xff\xfe\x00\x80",
    b"'; DROP TABLE packets; --", "日本語 ä".encode(), b"\x1b[31m", b"A" * 1400, b".*", b"(a+)+$", b"\x14\x1A", b"AB", b"\n", b"\xa1\xb2",
]  # fmt: skip


def odd_packets() -> list[tuple[int, bytes]]:
    """What the sample lacks: every kind of fragment, TTLs, other protocols, odd payloads."""
    found = [udp(FROM + n, TO + n, 1000 + n, payload) for n, payload in enumerate(PAYLOADS)] * 2
    for n, bits in enumerate((0x2000, 0x2001, 0x0001, 0x1FFF, 0x3FFF, 0x4000, 0x8000, 0x00B9)):
        for protocol in (6, 17, 1, 47, 132):
            packet = bytearray(
                ipv4(FROM + n, TO + n, protocol, struct.pack(">HHIIHHHH", 80, 81, 1, 2, 0x5012, 3, 0, 4))
            )
            packet[6:8] = struct.pack(">H", bits)
            found.append(bytes(packet))
    for n, ttl in enumerate((0, 1, 9, 10, 11, 63, 64, 65, 128, 254, 255)):
        packet = bytearray(ipv4(FROM + n, TO + n, 2, b"\x11\0\0\0\0\0\0\0"))
        packet[8] = ttl
        found.append(bytes(packet))
    return [(MIDNIGHT + n * 1_000_001, packet) for n, packet in enumerate(found)]


class World:
    """Rows as plain Python, and the same as a table that filters are asked of."""

    def __init__(self, folder: Path, store: Path) -> None:
        rows = exported(folder, store)
        # Each seventh row of the sample is enough; all of the odd ones. No responder ran, so `verified` is made up.
        chosen = [n for n, row in enumerate(rows) if row["sensor"] == "odd-1" or n % 7 == 0]
        table = pq.read_table(folder / "rows.parquet").take(pa.array(chosen))
        verified = [(None, True, False)[n % 3] for n in range(len(chosen))]
        columns = {name: plain(table.column(name)) for name in table.column_names}
        columns |= {"verified": pa.array(verified), "n": pa.array(range(len(chosen)))}
        self.rows: list[Row] = [rows[at] | {"verified": verified[n]} for n, at in enumerate(chosen)]
        with ims.open(store) as telescope:
            known = telescope.payloads(limit=1000).table.to_pylist()
        self.payloads: dict[bytes, bytes] = {bytes.fromhex(row["signature"]): row["payload"] for row in known}
        pq.write_table(pa.table(columns), folder / "packets.parquet")
        stored = pa.table(
            {"signature": pa.array(list(self.payloads)), "payload": pa.array(list(self.payloads.values()))}
        )
        pq.write_table(stored, folder / "payloads.parquet")
        self._con = duckdb.connect()
        self._tables = {}
        for name in ("packets", "payloads"):
            self._con.execute(f"CREATE TABLE {name} AS FROM read_parquet('{folder / name}.parquet')")
            schema = ibis.Schema.from_pyarrow(pq.read_schema(folder / f"{name}.parquet"))
            self._tables[name] = ibis.table(schema, name=name)

    def selected(self, *trees: Any) -> list[set[int]]:
        """Numbers of the rows that each filter takes. It is true or false of every row, never null."""
        packets, payloads = self._tables["packets"], self._tables["payloads"]
        conditions = {f"c{n}": predicate(tree, packets, payloads) for n, tree in enumerate(trees)}
        table = self._con.sql(str(ibis.to_sql(packets.select("n", **conditions), dialect="duckdb"))).to_arrow_table()
        numbers = table.column("n").to_pylist()
        found = []
        for name in conditions:
            values = table.column(name).to_pylist()
            assert None not in values
            found.append({n for n, value in zip(numbers, values, strict=True) if value})
        return found

    def close(self) -> None:
        self._con.close()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, samples: dict[int, Path]) -> Path:
    folder = tmp_path_factory.mktemp("filtered")
    for sensor, (seed, block) in SENSORS.items():
        ingest(folder / "STORE", samples[seed], sensor=sensor, blocks=[block])
    capture = write_pcap(folder / "odd.pcap", odd_packets())
    return ingest(folder / "STORE", capture, sensor="odd-1", blocks=[f"D/24.odd_x={ODD}"])


@pytest.fixture(scope="module")
def world(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("world"), store)
    yield world
    world.close()


def test_the_rows_have_everything(world: World) -> None:
    assert {row["sensor"] for row in world.rows} == {*SENSORS, "odd-1"}
    assert {row["category"] for row in world.rows} == set(CATEGORIES)
    assert set(PAYLOADS) <= set(world.payloads.values())
    assert all(hashlib.md5(payload).digest() == signature for signature, payload in world.payloads.items())
    assert {row["ip_fragment"] & 0x3FFF for row in world.rows} >= {0, 0x2000, 0x2001, 1, 0x1FFF, 0x3FFF}
    assert {row["new_payload"] for row in world.rows} == {True, False}
    for column in ("signature", "destination_port", "icmp_type", "tcp_flags", "verified"):
        assert {row[column] is None for row in world.rows} == {True, False}


def text_of(row: Row, world: World) -> bytes:
    return world.payloads.get(row["signature"], b"")


Rule = Callable[[Row, bytes], bool]
SSH = hashlib.md5(PAYLOADS[1]).hexdigest()
OURS: dict[str, Rule] = {
    **{f"category {name}": lambda row, _, name=name: row["category"] == name for name in CATEGORIES},
    "payload": lambda row, _: row["payload_length"] > 0,
    "not payload": lambda row, _: row["payload_length"] == 0,
    "new": lambda row, _: row["new_payload"],
    "payload and not new": lambda row, _: row["payload_length"] > 0 and not row["new_payload"],
    "verified": lambda row, _: row["verified"] is True,
    "not verified": lambda row, _: row["verified"] is not True,
    "fragment": lambda row, _: row["ip_fragment"] & 0x3FFF != 0,
    "not fragment": lambda row, _: row["ip_fragment"] & 0x3FFF == 0,
    "ttl < 10": lambda row, _: row["ttl"] < 10,
    "ttl = 64 or ttl > 128": lambda row, _: row["ttl"] == 64 or row["ttl"] > 128,
    "ttl + 10 <= 64": lambda row, _: row["ttl"] + 10 <= 64,
    "sensor a": lambda row, _: row["sensor"] == "a",
    "sensor 007": lambda row, _: row["sensor"] == "007",
    "sensor 7": lambda row, _: False,
    "sensor odd-1": lambda row, _: row["sensor"] == "odd-1",
    'sensor "odd-1"': lambda row, _: row["sensor"] == "odd-1",
    "not sensor b": lambda row, _: row["sensor"] != "b",
    "block C/24": lambda row, _: row["block"] == "C/24",
    "block D/24.odd_x": lambda row, _: row["block"] == "D/24.odd_x",
    "block 'D/24.odd_x'": lambda row, _: row["block"] == "D/24.odd_x",
    "block C": lambda row, _: False,
    "block c/24": lambda row, _: False,
    "block '%'": lambda row, _: False,
    "sensor \"'; DROP TABLE packets; --\"": lambda row, _: False,
    "sensor \"a' OR 'a'='a\"": lambda row, _: False,
    r"sensor 'a\\'": lambda row, _: False,
    "block C/24 or block H/25 and sensor a": lambda row, _: row["block"] in ("C/24", "H/25") and row["sensor"] == "a",
    f"signature {SSH}": lambda row, _: row["signature"] == bytes.fromhex(SSH),
    f"signature {SSH.upper()}": lambda row, _: row["signature"] == bytes.fromhex(SSH),
    f"signature 0x{SSH[:9]}": lambda row, _: (row["signature"] or b"").hex().startswith(SSH[:9]),
    f"signature {SSH[:6]}": lambda row, _: (row["signature"] or b"").hex().startswith(SSH[:6]),
    f"not signature {SSH[:7]}": lambda row, _: not (row["signature"] or b"").hex().startswith(SSH[:7]),
    f"signature {SSH} or signature {'0' * 32}": lambda row, _: row["signature"] == bytes.fromhex(SSH),
    f"signature {SSH} or signature ffffff": lambda row, _: (row["signature"] or b"").hex().startswith((SSH, "ffffff")),
    f"not (signature {SSH} or signature {SSH})": lambda row, _: row["signature"] != bytes.fromhex(SSH),
    f"not (signature {SSH} or signature {'0' * 32} or signature ffffff) and udp": lambda row, _: (
        row["protocol"] == 17 and not (row["signature"] or b"").hex().startswith((SSH, "ffffff"))
    ),
    "signature ffffff": lambda row, _: (row["signature"] or b"").hex().startswith("ffffff"),
    'payload contains "GET /"': lambda _, payload: b"GET /" in payload,
    'payload contains "get /"': lambda _, payload: b"get /" in payload,
    'not payload contains "GET /"': lambda _, payload: b"GET /" not in payload,
    'payload contains "SSH-2.0" and new': lambda row, payload: b"SSH-2.0" in payload and row["new_payload"],
    r"payload contains '\r\n'": lambda _, payload: b"\r\n" in payload,
    r"payload contains '\0'": lambda _, payload: b"\0" in payload,
    r"payload contains '\0\x41'": lambda _, payload: b"\0A" in payload,
    "payload contains 0x00": lambda _, payload: b"\0" in payload,
    "payload contains 0xFFfe": lambda _, payload: b"\xff\xfe" in payload,
    "payload contains 0x41": lambda _, payload: b"A" in payload,  # not where two octets' digits meet: 14 1A
    "payload contains 0x1b": lambda _, payload: b"\x1b" in payload,  # nor A1 B2
    'payload contains "日本"': lambda _, payload: "日本".encode() in payload,
    'payload contains "\udce6\udc97"': lambda _, payload: b"\xe6\x97" in payload,
    'payload contains ".*"': lambda _, payload: b".*" in payload,
    'payload contains "(a+)+$"': lambda _, payload: b"(a+)+$" in payload,
    r"payload contains 'it\'s \"quoted\" \\ and 100%_'": lambda _, payload: b"it's \"quoted\" \\ and 100%_" in payload,
    "payload contains \"'; DROP TABLE\"": lambda _, payload: b"'; DROP TABLE" in payload,
    f"payload contains '{'A' * 256}'": lambda _, payload: b"A" * 256 in payload,
    f"payload contains '{'A' * 255}B'": lambda _, payload: b"A" * 255 + b"B" in payload,
    "payload contains 'no such thing'": lambda _, payload: False,
    "ip6 or arp or rarp or icmp6": lambda row, _: False,
    "not ip6": lambda row, _: True,
    "203.0.113.7": lambda row, _: TO + 7 in (row["source"], row["destination"]),
    "proto igmp": lambda row, _: row["protocol"] == 2,
}  # fmt: skip


def test_our_own_words_select_what_plain_python_selects(world: World) -> None:
    for (text, rule), found in zip(OURS.items(), world.selected(*map(parse, OURS)), strict=True):
        wanted = {n for n, row in enumerate(world.rows) if rule(row, text_of(row, world))}
        assert found == wanted, text
    selecting = [text for text in OURS if world.selected(parse(text)) != [set()]]
    assert len(OURS) - len(selecting) < 15


@pytest.mark.parametrize("text", every(4, (text for text in OURS if "verified" not in text and "\udce6" not in text)))
def test_a_telescope_counts_the_same(store: Path, everything: list[Row], world: World, text: str) -> None:
    with ims.open(store) as telescope:
        found = telescope.count(text).table.column("packets").to_pylist()
    assert found == [sum(OURS[text](row, text_of(row, world)) for row in everything)]


@pytest.fixture(scope="module")
def everything(store: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    return exported(tmp_path_factory.mktemp("everything"), store)


def test_contains_needs_the_table_of_payloads(world: World) -> None:
    packets = world._tables["packets"]
    with pytest.raises(ValueError, match="needs the table of payloads"):
        predicate(parse("tcp or not payload contains 'x'"), packets)


# Random trees

MASK = 0xFFFFFFFF
# tcpdump judges the octets made of several columns: lengths that only the wire has.
COLUMNS = {
    (header, at): (name, shift)
    for header, octets in header_fields.HEADERS.items()
    for at, (name, shift) in octets.items()
    if name not in header_fields.DERIVED
}
RELATION = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    "!=": operator.ne,
}


class RejectedError(Exception):
    """BPF's end without a match: an octet that wasn't captured, or a division by zero."""


PROTOCOL = {"tcp": 6, "udp": 17, "icmp": 1}


def first_octets(tree: Any) -> str | None:
    """The header that libpcap makes sure of before it works out a number."""
    while isinstance(tree, Arithmetic):
        tree = tree.left
    return tree.header if isinstance(tree, Octets) and tree.header != "ip" else None


def number(tree: Any, row: Row) -> int:
    """A number of a packet: octets behind the IP header are taken from whatever header is there."""
    if isinstance(tree, Number):
        return tree.value
    if isinstance(tree, Octets):
        header = tree.header
        if header != "ip":
            there = {6: "tcp", 17: "udp", 1: "icmp", 132: "udp" if tree.offset + tree.size <= 4 else None}
            header = there.get(row["protocol"])
            if row["ip_fragment"] & 0x1FFF:
                raise RejectedError
        octets = []
        for at in range(tree.offset, tree.offset + tree.size):
            name, shift = COLUMNS.get((header, at), (None, 0))
            if name is None or row[name] is None:
                raise RejectedError
            octets.append(row[name] >> shift & 0xFF)
        return int.from_bytes(bytes(octets))
    left, right = number(tree.left, row), number(tree.right, row)
    if tree.operator in "/%" and right == 0:
        raise RejectedError
    if tree.operator in ("<<", ">>"):
        found = 0 if right > 31 else left << right if tree.operator == "<<" else left >> right
    else:
        found = {
            "+": left + right, "-": left - right, "*": left * right, "&": left & right, "|": left | right, "^": left ^ right,
            "/": left // (right or 1), "%": left % (right or 1),
        }[tree.operator]  # fmt: skip
    return found & MASK


def takes(tree: Any, row: Row, payload: bytes) -> bool:
    """Whether a filter takes a packet, as BPF goes about it: from left to right, until it is rejected."""
    try:
        return is_true(tree, row, payload)
    except RejectedError:
        return False


def is_true(tree: Any, row: Row, payload: bytes) -> bool:
    if isinstance(tree, And):
        return all(is_true(term, row, payload) for term in tree.terms)
    if isinstance(tree, Or):
        return any(is_true(term, row, payload) for term in tree.terms)
    if isinstance(tree, Not):
        return not is_true(tree.inner, row, payload)
    if isinstance(tree, Compare):
        protocols = {PROTOCOL[h] for h in (first_octets(tree.left), first_octets(tree.right)) if h is not None}
        if protocols - {row["protocol"]} or (protocols and row["ip_fragment"] & 0x1FFF):
            return False
        return RELATION[tree.operator](number(tree.left, row), number(tree.right, row))
    if isinstance(tree, Net | Port):
        if isinstance(tree, Net):
            ends = {end: row[end] & tree.mask == tree.address for end in ("source", "destination")}
        else:
            wanted = (6, 17, 132) if tree.protocol is None else (tree.protocol,)
            if row["protocol"] not in wanted or row["ip_fragment"] & 0x1FFF:
                return False
            ports = {end: row[f"{end}_port"] for end in ("source", "destination")}
            if None in ports.values():
                raise RejectedError
            ends = {end: tree.low <= port <= tree.high for end, port in ports.items()}
        if tree.direction in ends:
            return ends[tree.direction]
        return all(ends.values()) if tree.direction == "both" else any(ends.values())
    if isinstance(tree, Protocol):
        return tree.number in (None, row["protocol"])
    if isinstance(tree, Has):
        return {
            "payload": row["payload_length"] > 0, "new": row["new_payload"], "verified": row["verified"] is True,
            "fragment": row["ip_fragment"] & 0x3FFF != 0,
        }[tree.what]  # fmt: skip
    if isinstance(tree, Named):
        return row[tree.column] == tree.name
    if isinstance(tree, Signature):
        return row["signature"] is not None and row["signature"].hex().startswith(tree.digits)
    if isinstance(tree, Contains):
        return tree.octets in payload
    assert isinstance(tree, Nothing)
    return False


def arithmetic(left: Any, operator: str, right: Any) -> Any:
    """As Arithmetic, but for constants that it refuses."""
    try:
        return Arithmetic(operator, left, right)
    except ValueError:
        return left


one_of = st.sampled_from
numbers = one_of(
    [0, 1, 2, 5, 6, 8, 16, 18, 20, 31, 32, 40, 64, 80, 0xFF, 0x3FFF, 0xFFFF, 1 << 16, 1 << 31, MASK]
) | st.integers(0, MASK)
octets = one_of(
    [(header, at, size) for header, at in COLUMNS for size in (1, 2, 4) if all((header, at + n) in COLUMNS for n in range(size))]
).map(lambda found: Octets(*found))  # fmt: skip
values = st.recursive(
    octets | numbers.map(Number),
    lambda inner: st.builds(arithmetic, inner, one_of(["+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>"]), inner),
    max_leaves=5,
)
directions = one_of(DIRECTIONS)
masks = st.integers(0, 32).map(lambda bits: MASK & ~(MASK >> bits)) | st.integers(0, MASK)


def leaves(rows: Sequence[Row], payloads: Sequence[bytes]) -> st.SearchStrategy[Any]:
    """Predicates that ask for what is there."""
    there = st.integers(0, len(rows) - 1).map(lambda n: rows[n])
    payload = st.integers(0, len(payloads) - 1).map(lambda n: payloads[n])
    addresses = there.flatmap(lambda row: one_of([row["source"], row["destination"]])) | st.integers(0, MASK)
    ports = there.map(lambda row: row["destination_port"] or 0) | st.integers(0, 0xFFFF)
    signatures = there.map(lambda row: (row["signature"] or b"\xff" * 16).hex())
    parts = st.tuples(payload, st.integers(0, 40), st.integers(1, 12)).map(lambda p: p[0][p[1] : p[1] + p[2]])
    return st.one_of(
        st.builds(Compare, one_of(RELATIONS), values, values),
        st.builds(Compare, one_of(RELATIONS), octets, numbers.map(Number)),
        st.builds(Protocol, st.none() | one_of([0, 1, 2, 6, 17, 47])),
        st.builds(lambda way, address, mask: Net(way, address & mask, mask), directions, addresses, masks),
        st.builds(lambda way, p, q, protocol: Port(way, min(p, q), max(p, q), protocol), directions, ports, ports, one_of([None, 6, 17, 132])),
        st.builds(lambda way, p: Port(way, p, p, None), directions, ports),
        st.builds(Has, one_of(FLAGS)),
        there.flatmap(lambda row: one_of([Named(column, row[column]) for column in ("category", "block", "sensor")])),
        st.builds(lambda digits, length: Signature(digits[:length]), signatures, st.integers(6, 32)),
        st.builds(Contains, parts.filter(len) | st.binary(min_size=1, max_size=2)),
        st.just(Nothing()),
    )  # fmt: skip


@given(st.data())
@settings(max_examples=examples(60, 12))
def test_any_tree_selects_what_plain_python_selects(world: World, data: st.DataObject) -> None:
    trees = st.recursive(
        leaves(world.rows, list(world.payloads.values())),
        lambda inner: (
            st.builds(Not, inner)
            | st.builds(And, st.lists(inner, min_size=2, max_size=3).map(tuple))
            | st.builds(Or, st.lists(inner, min_size=2, max_size=3).map(tuple))
        ),
        max_leaves=5,
    )
    asked = data.draw(st.lists(trees, min_size=1, max_size=8))
    for tree, found in zip(asked, world.selected(*asked), strict=True):
        assert found == {n for n, row in enumerate(world.rows) if takes(tree, row, text_of(row, world))}, str(tree)
