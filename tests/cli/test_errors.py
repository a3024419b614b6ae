"""Bad usage and bad input: one clear line on standard error, exit code 2, and nothing written."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from ..stores import BLOCK, cli

USUAL = ("--sensor", "a", "--block", BLOCK)


@pytest.fixture
def bench(tmp_path: Path, samples: dict[int, Path]) -> Path:
    """Things that aren't what is wanted."""
    (tmp_path / "dark.pcap").symlink_to(samples[1])
    (tmp_path / "empty.pcap").touch()
    (tmp_path / "text.pcap").write_text("Not a capture\n")
    (tmp_path / "cut.pcap").write_bytes(samples[1].read_bytes()[:20])
    (tmp_path / "folder").mkdir()
    (tmp_path / "strange \x1b[31mname\n.pcap").write_text("no")
    return tmp_path


INGEST = {
    "none.pcap": "none.pcap: no such file",
    "folder": "folder is a folder; wanted a capture file",
    "empty.pcap": "empty.pcap is empty",
    "text.pcap": "text.pcap is no capture: it begins with 4e 6f 74 20",
    "cut.pcap": "cut.pcap is cut off within its 24-byte pcap header, at byte 20",
    "strange \x1b[31mname\n.pcap": "strange \\x1b[31mname",
}


@pytest.mark.parametrize("name", INGEST)
def test_ingest_refuses_what_is_no_capture(bench: Path, name: str) -> None:
    done = cli("ingest", name, "--store", "S", *USUAL, cwd=bench)
    refused(done, INGEST[name])


PIPES = {
    b"": "standard input is empty",
    b"Not a capture\n": "standard input is no capture: it begins with 4e 6f 74 20",
    b"\xd4\xc3\xb2\xa1\x02\x00": "standard input is cut off within its 24-byte pcap header, at byte 6",
}


@pytest.mark.parametrize("octets", PIPES, ids=["nothing", "text", "half a header"])
def test_a_refused_standard_input_leaves_no_store_and_no_sensor_behind(one_store: Path, octets: bytes) -> None:
    words = ("ingest", "-", "--sensor", "never", "--block", BLOCK, "--store")
    with TemporaryDirectory() as folder:
        refused(cli(*words, "S", cwd=folder, input=octets, text=False), PIPES[octets])
        assert list(Path(folder).iterdir()) == []
    before = sorted(one_store.rglob("*"))
    said = cli("query", "coverage", "--store", one_store).stdout
    refused(cli(*words, one_store, input=octets, text=False), PIPES[octets])
    assert sorted(one_store.rglob("*")) == before
    after = cli("query", "coverage", "--store", one_store)
    assert after.stdout == said
    assert "never" not in after.stdout + after.stderr


WORDS = {
    ("--sensor", "a", "--block", "C/24"): "C/24",
    ("--sensor", "a", "--block", "C=198.51.100.0/33"): "198.51.100.0/33",
    ("--sensor", "a", "--block", "C=198.51.100.7/24"): "198.51.100.7/24",
    ("--sensor", "a", "--block", "C=2001:db8::/32"): "2001:db8::/32",
    ("--sensor", "a", "--block", "A=198.51.100.0/24", "--block", "B=198.51.100.128/25"): "overlap",
    ("--sensor", "a/../b", "--block", BLOCK): "a/../b",
    ("--sensor", "", "--block", BLOCK): "sensor",
    ("--sensor", "a"): "--block",
    ("--block", BLOCK): "--sensor",
    (*USUAL, "--unwrap", "gre,teredo"): "teredo",
    (*USUAL, "--cache-signatures", "0"): "--cache-signatures",
    (*USUAL, "--payload-budget", "much"): "much",
    (*USUAL, "--keep-age", "-1d"): "-1d",
    (*USUAL, "--format", "xml"): "--format 'xml': wanted one of table, json, csv",
    (*USUAL, "--watch", "."): "not both",
    (*USUAL, "--sotre", "x"): "--sotre",
}


@pytest.mark.parametrize("words", WORDS)
def test_ingest_refuses_words_that_make_no_sense(bench: Path, words: tuple[str, ...]) -> None:
    done = cli("ingest", "dark.pcap", "--store", "S", *words, cwd=bench)
    refused(done, WORDS[words])
    assert not (bench / "S").exists()


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
    ("packets", "--limit", "0"): "--limit",
    ("packets", "--limit", "99999999999"): "limit",
    ("payloads", "--payload", "xyz", "--out", "f"): "signature 'xyz'",
    ("payloads", "--payload", "abcdef"): "go together",
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


