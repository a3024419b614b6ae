"""One packet is no packets: what is printed of one thing says so, wherever it is printed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ims.query.answer import AnswerRecord
from ims.text import quantity

from .query.words import line_of
from .stores import BLOCK, MIDNIGHT, cli, udp, write_pcap

PLURAL = re.compile(
    r"(?<![\d,.])1 (packets|bytes|frames|rows|bins|payloads|sources|sensors|replies|ports|octets|/24s|addresses)\b"
)


def test_a_noun_follows_its_number() -> None:
    assert [quantity(n, "packet") for n in (0, 1, 2, 1234)] == ["0 packets", "1 packet", "2 packets", "1,234 packets"]
    assert (quantity(1, "reply", "replies"), quantity(2, "reply", "replies")) == ("1 reply", "2 replies")


def test_lines_of_a_record_are_right_for_one() -> None:
    record = AnswerRecord(frames_lost=1, payloads_lost=1, bins_left_out=1, darknet_24s=1.0, sensors=("a",))
    assert not [line for line in (*record.notes, record.darkness) if PLURAL.search(line)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A capture of one packet with a payload of one octet."""
    folder = tmp_path_factory.mktemp("one")
    write_pcap(folder / "one.pcap", [(MIDNIGHT, udp(1, 0xC633_6409, 80, b"x"))])
    return folder


def test_what_commands_print_of_one_packet_is_right(folder: Path) -> None:
    store = ("--store", "S")
    for words in (
        ("ingest", "one.pcap", *store, "--sensor", "a", "--block", BLOCK),
        ("ingest", "one.pcap", *store, "--sensor", "a", "--block", BLOCK),  # refused: it was ingested before
        *(
            ("query", verb, *line_of(verb), *store)
            for verb in (
                "count",
                "series",
                "packets",
                "payloads",
                "sources",
                "chain",
                "local",
                "cache",
                "coverage",
                "darknet",
            )
        ),
        ("export", "pcap", *store, "--out", "x.pcap"),
        ("ship", *store, "--to", "LAKE"),
    ):
        done = cli(*words, cwd=folder)
        assert done.stdout + done.stderr and not PLURAL.search(done.stdout + done.stderr), (words, done)
