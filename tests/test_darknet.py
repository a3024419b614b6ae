"""Blocks: what may be given, what is refused in one line, and which addresses are inside."""

from __future__ import annotations

import pytest

from ims.darknet import Block, Darknet, check_sensor_name


def darknet(*texts: str) -> Darknet:
    return Darknet(Block.parse(text) for text in texts)


def test_sizes_are_in_24s_and_of_all_addresses() -> None:
    assert [block.size_24 for block in darknet("a=10.0.0.0/8", "b=192.0.2.0/25", "c=192.0.3.1/32").blocks] == [
        65_536,
        0.5,
        1 / 256,
    ]
    assert darknet("all=0.0.0.0/0").fraction == 1
    assert darknet("a=10.0.0.0/8", "b=11.0.0.0/8").fraction == 2 / 256


def test_prefixes_may_share_a_name() -> None:
    both = darknet("D=203.0.113.0/25", "C=192.0.2.0/24", "D=203.0.113.128/25")
    assert both.names == ("C", "D")
    assert both.ranges().block.tolist() == [0, 1, 1]


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        ([], "no block given"),
        (["10.0.0.0/8"], "expected NAME=CIDR"),
        (["a=10.0.0.0/33"], "is no IPv4 prefix"),
        (["a=10.0.0/8"], "is no IPv4 prefix"),
        (["a=10.0.0.1/8"], r"meant 10.0.0.0/8\?"),
        (["a=::/0"], "is no IPv4 prefix"),
        (["a="], "is no IPv4 prefix"),
        (["=10.0.0.0/8"], "block name ''"),
        (["-a=10.0.0.0/8"], "block name '-a'"),
        (["a b=10.0.0.0/8"], "block name 'a b'"),
        (["a\x1b=10.0.0.0/8"], r"block name 'a\\x1b'"),
        (["a" * 65 + "=10.0.0.0/8"], "1 to 64 letters"),
        (["a=10.0.0.0/8", "b=10.1.0.0/16"], "overlap; a packet must belong to one block"),
        (["a=10.0.0.0/8", "a=10.0.0.0/8"], "overlap"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(texts: list[str], says: str) -> None:
    with pytest.raises(ValueError, match=says) as found:
        darknet(*texts)
    assert "\n" not in str(found.value)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "-a", "a b", "é", "a" * 65, "a\n"])
def test_a_sensor_s_name_makes_a_folder_s(name: str) -> None:
    with pytest.raises(ValueError, match="sensor name"):
        check_sensor_name(name)
    assert check_sensor_name("a.B_7-c") == "a.B_7-c"
