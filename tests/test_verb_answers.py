"""Each verb against brute force over exported rows, from one store and from several that answer as one."""

from __future__ import annotations

import hashlib
import ipaddress
import itertools
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import ims
from ims.query.verbs import DEFAULT_LIMITS
from ims.telescope import Telescope

from .query import oracle
from .sign.collision import FIRST, MD5, SECOND
from .stores import MIDNIGHT, exported, ingest, ipv4, udp, write_pcap

Rows = list[dict[str, Any]]
DARK = int(ipaddress.IPv4Address("198.51.100.9"))
HOUR = 3_600_000_000


@pytest.fixture(scope="module", params=["one store of three sensors", "three stores"])
def telescope(request: pytest.FixtureRequest, three_sensors: Path, three_stores: list[Path]) -> Telescope:
    return ims.open(*(three_stores if request.param == "three stores" else [three_sensors]))


@pytest.fixture(scope="module")
def rows(three_sensors: Path, tmp_path_factory: pytest.TempPathFactory) -> Rows:
    return exported(tmp_path_factory.mktemp("rows"), three_sensors)


def dotted(address: int) -> str:
    return str(ipaddress.IPv4Address(address))


def moment(micros: int | None) -> datetime | None:
    return None if micros is None else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)


def test_count(telescope: Telescope, rows: Rows) -> None:
    wanted = oracle.count(rows)
    [found] = telescope.count().rows()
    assert found == {**wanted, "first": moment(wanted["first"]), "last": moment(wanted["last"])}
    assert telescope.count("udp and not udp").rows()[0]["packets"] == 0


def test_addresses_prefixes_and_signatures_are_shown_as_people_write_them(telescope: Telescope, rows: Rows) -> None:
    for group, show in (
        ("source", dotted),
        ("destination", dotted),
        ("/8", lambda key: f"{dotted(key)}/8"),
        ("destination/26", lambda key: f"{dotted(key)}/26"),
        ("signature", lambda key: None if key is None else key.hex()),
        ("sensor", str),
        ("icmp_type", lambda key: key),
    ):
        wanted = oracle.top(rows, "source/8" if group == "/8" else group)
        table = telescope.top(group, limit=10_000).table
        found = list(zip(*(column.to_pylist() for column in table.columns), strict=True))
        assert found == [(show(key), value) for key, value in wanted], group


