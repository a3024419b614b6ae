"""Escapes are taken out of texts as those who read them take them out, once, and an address behind them is found."""

from __future__ import annotations

import html
import json
import string
import urllib.parse
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ims.portal.privacy.address_scan import AddressScan
from ims.portal.privacy.escape_kernels import nibble, without_escapes

from ...effort import examples
from .test_address_kernels import BLOCK, DARK, FORMS, PADDING, WORDS

ESCAPES: dict[str, Callable[[int], str]] = {
    "percent": lambda octet: f"%{octet:02x}",
    "percent, capitals": lambda octet: f"%{octet:02X}",
    "percent twice": lambda octet: f"%25{octet:02x}",
    "percent three times": lambda octet: f"%2525{octet:02x}",
    "percent escaped wholly": lambda octet: "".join(f"%{ord(each):02x}" for each in f"%{octet:02x}"),
    "IIS": lambda octet: f"%u{octet:04x}",
    "HTML": lambda octet: f"&#{octet};",
    "HTML without its end": lambda octet: f"&#{octet:08d}",
    "HTML in hex": lambda octet: f"&#x{octet:X};",
    "HTML in a URL": lambda octet: f"%26%23{octet}%3B",
    "C": lambda octet: f"\\x{octet:02x}",
    "JSON": lambda octet: f"\\u{octet:04x}",
    "JavaScript": lambda octet: f"\\u{{{octet:x}}}",
    "octal": lambda octet: f"\\{octet:03o}",
    "wide": lambda octet: chr(0xFF00 + octet - 0x20),
    "ideographic stop": lambda octet: "\u3002" if octet == 0x2E else chr(octet),
}


@pytest.mark.parametrize("escape", ESCAPES)
@given(
    address=DARK,
    form=st.sampled_from(["dotted", "decimal", "hex", "dashes"]),
    which=st.integers(1, 0xFFFF),
    noise=PADDING,
)
def test_digits_and_dots_are_found_however_they_are_escaped(
    escape: str, address: int, form: str, which: int, noise: bytes
) -> None:
    """All of them or some, in a request; beside octets that may look like the begin of an escape."""
    if escape in ("wide", "ideographic stop"):
        form = "dotted"
    plain = FORMS[form](address)
    text = "".join(
        ESCAPES[escape](o) if which >> n % 16 & 1 or escape == "wide" else chr(o) for n, o in enumerate(plain)
    )
    payload = b"GET /a%20b?x=%4&u=http://" + text.encode() + b"/ HTTP/1.1\r\nCookie: &#; \\u &amp;\r\n\r\n" + noise
    assert WORDS.holds(payload)


@given(
    st.lists(
        st.sampled_from(
            ["%", "&#", "&#x", "\\", "\\u", "\\u{", "%u", "25", "31", "x", "}", ";", "9" * 25, "0", "\uff11"]
        ),
        max_size=60,
    )
)
def test_no_text_fails(pieces: list[str]) -> None:
    words = AddressScan([BLOCK], failed=pytest.fail)
    for payload in ("".join(pieces).encode(), "".join(pieces).encode("utf-16-le"), "".join(pieces).encode()[:-1]):
        words.holds(payload)


def plain(text: bytes) -> bytes:
    """A text without its escapes."""
    octets, out = np.frombuffer(bytearray(text or b"\0"), np.uint8), np.zeros(max(1, len(text)), np.uint8)
    size = without_escapes(octets, 0, len(text), out)
    return bytes(out[:size]) if size else text


PERCENT = st.lists(st.sampled_from(["%", "31", "2E", "2e", "%31", "%2e", "%00", "%ff", "%zz", "x", "1"]), max_size=20)


@settings(max_examples=examples(500, 100))
@given(PERCENT.map("".join))
def test_percent_is_read_as_urllib_reads_it(text: str) -> None:
    assert plain(text.encode()) == urllib.parse.unquote_to_bytes(text)


@settings(max_examples=examples(500, 100))
@given(
    st.lists(st.integers(0x20, 0x7E) | st.sampled_from([9, 10]), max_size=20),
    st.sampled_from(["&#{};", "&#x{:x};", "&#X{:X};", "&#{:05}", "&#x{:04x}"]),
)
def test_references_are_read_as_html_reads_them(octets: list[int], form: str) -> None:
    text = " ".join(form.format(octet) for octet in octets)
    assert plain(text.encode()) == html.unescape(text).encode()


@given(st.text(st.characters(max_codepoint=0xFF)))
def test_strings_of_json_are_read_as_json_reads_them(text: str) -> None:
    written = "".join(f"\\u{ord(each):04x}" for each in text)
    assert plain(written.encode()) == json.loads(f'"{written}"').encode("latin-1")


def test_a_digit_of_sixteen_is_one_of_python_s() -> None:
    digits = {ord(digit): int(digit, 16) for digit in string.hexdigits}
    assert [nibble(octet) for octet in range(256)] == [digits.get(octet, -1) for octet in range(256)]


@given(st.binary(max_size=60), st.binary(max_size=8), st.binary(max_size=8))
def test_nothing_beside_a_text_is_read_and_it_may_be_written_over_itself(
    text: bytes, before: bytes, behind: bytes
) -> None:
    octets = np.frombuffer(bytearray(before + text + behind + b"\0"), np.uint8)
    out = np.zeros(max(1, len(text)), np.uint8)
    size = without_escapes(octets, len(before), len(before) + len(text), out)
    assert bytes(out[:size]) == (plain(text) if size else b"")
    itself = np.frombuffer(bytearray(text + b"\0"), np.uint8)
    assert without_escapes(itself, 0, len(text), itself) == size
    if size:
        assert bytes(itself[:size]) == plain(text)


@pytest.mark.parametrize(
    "text", ["%u0100", "&#256;", "&#x131;", "\\u0131", "\\x{100}", "\\400", "%u{131}", "&#4294967345;"]
)
def test_characters_beyond_an_octet_are_left_as_they_stand(text: str) -> None:
    """`&#4294967345;` is 49, a 1, in 32 bits."""
    assert plain(f"a {text} b".encode()) == f"a {text} b".encode()
