"""Numbers of bytes as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.settings.sizes import has_unit, parse_size, size, written_size


@pytest.mark.parametrize(
    ("text", "octets"),
    [
        ("1048576", 1 << 20),
        ("20G", 20 << 30),
        ("500 GB", 500 << 30),
        ("1.5KiB", 1536),
        ("3t", 3 << 40),
        ("0", 0),
        ("7B", 7),
    ],
)
def test_sizes(text, octets):
    assert parse_size(text) == octets


@pytest.mark.parametrize("text", ["", "G", "-1G", "5X", "1e3", "5 GG", "inf", "٣", "9" * 2000, "1\n G"])
def test_other_sizes_are_refused(text):
    with pytest.raises(ValueError, match="a number of bytes, or one with K, M, G or T"):
        parse_size(text)


@pytest.mark.parametrize("text", ["0.5", "1.5", "0.3", "0.0001K"])
def test_a_part_of_a_byte_is_refused_as_a_unit_forgotten(text):
    with pytest.raises(ValueError, match="whole bytes, or a unit"):
        size(text)


@given(st.text(max_size=12))
def test_any_text_is_a_size_or_a_value_error_that_has_it(text):
    try:
        assert parse_size(text) >= 0
    except ValueError as error:
        assert repr(text) in str(error)


def test_a_number_too_long_for_a_float_is_a_number_still():
    assert size("9" * 400) == int("9" * 400)
    assert size("9007199254740993") == 9007199254740993


@given(st.integers(0, 1 << 60))
def test_what_is_written_is_read_again(octets):
    assert size(written_size(octets)) == octets
    assert len(written_size(octets)) <= len(str(octets))


def test_a_unit_in_capitals_tells_a_size_from_a_time():
    assert [text for text in ("64M", "64 MiB", "1.5G", "64m", "64", "1h", 64) if has_unit(text)] == [
        "64M", "64 MiB", "1.5G",
    ]  # fmt: skip
