"""Addresses in payloads: found in every form that is documented, at any offset, and rarely where there is none."""

from __future__ import annotations

import ipaddress
import random
import struct
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from ims.portal.darkwords import DarkWords
from ims.portal.metrics import PortalMetrics

BLOCK = ipaddress.IPv4Network("198.51.100.0/24")
WORDS = DarkWords([BLOCK])
DARK = st.integers(int(BLOCK[0]), int(BLOCK[-1]))
PADDING = st.binary(max_size=40)


def parts(address: int) -> tuple[int, ...]:
    return tuple(address.to_bytes(4))


def dotted(address: int, sep: str = ".", form: str = "{}") -> bytes:
    return sep.join(form.format(part) for part in parts(address)).encode()


def labels(address: int) -> bytes:
    return b"".join(bytes([len(str(part))]) + str(part).encode() for part in reversed(parts(address)))


def quote(address: int) -> bytes:
    header = struct.pack(">BBHHHBBHII", 0x45, 0, 40, 1, 0, 64, 6, 0, address, 0x08080808)
    return header + bytes(8)


FORMS: dict[str, Callable[[int], bytes]] = {
    "octets": lambda a: a.to_bytes(4),
    "octets swapped": lambda a: a.to_bytes(4, "little"),
    "quote": quote,
    "dotted": dotted,
    "dotted with zeros": lambda a: dotted(a, form="{:03}"),
    "dashes": lambda a: dotted(a, "-"),
    "reversed": lambda a: ".".join(map(str, reversed(parts(a)))).encode() + b".in-addr.arpa",
    "labels of a DNS question": labels,
    "UTF-16": lambda a: dotted(a).decode().encode("utf-16-le"),
    "UTF-16 big": lambda a: dotted(a).decode().encode("utf-16-be"),
    "octal": lambda a: dotted(a, form="0{:o}"),
    "dotted hex": lambda a: dotted(a, form="0x{:x}"),
    "colons": lambda a: dotted(a, ":", "{:02x}"),
    "spaces": lambda a: dotted(a, " ", "{:02X}"),
    "percent": lambda a: dotted(a, "", "%{:02x}"),
    "escaped": lambda a: dotted(a, "", "\\x{:02x}"),
    "decimal": lambda a: str(a).encode(),
    "decimal swapped": lambda a: str(int.from_bytes(a.to_bytes(4), "little")).encode().rjust(8, b"0"),
    "hex": lambda a: f"{a:08x}".encode(),
    "HEX": lambda a: f"0x{a:08X}".encode(),
    "hex swapped": lambda a: a.to_bytes(4, "little").hex().encode(),
    "prefix": lambda a: dotted(a & 0xFFFFFF00) + b"/24",
    "first three": lambda a: dotted(a).rsplit(b".", 1)[0],
    "first three reversed": lambda a: dotted(a).rsplit(b".", 1)[0].split(b".")[-1] + b".51.198.in-addr.arpa",
    "SIP": lambda a: b"OPTIONS sip:100@" + dotted(a) + b" SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060\r\n",
    "HTTP": lambda a: b"GET / HTTP/1.1\r\nHost: " + dotted(a) + b":8080\r\n\r\n",
}


@pytest.mark.parametrize("form", FORMS)
@given(address=DARK, before=PADDING, behind=PADDING)
def test_an_address_is_found_in_every_form_at_any_offset(form: str, address: int, before: bytes, behind: bytes) -> None:
    # Letters and digits right beside a number make it another number.
    payload = before + b"\n " + FORMS[form](address) + b" \n" + behind
    assert WORDS.holds(payload)


@given(st.integers(0, 0xFFFFFFFF), st.lists(st.integers(0, 0xFFFFFFFF), max_size=20), st.integers(9, 32))
def test_contains_says_what_ipaddress_says(address: int, others: list[int], bits: int) -> None:
    networks = [ipaddress.IPv4Network((other, bits), strict=False) for other in others]
    words = DarkWords(networks)
    for asked in (address, *others):
        assert (asked in words) == any(ipaddress.IPv4Address(asked) in network for network in networks)


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_octets_are_found_as_a_plain_search_finds_them(payloads: list[bytes]) -> None:
    networks = [ipaddress.IPv4Network("0.0.0.0/8"), ipaddress.IPv4Network("128.0.0.0/10"), BLOCK]
    found = DarkWords(networks).which(payloads)
    for payload, hit in zip(payloads, found, strict=True):
        windows = [payload[at : at + 4] for at in range(len(payload) - 3)]
        words = [w for window in windows for w in (window, window[::-1])]
        if any(ipaddress.IPv4Address(word) in network for word in words for network in networks):
            assert hit


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xc6\x33\x64",
        b"198.51.101.7",
        b"1198.51.100.7",
        b"198.51.100.7"[:7],
        b"GET /index.html HTTP/1.1\r\nHost: example.com\r\nDate: Thu, 05 Mar 2026 12:30:45 GMT\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"c633650700112233",
        bytes(1000),
    ],
)
def test_what_holds_no_address_is_let_through(payload: bytes) -> None:
    assert not WORDS.holds(payload)