@pytest.mark.parametrize("metric", sorted(oracle.METRICS))
def test_series_has_every_watched_bin_and_zeros_where_nothing_came(
    telescope: Telescope, rows: Rows, metric: str
) -> None:
    few = [row for row in rows if row["destination_port"] == 1434]
    wanted = dict(oracle.series(few, 600_000_000, metric))
    answer = telescope.series("dst port 1434", bin="10m", metric=metric)
    found = {row["time"]: row["value"] for row in answer.rows()}
    assert {key: value for key, value in found.items() if value} == {
        moment(key): value for key, value in wanted.items() if value
    }
    first, last = min(row["us"] for row in rows), max(row["us"] for row in rows)
    watched = range(first // 600_000_000 * 600_000_000, last + 1, 600_000_000)
    assert list(found) == [moment(begin) for begin in watched]


def test_zeros_stay_within_the_range_and_a_limit_leaves_them_out(telescope: Telescope) -> None:
    answer = telescope.series("dst port 1434", bin="10m", since="2026-03-04T05:05", until="2026-03-04T05:45")
    assert [row["time"].minute for row in answer.rows()] == [0, 10, 20, 30, 40]
    assert len(telescope.series("dst port 1434", bin="10m", limit=3)) <= 3


def addresses_over_time(coverage: Rows) -> float:
    """Distinct addresses that were watched, counted one by one at each moment; the mean over those with any."""
    moments = sorted({row[name] for row in coverage for name in ("since", "until")})
    spent = area = 0.0
    for begin, end in itertools.pairwise(moments):
        there = set[ipaddress.IPv4Address]()
        there.update(
            *(ipaddress.ip_network(r["prefix"]) for r in coverage if r["since"] <= begin and end <= r["until"])
        )
        seconds = (end - begin).total_seconds()
        spent += seconds * bool(there)
        area += seconds * len(there)
    return area / spent


def test_divided_by_what_was_watched(telescope: Telescope, rows: Rows) -> None:
    watched = {"007": 1.0, "a": 0.5, "b": 2.0}  # /24, /25 and /23
    packets = dict(oracle.top(rows, "sensor"))
    found = telescope.top("sensor", per_24=True).rows()
    assert {row["sensor"]: row["value"] for row in found} == {name: packets[name] / watched[name] for name in watched}
    assert [row["value"] for row in found] == sorted((row["value"] for row in found), reverse=True)
    per_bin = telescope.series("sensor a", bin="1d", group="sensor", per_24=True).rows()
    assert [row["value"] for row in per_bin] == [packets["a"] / 0.5]
    whole = telescope.series(bin="1d", per_24=True)
    size = addresses_over_time(telescope.coverage().rows()) / 256  # E/23 has the others' addresses too
    assert 1 < size <= 2  # it watched for a shorter time than they
    assert [row["value"] for row in whole.rows()] == pytest.approx([len(rows) / size])
    assert whole.record.darknet_24s == pytest.approx(size)


def test_a_renamed_block_and_one_of_a_minute_leave_the_size_as_it_is(tmp_path: Path) -> None:
    minute, moved = 60 * 10**9, "198.51.100.0/24"
    hours = {"first": (0, "C/24", moved), "second": (60, "darknet", moved), "mistake": (30, "D/24", "192.0.2.0/24")}
    store = tmp_path / "STORE"
    for name, (begin, block, prefix) in hours.items():
        destination = int(ipaddress.IPv4Network(prefix)[9])
        minutes = range(60) if name != "mistake" else range(2)
        packets = [(MIDNIGHT + (begin + m) * minute, udp(1, destination, 53)) for m in minutes]
        ingest(store, write_pcap(tmp_path / f"{name}.pcap", packets), blocks=[f"{block}={prefix}"])
    telescope = ims.open(store)
    watched = 118 * 60 + 1e-6 * 2  # seconds; from the last packet of an hour to the first of the next none is known to
    size = 1 + 60 / watched
    assert telescope.count().record.darkness.startswith("1.008 /24s watched")
    assert telescope.count().record.darknet_24s == pytest.approx(size)
    [value] = [row["value"] for row in telescope.series(bin="1d", per_24=True).rows()]
    assert value == pytest.approx(122 / size)
    by_block = {row["block"]: row["value"] for row in telescope.top("block", per_24=True).rows()}
    assert by_block == {"C/24": 60, "darknet": 60, "D/24": 2}
    hourly = [row["value"] for row in telescope.series(bin="1h", per_24=True).rows()]
    assert hourly == pytest.approx([62 / (1 + 60 / (59 * 60)), 60])


def test_sources(telescope: Telescope, rows: Rows) -> None:
    wanted = oracle.sources(rows)[:50]
    found = telescope.sources(limit=50).rows()
    assert [row.pop("verified") for row in found] == [None] * 50
    for row in wanted:
        row |= {"source": dotted(row["source"]), "first": moment(row["first"]), "last": moment(row["last"])}
    assert found == wanted


def test_payloads_with_their_bytes(telescope: Telescope, rows: Rows) -> None:
    wanted = oracle.payloads(rows)[:40]
    found = telescope.payloads(limit=40)
    for row, want in zip(found.rows(), wanted, strict=True):
        assert row["signature"] == want["signature"].hex()
        for name in ("length", "packets", "sources", "ports"):
            assert row[name] == want[name], name
        assert (row["first_seen"], row["last_seen"]) == (moment(want["first_seen"]), moment(want["last_seen"]))
        assert row["ever_first_seen"] == row["first_seen"]
        assert len(row["payload"]) == row["length"]
        assert row["text"] == "".join(chr(o) if 32 <= o < 127 else "." for o in row["payload"])
        assert row["hexdump"].startswith(f"00000000  {row['payload'][:1].hex()}")
        assert telescope.payload(row["signature"][:12]) == row["payload"]


def test_cache(telescope: Telescope, rows: Rows) -> None:
    found = telescope.cache(bin="2h").rows()
    for row, want in zip(found, oracle.cache(rows, 2 * HOUR), strict=True):
        begin, said, hits, plain, plain_hits = want
        assert row == {
            "time": moment(begin),
            "payloads": said,
            "hits": hits,
            "hit_rate": hits / said,
            "payloads_without_icmp_errors": plain,
            "hits_without_icmp_errors": plain_hits,
            "hit_rate_without_icmp_errors": plain_hits / plain if plain else None,
        }


def test_coverage_says_what_was_watched_and_when(telescope: Telescope, rows: Rows) -> None:
    found = telescope.coverage().rows()
    assert {(row["sensor"], row["block"], row["prefix"]) for row in found} == {
        ("007", "C/24", "198.51.100.0/24"),
        ("a", "H/25", "198.51.100.0/25"),
        ("b", "E/23", "198.51.100.0/23"),
    }
    for row in found:
        mine = [moment(r["us"]) for r in rows if r["sensor"] == row["sensor"]]
        assert row["since"] <= min(mine) and max(mine) <= row["until"]


def test_the_darknet_is_what_coverage_says_bin_by_bin(telescope: Telescope) -> None:
    coverage = telescope.coverage().rows()
    since, until = (pick(row[name] for row in coverage) for pick, name in ((min, "since"), (max, "until")))
    found = telescope.darknet(bin="30m")
    assert found.table.column_names == ["time", "addresses", "answering", "seconds"]
    assert len(found) > 20
    for row in found.rows():
        end = row["time"] + timedelta(minutes=30)
        inside = [
            each | {"since": max(each["since"], row["time"]), "until": min(each["until"], end)}
            for each in coverage
            if each["since"] < end and row["time"] < each["until"]
        ]
        assert row["addresses"] == pytest.approx(addresses_over_time(inside), rel=1e-12)
        assert row["seconds"] == (min(until, end) - max(since, row["time"])).total_seconds()
        assert row["answering"] == 0  # captures
        one = telescope.count(since=row["time"], until=end) if row["time"].hour % 6 == 0 else None
        assert one is None or one.record.darknet_24s == row["addresses"] / 256
    assert {row["addresses"] for row in telescope.darknet(group="sensor").rows() if row["sensor"] == "b"} == {512}


def test_the_darknet_s_rows_at_a_limit_are_the_first_and_the_record_says_how_many_there_are(
    telescope: Telescope,
) -> None:
    whole = telescope.darknet(bin="10m", group="block")
    answer = telescope.darknet(bin="10m", group="block", limit=7)
    assert answer.table.equals(whole.table.slice(0, 7))
    assert (answer.record.limit, answer.record.matching, answer.record.at_least) == (7, len(whole), False)
    assert answer.record.left_out[0].startswith(f"only the first 7 of {len(whole):,} rows: --limit N gives more")
    assert (whole.record.limit, whole.record.matching) == (0, 0)
    many = telescope.darknet(bin="1ms", limit=3)
    assert (len(many), many.record.matching > 10_000_000) == (3, True)
    assert len(telescope.darknet(since="2030-01-01")) == 0


def test_packets_have_nanoseconds_and_every_column(telescope: Telescope, rows: Rows) -> None:
    answer = telescope.packets("udp", limit=200)
    wanted = sorted((row for row in rows if row["protocol"] == 17), key=lambda row: row["ns"])[:200]
    assert answer.table.column("time").cast(pa.int64()).to_pylist() == [row["ns"] for row in wanted]
    assert {"sensor", "block", "source", "checksum", "signature", "category"} <= set(answer.table.column_names)


def test_payloads_with_one_md5_are_both_shown_and_both_to_be_had(tmp_path: Path) -> None:
    packets = [(MIDNIGHT + 1000 * n, udp(n + 1, DARK, 80, octets)) for n, octets in enumerate([FIRST, SECOND, SECOND])]
    store = ims.open(ingest(tmp_path / "S", write_pcap(tmp_path / "c.pcap", packets)))
    found = store.payloads().rows()
    assert [(row["signature"], row["number"], row["payload"], row["packets"]) for row in found] == [
        (MD5.hex(), 1, FIRST, 3),
        (MD5.hex(), 2, SECOND, 3),
    ]
    assert store.payload(f"{MD5.hex()}/1") == FIRST
    assert store.payload(f"{MD5.hex()[:8]}/2") == SECOND
    with pytest.raises(ValueError, match=f"2 payloads share the MD5 {MD5.hex()}: expected .*/1 or .*/2"):
        store.payload(MD5.hex())
    with pytest.raises(ValueError, match="no payload 3 has the signature"):
        store.payload(f"{MD5.hex()}/3")


@pytest.mark.parametrize("text", ["abcde", "xyzxyz", "a" * 33, "abcdef/0", "abcdef/x", "", "abcdef/"])
def test_a_signature_that_is_none_is_refused(telescope: Telescope, text: str) -> None:
    with pytest.raises(ValueError, match=r"expected 6 to 32 hex digits|no payload is stored"):
        telescope.payload(text)


def test_digits_that_several_payloads_begin_with_name_them(tmp_path: Path) -> None:
    seen: dict[str, bytes] = {}
    for number in range(200_000):  # two numbers whose MD5s begin with the same 24 bits
        octets = str(number).encode()
        digits = hashlib.md5(octets).hexdigest()
        first = seen.setdefault(digits[:6], octets)
        if first != octets:
            break
    packets = [(MIDNIGHT + n, udp(9, DARK, 80, payload)) for n, payload in enumerate((first, octets))]
    store = ims.open(ingest(tmp_path / "S", write_pcap(tmp_path / "c.pcap", packets)))
    with pytest.raises(ValueError, match=f"several signatures begin with {digits[:6]}: {digits[:6]}.*, {digits[:6]}"):
        store.payload(digits[:6])
    assert store.payload(digits) == octets


def test_cache_without_all_its_rows_says_what_shows_them(telescope: Telescope, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = telescope.cache()
    monkeypatch.setitem(DEFAULT_LIMITS, "cache", len(whole) - 1)  # a million rows would take a minute to make
    cut = telescope.cache()
    assert len(cut) == len(whole) - 1
    [line] = cut.record.left_out
    assert line == (
        f"only the first {len(cut):,} of at least {len(whole):,} rows: "
        "a wider --bin, or a shorter time (--since, --until), has all of its rows"
    )
    assert telescope.cache(bin="1d").record.left_out == []
    assert telescope.cache(until=whole.rows()[-1]["time"]).record.left_out == []


def test_bins_that_a_limit_cut_off_are_not_called_empty(telescope: Telescope) -> None:
    record = telescope.series(limit=10).record
    assert (record.limit, record.at_least, record.bins_left_out) == (10, True, 0)


def test_a_series_makes_no_zeros_by_the_hundred_thousand(telescope: Telescope, rows: Rows) -> None:
    answer = telescope.series(bin="100ms")
    assert len(answer) == len({row["us"] // 100_000 for row in rows})
    assert answer.record.bins_left_out > 86_400
    assert "bins without packets left out; a wider --bin shows 0 there" in answer.record.left_out[0]
    assert telescope.series(bin="1h").record.left_out == []


def test_weeks_begin_on_monday_and_whole_bins_are_found_again(telescope: Telescope, rows: Rows) -> None:
    for bin in ("1w", "2w"):
        [row] = telescope.series(bin=bin).rows()
        assert row["time"].isoweekday() == 1
        assert row["value"] == len(rows)
    [hits] = telescope.cache(bin="1w").rows()
    assert hits["time"] == datetime(2026, 3, 2, tzinfo=UTC)


def test_bytes_of_what_was_left_to_hardware_are_presumed(tmp_path: Path) -> None:
    """As tcpdump does: the IP total length is 0, the packet is as long as what came. The column stays."""
    header = struct.pack(">HHIIHHHH", 1024, 80, 1, 1, 0x5018, 1024, 0, 0)
    packets = [ipv4(DARK - 256, DARK, 6, header + bytes(2000), total_length=0), udp(DARK - 512, DARK, 53, b"1234")]
    telescope = ims.open(ingest(tmp_path / "store", write_pcap(tmp_path / "x.pcap", ((MIDNIGHT, p) for p in packets))))
    assert telescope.count().rows()[0]["bytes"] == 2040 + 32
    assert [row["value"] for row in telescope.series(metric="bytes").rows()] == [2072]
    assert [row["value"] for row in telescope.top("protocol", metric="bytes").rows()] == [2040, 32]
    assert [row["bytes"] for row in telescope.sources("tcp").rows()] == [2040]
    assert sorted(row["total_length"] for row in telescope.packets().rows()) == [0, 32]
    assert telescope.count("ip[2:2] = 0").rows()[0]["packets"] == 1


def test_a_claimed_length_beyond_the_wire_adds_no_bytes(tmp_path: Path) -> None:
    """A packet of 40 octets may claim 65,535, and one merged by hardware has more than was sent at once."""
    header = struct.pack(">HHIIHHHH", 1024, 80, 1, 1, 0x5018, 1024, 0, 0)
    claims = [
        ipv4(DARK - 256, DARK + n, 6, header, total_length=claimed) for n, claimed in enumerate((65_535, 41, 40, 20))
    ]
    long = [ipv4(DARK - 256, DARK, 17, struct.pack(">HHHH", 1, 53, 3008, 0) + bytes(3000))]
    packets = ((MIDNIGHT, packet) for packet in claims + long)
    telescope = ims.open(ingest(tmp_path / "store", write_pcap(tmp_path / "x.pcap", packets)))
    assert telescope.count("tcp").rows()[0]["bytes"] == 40 + 40 + 40 + 20
    assert [row["value"] for row in telescope.series(metric="bytes").rows()] == [140 + 3028]
    assert [row["value"] for row in telescope.series(metric="bytes_capped").rows()] == [140 + 1500]
    assert sorted(row["total_length"] for row in telescope.packets("tcp").rows()) == [20, 40, 41, 65_535]
    assert telescope.count("ip[2:2] = 65535").rows()[0]["packets"] == 1
