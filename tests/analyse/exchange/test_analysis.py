"""`exchange` end to end: rows, estimates, notes, and the store's own packets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import ims
from ims.analyse.analyses import ANALYSES
from ims.analyse.exchange.analysis import Data, model
from ims.analyse.exchange.answering import Answering
from ims.analyse.execution import Finding, run
from ims.analyse.result import schema
from ims.query.answer import Answer
from ims.query.errors import NotShownError
from ims.query.request import Request
from ims.telescope import Telescope

from ...stores import CAPTURES, ingest, needs_captures
from ..exchanges import ACK, FIN, PSH, SOURCE, SYN, answering, packet, udp

EXCHANGE = ANALYSES["exchange"]
OF_IT = {"tcp_acknowledgment": 0x100 + (1000 >> 11 & 0xFF) + 1, "tcp_sequence": 1001, "verified": True}


def found(packets: Any, **words: Any) -> Finding:
    return model(Data(SOURCE, packets, words.get("answering", answering())))


def test_of_syns_that_are_not_sent_again_is_told_where_there_are_some() -> None:
    for packets, is_told in (([packet(SYN)], True), ([udp()], False)):
        notes = model(Data(SOURCE, packets, answering())).notes
        assert any("SYNs that a system sends again" in note for note in notes) == is_told


def test_a_row_for_each_packet_and_each_reply_in_the_columns_of_the_table() -> None:
    result = found([packet(SYN), packet(ACK | PSH, 1, payload_length=72, signature="ab" * 16, **OF_IT), udp(2)])
    assert result.rows.schema == schema(EXCHANGE.columns) and result.series.schema == schema(EXCHANGE.series)
    names = ("sender", "flags", "sequence", "acknowledgment", "length", "signature", "passive", "certain")
    assert [tuple(row[name] for name in names) for row in result.rows.to_pylist()] == [
        ("source", "S", 1000, 0, 0, None, "yes", "yes"),
        ("sensor", "SA", 0x100, 1001, 0, None, "no", "yes"),
        ("source", "PA", 1001, 0x101, 72, "ab" * 16, "no", "yes"),
        ("sensor", "A", 0x101, 1073, 0, None, "no", "no"),
        ("source", None, None, None, 0, None, "perhaps", "yes"),
    ]
    assert {row["destination"] for row in result.rows.to_pylist()} == {"198.51.100.7"}


def test_estimates_are_bounds_of_what_can_be_known() -> None:
    """Of five packets one has our cookie, one more followed our answer, one came after the payload."""
    packets = [packet(SYN), packet(ACK | PSH, 1, payload_length=72, **OF_IT), packet(4, 2), udp(3),
               packet(SYN, 4, destination="198.51.100.9")]  # fmt: skip
    estimates = found(packets).estimates
    elicited, replies = estimates["elicited"], estimates["replies"]
    assert (elicited.low, elicited.value, elicited.high) == (1 / 5, 2 / 5, 3 / 5)
    assert (replies.low, replies.value, replies.high) == (1, 3, 3)
    assert all((each.level, each.method[:18]) == (1, "bounds, not chance") for each in (elicited, replies))
    old = Answering({}, {}, {})
    assert found([packet(SYN)], answering=old).estimates["replies"].high == 1, "whether it was answered isn't known"


@pytest.mark.parametrize("seen", range(30))
def test_a_value_lies_within_its_bounds_and_not_a_rounding_beside(seen: int) -> None:
    packets = [packet(SYN), packet(ACK, 1, **OF_IT), *(udp(2 + at) for at in range(seen))]
    elicited = found(packets).estimates["elicited"]
    assert elicited.low == elicited.value == elicited.high == 1 / (seen + 2)


def test_no_packets_are_a_sentence() -> None:
    result = found([])
    assert not result.estimates and not len(result.rows) and "no packet of this source" in result.notes[0]


def test_one_packet_is_enough() -> None:
    assert found([udp()]).estimates["elicited"].value == 0
    assert found([packet(FIN)]).rows.num_rows == 1


def test_the_oldest_are_shown_and_the_cut_is_said(telescope: Telescope) -> None:
    result = telescope.analyse.exchange(source="192.0.2.9", limit=10)
    everything = telescope.analyse.exchange(source="192.0.2.9")
    assert len(result.rows) == 10 and result.rows.equals(everything.rows.slice(0, 10))
    assert any(note.startswith("cut: the first 10 packets") and "832 later ones" in note for note in result.notes)
    assert not any(note.startswith("cut") for note in everything.notes)
    assert result.darknet.addresses > 0


def test_a_source_that_never_came_is_no_error(telescope: Telescope) -> None:
    result = telescope.analyse.exchange(source="192.0.2.200")
    assert {each.value for each in result.estimates.values()} == {None} and result.figure() is None
    assert json.loads(result.to_json())["rows"] == []


def test_without_destinations_it_is_refused(telescope: Telescope) -> None:
    """As where a role isn't shown them: never half an answer."""

    def ask(request: Request) -> Answer:
        answer = telescope.ask(request)
        if request.verb != "packets":
            return answer
        return Answer(answer.table.drop_columns(["destination"]), answer.record)

    with pytest.raises(NotShownError, match="exchange isn't shown to your role: its rows name monitored addresses"):
        run(EXCHANGE, ask, {"source": "192.0.2.9"})


@needs_captures
def test_the_page_has_what_came_out_of_a_real_capture(tmp_path: Path) -> None:
    """An attack through LSASS, whose victim answered."""
    store = ingest(tmp_path / "STORE", CAPTURES / "worm-lsass445-honeynet-fc1.pcap", blocks=["pot/24=192.150.11.0/24"])
    with ims.open(store) as telescope:
        result = telescope.analyse.exchange(source="98.114.205.102")
    page = (Path(__file__).parents[3] / "docs" / "analyses.md").read_text().partition("## `exchange`")[2]
    value = result.estimates["elicited"]
    packets = sum(row["sender"] == "source" for row in result.rows.to_pylist())
    line = f"{packets} packets in {len(result.series)} connections, of which a share of {value.value:.3g} (0 to {value.high:.3g})"
    assert line in " ".join(page.split())
