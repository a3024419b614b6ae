"""Cut, offloaded, fragmented and lying packets: filters choose what tcpdump chooses, octet for octet and under `not`."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from ims.query.language.filter import FilterError, parse

from ...effort import examples
from ...stores import needs_programs
from ..judge import Judge, RefusedError
from ..odd import KNOWN, expressions, odd

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


OPERATORS = ("+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>")


def long_arithmetic(dice: random.Random) -> str:
    """Up to 16 operators between octets, constants and parentheses."""

    def number(left: int) -> str:
        if not left:
            return dice.choice(["ip[8]", "ip[1]", "ip[2:2]", "ip[12:4]", "ip[9]", "0xffffffff", "7", "1"])
        of_left = dice.randrange(left)
        return f"({number(of_left)} {dice.choice(OPERATORS)} {number(left - 1 - of_left)})"

    return f"ip[9] = 6 and tcp[13] * {number(dice.randrange(15))} {dice.choice('<>=')} {dice.choice(['3', 'ip[16:4]'])}"


def nested_in_turns(dice: random.Random, levels: int) -> str:
    text = dice.choice(CONDITIONS)
    for _ in range(levels):
        text = f"({text} {dice.choice(['and', 'or'])} {dice.choice(CONDITIONS)})"
        text = f"({dice.choice(CONDITIONS)} {dice.choice(['and', 'or'])} {dice.choice(['', 'not '])}{text})"
    return text


CONDITIONS = (
    "tcp[13] = 2",
    "udp[4:2] = 8",
    "not port 80",
    "icmp[0] != 8",
    "ip[8] / ip[1] > 1",
    "src host 10.0.0.0",
    "tcp",
)


def test_long_arithmetic_and_deep_nesting_choose_what_tcpdump_chooses(judge: Judge) -> None:
    """What was bound apart, so that no operand is written twice, is still BPF's."""
    dice, count = random.Random(2), examples(300, 20)
    texts = [long_arithmetic(dice) for _ in range(count)]
    texts += [nested_in_turns(dice, dice.randrange(1, 8)) for _ in range(count)]
    texts += [" or ".join(dice.choices(CONDITIONS, k=dice.randrange(5, 12))) for _ in range(count // 3)]
    with ThreadPoolExecutor(2) as pool:
        theirs = list(pool.map(lambda text: judged(judge, text), texts))
    asked = [(text, taken) for text, taken in zip(texts, theirs, strict=True) if taken is not None]
    assert len(asked) > len(texts) * 3 // 4
    for at in range(0, len(asked), BATCH):
        some = asked[at : at + BATCH]
        for (text, tcpdump), found in zip(some, judge.ours_of_each([text for text, _ in some]), strict=True):
            assert tcpdump == found, text


def judged(judge: Judge, text: str) -> set[int] | None:
    """None of what either refuses: a constant to divide by that comes out as 0, say."""
    try:
        parse(text)
        return judge.tcpdump(text)
    except (FilterError, RefusedError):
        return None