@given(st.lists(DARK | st.integers(0, (1 << 32) - 1)), st.sets(st.integers(0, (1 << 24) - 1), max_size=3))
def test_many_addresses_are_told_as_each_is(addresses: list[int], others: set[int]) -> None:
    words = DarkWords([BLOCK, *(ipaddress.IPv4Network((other << 8, 24)) for other in others)])
    assert words.monitored(np.array(addresses, np.int64)).tolist() == [address in words for address in addresses]


def test_without_prefixes_nothing_is_dark() -> None:
    assert not DarkWords([]).monitored(np.arange(3)).any()
    assert not DarkWords([]).which([b"198.51.100.7", b"\xc6\x33\x64\x07"]).any()


@pytest.mark.parametrize(("bits", "lowest", "highest"), [(24, 0, 5), (16, 35, 90), (8, 1930, 1985)])
def test_random_octets_are_withheld_as_rarely_as_documented(bits: int, lowest: int, highest: int) -> None:
    rng = random.Random(7)
    payloads = [rng.randbytes(1000) for _ in range(2000)]
    words = DarkWords([ipaddress.IPv4Network((0xC6336400, bits), strict=False)])
    assert lowest <= words.which(payloads).sum() <= highest


def test_of_large_blocks_only_quotes_may_be_withheld() -> None:
    rng = random.Random(7)
    block = ipaddress.IPv4Network("41.0.0.0/8")
    quotes, all_ = DarkWords([block], "quotes"), DarkWords([block])
    random_octets = [rng.randbytes(376) for _ in range(500)]
    assert all_.which(random_octets).mean() > 0.7
    assert quotes.which(random_octets).mean() < 0.02
    rest = rng.randbytes(3)
    assert quotes.holds(b"\0\0" + quote(0x29010203) + b"x")
    assert quotes.holds(b"Host: 41.1.2.3\r\n")
    assert not quotes.holds(b"\x29" + rest)
    assert all_.holds(b"\x29" + rest)


def test_hundreds_of_prefixes_are_searched_together() -> None:
    rng = random.Random(3)
    networks = [ipaddress.IPv4Network((rng.getrandbits(24) << 8, 24)) for _ in range(400)]
    words = DarkWords(networks)
    assert all(words.holds(dotted(int(network[9]))) for network in networks)
    assert all(words.holds(b"abc" + int(network[9]).to_bytes(4)) for network in networks)
    assert not words.holds(b"a plain text 1 2 3")


@given(st.binary(max_size=200))
def test_one_payload_is_judged_as_among_many(payload: bytes) -> None:
    others = [b"198.51.100", b".7", b"", b"\xc6\x33", b"\x64\x07"]
    assert WORDS.which([*others, payload, *others])[5] == WORDS.holds(payload)


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


@pytest.mark.parametrize("address", [int(BLOCK[0]), int(BLOCK[7]), int(BLOCK[-1])])
@pytest.mark.parametrize("zeros", [0, 1, 9, 20, 400])
def test_numbers_of_any_length_are_read(address: int, zeros: int) -> None:
    for digits in (str(address), dotted(address).decode().replace(".", "." + "0" * zeros), f"0{address:o}"):
        assert WORDS.holds(b"n=" + b"0" * zeros + digits.encode() + b";")
    assert not WORDS.holds(b"n=1" + b"0" * (zeros + 1) + str(address).encode() + b";")


@given(st.integers(0, 10**40) | st.sampled_from([2**63, 2**64 - 1, 2**64, 10**20 - 1, 2**63 + int(BLOCK[7])]))
def test_a_number_is_an_address_or_none_and_never_too_large(number: int) -> None:
    payload = b"x %d y" % number
    swapped = int.from_bytes(number.to_bytes(4), "little") if number < 2**32 else 0
    quietly = DarkWords([ipaddress.IPv4Network("0.0.0.0/1")], failed=pytest.fail)
    assert quietly.holds(payload) or (number >= 2**31 and swapped >= 2**31) or number >= 2**32


@given(
    st.lists(
        st.sampled_from(
            ["%", "&#", "&#x", "\\", "\\u", "\\u{", "%u", "25", "31", "x", "}", ";", "9" * 25, "0", "\uff11"]
        ),
        max_size=60,
    )
)
def test_no_text_fails(pieces: list[str]) -> None:
    words = DarkWords([BLOCK], failed=pytest.fail)
    for payload in ("".join(pieces).encode(), "".join(pieces).encode("utf-16-le"), "".join(pieces).encode()[:-1]):
        words.holds(payload)


def test_what_could_not_be_searched_is_withheld_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_words: object) -> None:
        raise IndexError("index out of bounds")

    metrics = PortalMetrics()
    words = DarkWords([BLOCK], failed=metrics.search_failed)
    monkeypatch.setattr("ims.portal.darkwords.scan", failing)
    with capture_logs() as said:
        assert words.which([b"hello", b"nothing here", b""]).tolist() == [True, True, True]
        assert words.holds(b"hello")
    assert metrics.registry.get_sample_value("ims_portal_failed_searches_total") == 2
    assert {line["event"] for line in said} == {"search failed"}
