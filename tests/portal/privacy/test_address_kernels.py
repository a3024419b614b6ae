"""The search for addresses in payloads: in each documented form, at any offset, and in no others."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.portal.privacy.address_scan import AddressScan

BLOCK = ipaddress.IPv4Network("198.51.100.0/24")


WORDS = AddressScan([BLOCK])


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


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_octets_are_found_as_a_plain_search_finds_them(payloads: list[bytes]) -> None:
    networks = [ipaddress.IPv4Network("0.0.0.0/8"), ipaddress.IPv4Network("128.0.0.0/10"), BLOCK]
    found = AddressScan(networks).which(payloads)
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
    quietly = AddressScan([ipaddress.IPv4Network("0.0.0.0/1")], failed=pytest.fail)
    assert quietly.holds(payload) or (number >= 2**31 and swapped >= 2**31) or number >= 2**32
