"""Cut, offloaded, fragmented and lying packets: filters choose what tcpdump chooses, octet for octet and under `not`."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from ..effort import examples
from ..stores import needs_programs
from .judge import Judge
from .odd import KNOWN, expressions, odd

pytestmark = needs_programs("tcpdump")
BATCH = 50


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Judge:
    packets = odd(2000)
    path = tmp_path_factory.mktemp("odd") / "odd.pcap"
    return Judge(path, [octets for octets, _ in packets], [length for _, length in packets], ["-O"])


def test_odd_packets_are_chosen_as_tcpdump_chooses_them(judge: Judge) -> None:
    texts = expressions(examples(400, 60))
    with ThreadPoolExecutor(2) as pool:
        theirs = list(pool.map(judge.tcpdump, texts))
    ours = [found for at in range(0, len(texts), BATCH) for found in judge.ours_of_each(texts[at : at + BATCH])]
    for text, tcpdump, found in zip(texts, theirs, ours, strict=True):
        if tcpdump != found:
            example = min(tcpdump ^ found)
            pytest.fail(f"{text!r}: {len(tcpdump)} and {len(found)}; only one takes {judge.packets[example].hex()}")
    taken = [len(found) for found in ours]
    assert sum(0 < count < len(judge.packets) for count in taken) > len(texts) // 2


def test_tcpdump_s_optimiser_changes_nothing_in_what_people_ask(judge: Judge) -> None:
    """It leaves out loads whose result can't matter: `not (tcp[13] = 2 and udp[0] = 1)` takes all to it."""
    optimised = Judge.__new__(Judge)
    optimised.__dict__ = judge.__dict__ | {"flags": ()}
    for text in KNOWN[:-1]:
        assert optimised.tcpdump(text) == judge.tcpdump(text), text


def test_the_packets_and_filters_are_as_odd_as_they_say(judge: Judge) -> None:
    """Missing octets must have made a difference: a filter and its negation leave packets out."""
    either = [judge.ours(text) | judge.ours(f"not ({text})") for text in KNOWN[-3:]]
    assert all(len(taken) < len(judge.packets) for taken in either)
