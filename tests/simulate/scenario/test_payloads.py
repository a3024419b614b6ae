"""What scenarios call by name, and how messages are written."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.simulate.scenario.models import ServiceModel
from ims.simulate.scenario.payloads import BAGLE_2745, NAMED, SEGMENT, made, segments, spoken
from ims.simulate.scenario.services import service_of
from ims.simulate.scenario.worms import WORMS

PAPER = "43 ff ff ff 30 30 30 01 0a 28 91 a1 2b e6 60 2f 32 8f 60 15 1a 20 1a 00"
"""Figure 13"""


def test_the_24_bytes_are_figure_13_s():
    assert bytes.fromhex(PAPER) == BAGLE_2745 == spoken("bagle-2745")
    assert hashlib.md5(BAGLE_2745).hexdigest() == hashlib.md5(bytes.fromhex(PAPER)).hexdigest()
    paper = Path(__file__).parents[4] / "shared" / "paper" / "internet-motion-sensor-ndss05.txt"
    if paper.exists():
        assert PAPER in paper.read_text().replace("\n", " ")


def test_messages_are_names_text_hexadecimal_or_made():
    for name, content in NAMED.items():
        assert spoken(name) == content
    assert spoken("text:EHLO x\\r\\n") == b"EHLO x\r\n"
    assert spoken("hex:00 ff 10") == b"\x00\xff\x10"
    assert spoken("made:a name: with colons:33") == made("a name: with colons", 33)


@given(st.text(max_size=20), st.integers(1, 5000))
def test_what_is_made_has_its_length_and_says_that_it_is_synthetic(name, length):
    content = made(name, length)
    assert len(content) == length
    whole = f"[{name}: synthetic, {length} octets] ".encode()
    assert content == (whole * (length // len(whole) + 1))[:length]


@given(st.binary(max_size=6000))
def test_segments_are_the_message(message):
    parts = segments(message)
    assert b"".join(parts) == message
    assert all(0 < len(part) <= SEGMENT for part in parts)
    assert len(parts) == -(-len(message) // 1460)


@given(st.text())
def test_any_text_is_a_message_or_refused_in_one_line(text):
    try:
        assert spoken(text)
    except ValueError as error:
        assert "expected" in str(error) or "there is no payload" in str(error)
        assert len(str(error).splitlines()) == 1


@pytest.mark.parametrize("like", WORMS)
def test_worms_say_text_of_the_documented_lengths(like):
    """Nothing that could do harm: what they say is made, but for names that are text themselves."""
    lengths = {
        "blaster": [72, 1704], "code-red-ii": [3818], "nimda": [97], "slammer": [376], "witty": [], "sasser": [137, 3100],
    }  # fmt: skip
    for service in WORMS[like]["service"]:
        says = [spoken(text) for text in service.get("says", [])]
        assert [len(content) for content in says] == lengths[like]
        assert all(content.isascii() for content in says)
        service_of(ServiceModel.model_validate(service))
