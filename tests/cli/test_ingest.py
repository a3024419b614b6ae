"""`ims ingest`: bad usage and bad input are one line, and nothing is written."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from ..stores import BLOCK, cli
from .refused import USUAL, refused

INGEST = {
    "none.pcap": "none.pcap: no such file",
    "folder": "folder is a folder; expected a capture file",
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
    (*USUAL, "--format", "xml"): "--format 'xml': expected one of table, json, csv",
    (*USUAL, "--watch", "."): "not both",
    (*USUAL, "--sotre", "x"): "--sotre",
}


@pytest.mark.parametrize("words", WORDS)
def test_ingest_refuses_words_that_make_no_sense(bench: Path, words: tuple[str, ...]) -> None:
    done = cli("ingest", "dark.pcap", "--store", "S", *words, cwd=bench)
    refused(done, WORDS[words])
    assert not (bench / "S").exists()


def test_a_folder_of_other_things_is_not_made_a_store(bench: Path) -> None:
    refused(cli("ingest", "dark.pcap", "--store", ".", *USUAL, cwd=bench), "no store")
    refused(cli("ingest", "dark.pcap", "--store", "text.pcap", *USUAL, cwd=bench), "text.pcap")