@pytest.mark.parametrize("name", ["none", "folder", "empty.pcap", "dark.pcap"])
@pytest.mark.parametrize("command", [("query", "count"), ("export", "pcap", "--out", "x")])
def test_what_is_no_store_is_refused(bench: Path, name: str, command: tuple[str, ...]) -> None:
    refused(cli(*command, "--store", name, cwd=bench), name)
    assert not (bench / "x").exists()


def test_export_refuses_what_it_can_t_write(one_store: Path, tmp_path: Path) -> None:
    refused(cli("export", "xls", "--store", one_store, "--out", tmp_path / "x"), "no format 'xls'; wanted one of pcap")
    refused(cli("export", "pcap", "--store", one_store, "--out", tmp_path), "is a folder")
    refused(
        cli("export", "pcap", "--store", one_store, "--out", tmp_path / "no" / "x.pcap"),
        f"{tmp_path}/no/x.pcap: its folder isn't there\n",
    )
    (tmp_path / "file").touch()
    refused(
        cli("export", "pcap", "--store", one_store, "--out", tmp_path / "file" / "x.pcap"),
        f"ims: {tmp_path}/file/x.pcap: Not a directory\n",
    )
    (tmp_path / "file").unlink()
    refused(cli("export", "pcap", "--store", one_store), "--out")
    assert list(tmp_path.iterdir()) == []


SENSOR = ("--interface", "eth0", "--store", "S", "--sensor", "a", "--block", BLOCK)


def test_a_policy_that_is_none_is_refused_in_plain_words(tmp_path: Path) -> None:
    done = cli("sensor", *SENSOR, "--policy", "odd", cwd=tmp_path)
    refused(done, "ims: --policy 'odd': wanted one of silent, synack, ack, reset\n")


POLICIES = {
    '"odd"': "block.0.policy = 'odd': wanted 'silent', 'synack', 'ack' or 'reset', or a table",
    "7": "block.0.policy = 7: wanted 'silent', 'synack', 'ack' or 'reset', or a table",
    '{ "80" = "odd", default = "ack" }': "block.0.policy.80 = 'odd': wanted 'silent', 'synack', 'ack' or 'reset'\n",
    '{ "80" = "ack", "99999" = "ack" }': "99999",
}


@pytest.mark.parametrize("policy", POLICIES)
def test_a_policy_in_a_file_that_is_none_says_where(tmp_path: Path, policy: str) -> None:
    file = tmp_path / "sensor.toml"
    file.write_text(
        'name = "a"\nstore = "S"\ninterfaces = ["eth0"]\n'
        f'[[block]]\nname = "C/24"\nprefix = "198.51.100.0/24"\npolicy = {policy}\n'
    )
    refused(cli("sensor", "--config", file, cwd=tmp_path), POLICIES[policy])
    assert not (tmp_path / "S").exists()


def test_a_folder_of_other_things_is_not_made_a_store(bench: Path) -> None:
    refused(cli("ingest", "dark.pcap", "--store", ".", *USUAL, cwd=bench), "no store")
    refused(cli("ingest", "dark.pcap", "--store", "text.pcap", *USUAL, cwd=bench), "text.pcap")


def test_a_damaged_store_says_which_file(tmp_path: Path, samples: dict[int, Path]) -> None:
    from ..stores import ingest

    store = ingest(tmp_path / "S", samples[1])
    part = sorted((store / "packets").rglob("*.parquet"))[3]
    part.write_bytes(part.read_bytes()[:-100])
    refused(cli("query", "count", "--store", store), part.name)


def test_the_demo_leaves_other_files_alone(bench: Path) -> None:
    refused(cli("demo", "--folder", bench), "holds other files than a demo's")


def refused(done: Any, says: str) -> None:
    assert done.returncode == 2, done.stdout + done.stderr
    error = done.stderr if isinstance(done.stderr, str) else done.stderr.decode()
    assert error.startswith("ims: ")
    assert says in error
    assert error.count("\n") == 1, error
    assert "Traceback" not in error
    assert all(c.isprintable() or c == "\n" for c in error)
    assert len(done.stdout) == 0
