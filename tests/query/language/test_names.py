"""Names that a filter may use are those of tcpdump, with its numbers; its words for what isn't stored say why."""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
from pathlib import Path

import pytest

from ims.query.language import names

from ...stores import needs_programs
from .refusal import refusal


@pytest.mark.parametrize("word", sorted(names.NOT_STORED))
def test_tcpdump_s_words_for_what_is_not_stored_say_why(word: str) -> None:
    error = refusal(f"tcp and {word}")
    assert error.column == 9
    assert repr(word) in str(error)
    assert "stored" in str(error)


def code_of(text: str) -> str:
    """libpcap's program for a filter."""
    done = subprocess.run(["tcpdump", "-y", "RAW", "-d", "--", text], capture_output=True, text=True, check=False)
    assert done.returncode == 0, (text, done.stderr)
    return done.stdout


@needs_programs("tcpdump")
def test_constants_are_libpcap_s() -> None:
    """One program over all of them, and it differs where one is wrong."""
    text = " or ".join(f"ip[8] = {name}" for name in names.CONSTANTS)
    numbers = " or ".join(f"ip[8] = {value}" for value in names.CONSTANTS.values())
    assert code_of(text) == code_of(numbers)
    assert code_of(text) != code_of(numbers.replace("= 128", "= 129"))


@needs_programs("tcpdump")
@pytest.mark.parametrize("name", names.KEYWORDS)
def test_a_protocol_that_stands_alone_has_libpcap_s_number(name: str) -> None:
    theirs = re.findall(r"jeq +#(0x[0-9a-f]+)", code_of(f"ip and {name}"))
    assert int(theirs[-1], 16) == names.KEYWORDS[name]


@pytest.mark.skipif(not Path("/etc/services").exists(), reason="no /etc/services")
def test_services_and_protocols_are_the_system_s_where_it_knows_them() -> None:
    compared = 0
    for name, (port, protocol) in names.SERVICES.items():
        for number, word in ((6, "tcp"), (17, "udp")):
            if protocol not in (None, number):
                continue
            with contextlib.suppress(OSError):
                assert socket.getservbyname(name, word) == port, name
                compared += 1
    assert compared > len(names.SERVICES) // 2
    for name, number in names.PROTOCOLS.items():
        with contextlib.suppress(OSError):
            assert socket.getprotobyname(name) == number, name


def test_no_name_means_two_things() -> None:
    """What a hint offers, and what it blames, must not be the same word."""
    assert not set(names.NOT_STORED) & set(names.WORDS)
    assert not set(names.CONSTANTS) & (set(names.WORDS) | set(names.SERVICES))
    assert not {name for name in names.SERVICES if name.isdecimal()}
    assert len({port for port, _ in names.SERVICES.values()}) == len(names.SERVICES)
