"""`ims query`: words that make no sense are refused in one line, which says where."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..stores import cli
from .refused import refused

TOO_DEAR = [
    ("*".join(["tcp[13]"] * 40) + " > 3", "a comparison has more than 16 operators"),
    (" or ".join(f"ip[0]={n}" for n in range(300)), "its comparisons look at 2,700 columns; at most 2,000"),
    (" or ".join(['payload contains "a"'] * 17), "it searches payloads 17 times; at most 16"),
]
"""Filters short enough to be taken, which would cost too much."""


QUERY = {
    ("count", "tpc port 80"): "filter, column 1: 'tpc' can't stand here; meant tcp?",
    ("count", "tcp and (udp"): "filter, column 13: it ends here",
    ("count", "port eighty"): "eighty",
    ("count", "net 198.51.100.0/33"): "filter, column 18: a prefix has at most 32 bits; found 33",
    ("top", "destination_prot"): "no column 'destination_prot'; meant destination_port?",
    ("top",): "COLUMN",
    ("series", "--group", "colour"): "no column 'colour'",
    ("series", "--metric", "packet"): "no metric 'packet'; meant packets?",
    ("series", "--bin", "5parsecs"): "bin '5parsecs'",
    ("series", "--since", "tomorrow"): "time 'tomorrow'",
    ("darknet", "--group", "ttl"): "darknet by ttl? expected one of: block, sensor",
    ("darknet", "--group", "/8"): "darknet by source/8? expected one of: block, sensor",
    ("darknet", "--group", "colour"): "no column 'colour'",
    ("darknet", "tpc"): "filter, column 1: 'tpc'",
    ("packets", "--limit", "0"): "--limit",
    ("packets", "--limit", "99999999999"): "limit",
    ("payloads", "--payload", "xyz", "--out", "f"): "signature 'xyz'",
    ("payloads", "--payload", "abcdef"): "go together",
    ("chain", "--then", "udp"): "chain needs first: a filter",
    ("chain", "--first", "udp"): "chain needs then: a filter",
    ("chain", "--first", "tpc", "--then", "udp"): "step 1: filter, column 1: 'tpc' can't stand here; meant tcp?",
    ("chain", "--first", "tcp", "--then", "udp", "--then", "tcp and"): "step 3: filter, column 8: it ends here",
    ("chain", "--first", " ", "--then", "udp"): "step 1 is empty; expected a filter",
    ("chain", "--first", "tcp", "--then", "udp", "--then", ""): "step 3 is empty; expected a filter",
    ("chain", "--first", "tcp", *(("--then", "udp") * 5)): "6 steps; a chain has at most 5",
    (
        "chain",
        "--first",
        "tcp",
        "--then",
        "udp",
        "--at",
        "adress",
    ): "at 'adress': expected one of address, sensor, anywhere",
    ("chain", "--first", "tcp", "--then", "udp", "--within", "0"): "within '0': expected a positive number",
    ("chain", "--first", "tcp", "--then", "udp", "--bin", "1x"): "bin '1x': expected a positive number",
    ("chain", "tpc", "--first", "tcp", "--then", "udp"): "filter, column 1: 'tpc'",
    ("chain", "--first", "tcp", "--then", "udp", "--limit", "99999999999"): "limit",
    ("count", "--format", "xml"): "--format 'xml'",
    ("cuont",): "cuont",
}


@pytest.mark.parametrize("words", QUERY)
def test_query_refuses_words_that_make_no_sense(one_store: Path, words: tuple[str, ...]) -> None:
    refused(cli("query", *words, "--store", one_store), QUERY[words])


@pytest.mark.parametrize(("text", "says"), TOO_DEAR)
def test_a_filter_that_costs_too_much_is_refused(one_store: Path, text: str, says: str) -> None:
    refused(cli("query", "count", text, "--store", one_store), says)


def test_a_typo_in_a_filter_is_pointed_at(one_store: Path) -> None:
    for text, column in (("tcp dst port 80 prot 9", 17), ("tcp and dst port 80 adn udp", 21)):
        refused(cli("query", "count", text, "--store", one_store), f"filter, column {column}: ")


def test_a_damaged_store_says_which_file(tmp_path: Path, samples: dict[int, Path]) -> None:
    from ..stores import ingest

    store = ingest(tmp_path / "S", samples[1])
    part = sorted((store / "packets").rglob("*.parquet"))[3]
    part.write_bytes(part.read_bytes()[:-100])
    refused(cli("query", "count", "--store", store), part.name)
