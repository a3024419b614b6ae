"""The figure of an exchange."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from ims.analyse.exchange.analysis import Data, model
from ims.analyse.exchange.figure import MOST_ARROWS, figure, plot
from ims.analyse.result import Darknet, Result

from ..exchanges import ACK, BEGIN, PSH, SOURCE, SYN, answering, echo, packet, udp
from ..figures import spec_of

OF_IT = {"tcp_acknowledgment": 0x101, "tcp_sequence": 1001, "verified": True}
BLASTER = [
    packet(SYN, destination_port=135),
    packet(ACK | PSH, 0.2, destination_port=135, payload_length=1460, signature="bab7bbb6" * 4, **OF_IT),
    packet(SYN, 2, destination_port=4444, source_port=1026),
]


def result(packets: Any = BLASTER, left_out: int = 0, **words: Any) -> Result:
    found = model(Data(SOURCE, packets, answering(), left_out))
    darknet = Darknet(256.0, ("C/24",), 0, ())
    return Result(
        "exchange", "tcp", BEGIN, BEGIN + 3_600_000_000, darknet, {"source": SOURCE, "limit": None, **words},
        found.estimates, found.rows, found.series, found.notes,
    )  # fmt: skip


def test_it_says_how_many_packets_replies_range_size_and_what_lines_mean() -> None:
    shown = spec_of(result())["title"]
    assert shown["text"] == ["3 packets of 192.0.2.1, and 3 replies"]
    assert shown["subtitle"] == [
        "2026-03-04 to 2026-03-04 01:00 UTC, tcp",
        "1 /24 watched: C/24",
        "came because we answered: 0.333 (0.333 to 0.667) of the packets",
        "times since 2026-03-04 00:00:00 UTC, not to scale",
        "dashed: a reply by the rules, nothing shows that it arrived; a packet that may have come all the same",
    ]


def test_both_panels_stand_side_by_side_with_what_each_sees() -> None:
    data = spec_of(result())["datasets"]
    assert [row["text"] for row in data["ladder_1_arrows"]] == [
        "1025 > 135: SYN", "135 > 1025: SYN ACK [mss 1460]", "1025 > 135: PSH ACK, 1,460 octets (bab7bbb6)", "135 > 1025: ACK",
        "1026 > 4444: SYN", "4444 > 1026: SYN ACK [mss 1460]",
    ]  # fmt: skip
    assert [row["text"] for row in data["ladder_2_arrows"]] == ["1025 > 135: SYN", "1026 > 4444: SYN"]
    assert [row["text"] for row in data["ladder_2_unsure"]] == ["1026 > 4444: SYN"]


def test_a_syn_and_its_answer_have_what_they_offer() -> None:
    offers = packet(SYN, tcp_options="020405b40402080a000000070000000001030307")
    follows = packet(ACK | PSH, 0.2, payload_length=9, tcp_options="0101080a0000000800000007", **OF_IT)
    drawn = result([offers, follows])
    assert [row["text"] for row in spec_of(drawn)["datasets"]["ladder_1_arrows"]] == [
        "1025 > 80: SYN [mss 1460 sackOK TS wscale 7]", "80 > 1025: SYN ACK [mss 1460 sackOK TS wscale 0]",
        "1025 > 80: PSH ACK, 9 octets", "80 > 1025: ACK",
    ]  # fmt: skip
    assert "SYN ACK [mss 1460 sackOK TS wscale 0]" in (plot(drawn, 100, True) or "")


def test_udp_and_echoes_have_names() -> None:
    data = spec_of(result([udp(payload_length=376), echo(1)]))["datasets"]
    assert [row["text"] for row in data["ladder_1_arrows"]] == ["1025 > 80: UDP, 376 octets", "echo request"]


def test_more_than_are_drawn_are_said_and_a_cut_too() -> None:
    many = result([packet(SYN, at, source_port=at) for at in range(1, 50)], left_out=7)
    lines = spec_of(many)["title"]["subtitle"]
    assert lines[0].startswith("cut: the first 49 packets, up to 2026-03-04 00:00:49 UTC; 7 later ones are left out")
    assert any(line.endswith(f"the first {MOST_ARROWS} of 98 packets and replies are drawn") for line in lines)
    assert len(spec_of(many)["datasets"]["ladder_1_arrows"]) == MOST_ARROWS
    assert f"the first {MOST_ARROWS} of 98" in (plot(many, 100, True) or "")


@pytest.mark.parametrize("unicode", [True, False])
def test_the_text_has_the_same_arrows_and_a_column_of_the_passive_monitor(unicode: bool) -> None:
    drawn = plot(result(), 80, unicode) or ""
    lines = drawn.splitlines()
    assert [line for line in lines if len(line) > 80] == []
    assert all(len(line) <= 80 for line in lines) and drawn.isascii() != unicode
    [seen, perhaps] = [line for line in lines if line.endswith(("seen", "perhaps"))]
    assert "1025 > 135: SYN" in seen and "1026 > 4444: SYN" in perhaps
    assert sum(" > " in line for line in lines) == 6


def test_nothing_is_drawn_of_nothing() -> None:
    assert figure(result([])) is None and plot(result([]), 80, True) is None


def test_in_80_columns_lengths_are_whole_and_signatures_stand_where_there_is_room() -> None:
    others = [packet(SYN, 9, destination="198.51.100.255", source_port=65_535)]
    of_one = [each._replace(source_port=65_535) for each in BLASTER]
    for packets, width, has_length, has_signature in (
        (of_one, 80, True, True), (of_one + others, 80, True, False), (of_one + others, 100, True, True),
        (of_one, 60, False, False),
    ):  # fmt: skip
        drawn = plot(result(packets), width, unicode=True) or ""
        assert ("PSH ACK, 1,460 octets" in drawn, "(bab7bbb6)" in drawn) == (has_length, has_signature), drawn


def test_whatever_a_portal_left_out_it_is_drawn_or_there_is_nothing() -> None:
    whole = result()
    for name in whole.rows.column_names:
        rows = whole.rows.to_pylist()
        table = pa.Table.from_pylist([row | {name: None} for row in rows], whole.rows.schema)
        found = replace(whole, rows=table)
        is_drawn = name != "time"
        assert (plot(found, 80, unicode=True) is not None) == is_drawn
        assert (figure(found) is not None) == is_drawn
