"""What is said of a filter that can't be read, and where: by the parser, on the command line, on a terminal."""

from __future__ import annotations

import os
import pty
import subprocess
from pathlib import Path

import pytest

from ims.query.language.filter import point

from ...stores import IMS, cli
from .refusal import refusal

WRONG = [
    # Words: the misspelt one is blamed, and the nearest offered.
    ("^tpc", "'tpc' can't stand here; meant tcp?"),
    ("^prt 80", "'prt' can't stand here; meant port?"),
    ("^Port 80", "meant port?"),
    ("^TCP", "'TCP' can't stand here; expected a condition such as"),
    ("^port80", "meant port?"),
    ("tcp ^port80", "meant port?"),
    ("host 1.2.3.4 or ^prt 80", "meant port?"),
    ("tcp and ^foo", "'foo' can't stand here; expected a condition such as"),
    ("not ^foo", "'foo' can't stand here"),
    ("(^foo)", "'foo' can't stand here"),
    ("^\\tcp", "meant tcp?"),
    ("^gre", "meant proto gre?"),
    ("fragment and new and ^paylod", "meant payload?"),
    ("^paylod contains 'x'", "meant payload?"),
    ("payload ^contain 'x'", "meant contains?"),
    ("tcp ^AND udp", "'AND' can't stand here; expected and, or,"),
    # What stands where it can't.
    ("^", "it ends here; expected a condition such as"),
    ("^ ", "it ends here"),
    ("^or tcp", "'or' can't stand here"),
    ("tcp or^", "it ends here; expected a condition such as"),
    ("tcp or^  ", "it ends here"),
    ("tcp and ^and udp", "'and' can't stand here"),
    ("tcp ^udp", "expected and, or, src, dst, host, net, port, portrange, proto, multicast, '[' or the end"),
    ("not^", "it ends here"),
    ("(tcp^", "it ends here; expected and, or or ')'"),
    ("tcp^)", "')' can't stand here; expected and, or or the end"),
    ("(^)", "')' can't stand here; expected a condition"),
    ("port (^)", "')' can't stand here; expected a number, a name or an address"),
    ("tcp^; udp", "';' can't stand here"),
    ("port 80^, 443", "',' can't stand here; expected and, or or the end"),
    ("port 80 ^443", "'443' can't stand here"),
    ("port 80^/tcp", "'/' can't stand here"),
    ("host 1.2.3.4^:80", "':' can't stand here"),
    ("dst port ^!= 80", "'!' can't stand here; expected a number"),
    ("port ^< 1024", "'<' can't stand here; expected a number"),
    ("tcp ^= 6", "'=' can't stand here"),
    ("tcp ^& udp", "'&' can't stand here; expected and, or"),
    ("category scan ^= 1", "'=' can't stand here; expected and, or or the end"),
    ("category scan ^udp", "'udp' can't stand here"),
    ("new ^payload", "'payload' can't stand here; expected and, or or the end"),
    ("fragment ^= 1", "'=' can't stand here"),
    # Ids and qualifiers.
    ("^80", "'80' can't stand alone; expected host, net or port before it"),
    ("tcp or ^10.0.0.0/8", "'10.0.0.0' can't stand alone"),
    ("port 80 or^", "it ends here"),
    ("src^", "it ends here; expected and, or, host, net, port, portrange, proto, a number, a name or an address"),
    ("src or^", "it ends here; expected dst"),
    ("src and ^udp", "'udp' can't stand here; expected dst"),
    ("port ^htp", "no service 'htp' is known; meant http?"),
    ("port 80 or ^htp", "no service 'htp' is known; meant http?"),
    ("port ^65536", "65536 is not a port; expected 0 to 65535"),
    ("port ^4294967296", "'4294967296' is more than 32 bits"),
    ("port ^08", "'08' is no number: a leading 0 means octal"),
    ("port ^0x", "no service '0x' is known; expected a number"),
    ("port ^1_000", "no service '1_000' is known"),
    ("port ^1-10", "'1-10' is a range of ports; meant portrange?"),
    ("port ^1.2.3.4", "'1.2.3.4' is not a port; for an address put host before it"),
    ("portrange ^1-70000", "70000 is not a port"),
    ("portrange 1^-", "'-' can't stand here"),
    ("portrange ^-1", "'-1' can't stand here; expected a number"),
    ("portrange 80^:90", "':' can't stand here"),
    ("portrange ^a-b", "'a-b' is no range of ports; expected one such as 1-1024"),
    ("udp port ^http", "port 'http' is tcp, not udp"),
    ("^icmp port 80", "'icmp' doesn't go with port"),
    # An unknown word is blamed, not what a parser trips over behind it.
    ("tcp dst ^prot 80", "'prot' can't stand here; meant port?"),
    ("tcp ^prot 80", "'prot' can't stand here; meant port?"),
    ("src or dst ^prot 80", "'prot' can't stand here; meant port?"),
    ("tcp dst ^ports 80", "'ports' can't stand here; meant port?"),
    ("src ^hots 10.0.0.1", "'hots' can't stand here; meant host?"),
    ("host ^exampel 80", "'exampel' is no address, and names aren't looked up"),
    ("port ^htp 80", "no service 'htp' is known; meant http?"),
    ("^foo and port 80 )", "'foo' can't stand here; expected a condition"),
    ("(tcp or ^updp) and port (", "'updp' can't stand here; meant udp?"),
    ("tcp[^tcpflgas] & tcp-syn != 0 and", "no number 'tcpflgas' is known; meant tcpflags?"),
    ("category ^scna and (", "no category 'scna' is known; meant scan?"),
    ("sensor nobody and tcp dst ^prt 80", "'prt' can't stand here; meant port?"),
    ("proto ^tpc 80", "no protocol 'tpc' is known; meant tcp?"),
    ("payload contains 'unknown words' ^adn tcp", "'adn' can't stand here; meant and?"),
    ("portrange ftp-http ^80", "'80' can't stand here; expected and, or or the end"),
    ("^icmp portrange 1-2", "'icmp' doesn't go with portrange"),
    ("^tcp host 1.2.3.4", "'tcp' doesn't go with host"),
    ("^udp net 10", "'udp' doesn't go with net"),
    ("^src proto 6", "a direction goes with host, net or port, not proto"),
    ("^src or dst proto 6", "a direction goes with host, net or port, not proto"),
    ("proto ^256", "no IP protocol '256' is known; expected 0 to 255, or one of icmp, igmp"),
    ("proto ^icmpp", "no IP protocol 'icmpp' is known; meant icmp?"),
    ("host ^example.com", "'example.com' is no address, and names aren't looked up; expected one such as 198.51.100.7"),
    ("host ^1.2.3.256", "'1.2.3.256' is no IPv4 address: a part is over 255"),
    ("host ^1.2.3.4.5", "is no address"),
    ("host ^10.0.0.0/8", "a mask goes with net, not host; meant net?"),
    ("host ^::1", "':' can't stand here"),
    ("net 10.0.0.0/^33", "a prefix has at most 32 bits; found 33"),
    ("net ^10.1.0.0/8", "non-network bits set in 10.1.0.0; meant net 10.0.0.0/8?"),
    ("net ^10.1.0.0 mask 255.0.0.0", "non-network bits set in 10.1.0.0; meant net 10.0.0.0/8?"),
    ("net 10.0.0.0/8^/8", "'/' can't stand here"),
    ("net 10.0.0.0 mask ^8", "'8' can't stand here; expected an address"),
    # Numbers.
    ("^tcp[13]", "this is a number; expected a comparison, such as ip[8] < 10"),
    ("^ttl", "this is a number"),
    ("tcp[^", "it ends here; expected a number"),
    ("tcp[13^", "it ends here; expected ':' or ']'"),
    ("tcp[13] =^", "it ends here; expected a number"),
    ("tcp[13:^3] = 1", "data size must be 1, 2 or 4"),
    ("^tcp[20] = 1", "these octets aren't stored as columns; those that are: ip[0 to 9, 12 to 19], tcp["),
    ("tcp and ^ip[10] = 1", "these octets aren't stored"),
    ("^ip[-1] = 1", "these octets aren't stored"),
    ("^ip[ip[0]] = 1", "these octets aren't stored"),
    ("^ip6[0] = 1", "these octets aren't stored"),
    ("tcp[^tcpflag] & 2 != 0", "no number 'tcpflag' is known; meant tcpflags?"),
    ("tcp[tcpflags] & ^tcp-snc != 0", "no number 'tcp-snc' is known; meant tcp-syn?"),
    ("ttl < ^foo", "no number 'foo' is known; expected one such as 80, 0x1f or tcp-syn"),
    ("ip[0] = ^0b1", "no number '0b1' is known; expected one such as 80"),
    ("^5-3 = 2", "no number '5-3' is known; put spaces around '-'"),
    ("ip[0] ^/ 0 = 1", "division by zero"),
    ("1 ^% 0 = 1", "division by zero"),
    ("ip[0] ^<< 32 = 1", "shift by more than 31 bits"),
    ("ip[0] = ^4294967296", "'4294967296' is more than 32 bits"),
    ("ip[8] = 64 ^= 64", "'=' can't stand here; expected and, or or the end"),
    ("ip[8] =^< 64", "'<' can't stand here; expected a number"),
    ("ttl < (^tcp)", "expected a number here, such as 80, tcp-syn"),
    # Our own words.
    ("category ^scann", "no category 'scann'; meant scan?"),
    ("category ^nope", "no category 'nope'; expected one of other, scan, backscatter, session, udp"),
    ("category^", "it ends here; expected a name"),
    ("signature ^12345", "expected 6 to 32 hex digits of a signature; found 5"),
    ("signature ^" + "a" * 33, "expected 6 to 32 hex digits of a signature; found 33"),
    ("signature ^zz", "'zz' can't stand here; expected hex digits"),
    ("payload contains ^x", "'x' can't stand here; expected a quoted text or hex digits"),
    ("payload contains ^0x1", "expected quoted text, or 0x and an even number of hex digits"),
    ("payload contains ^abcd", "expected quoted text, or 0x and an even number of hex digits"),
    ("payload contains ^''", "expected at least one octet between the quotes"),
    ('payload contains ^"x', "a quoted text can't stand here, or isn't closed; expected a quoted text or hex digits"),
    ('payload contains ^"\\x4"', r"expected two hex digits after \x"),
    ("sensor^", "it ends here; expected a quoted text or a name"),
    ("sensor ^*", "'*' can't stand here; expected a quoted text or a name"),
    ("block ^''", "'' is no block's name: expected 1 to 64 printable characters"),
    ("block ^" + "a" * 65, "is no block's name"),
    # After what is wide, combined or not printable, too.
    ('payload contains "日本" ^ad tcp', "meant and?"),
    ('payload contains "e\u0301" ^ad tcp', "meant and?"),
    ("tcp\n\tand ^foo", "'foo' can't stand here"),
]  # fmt: skip


@pytest.mark.parametrize(("marked", "said"), WRONG)
def test_an_error_says_what_is_wrong_and_points_at_it(marked: str, said: str) -> None:
    before, _, behind = marked.partition("^")
    error = refusal(before + behind)
    assert said in str(error)
    assert error.column == len(before) + 1
    line, caret = point(error.text, error.column).split("\n")
    wide = 2 * before.count("日本") - before.count("\u0301")
    assert caret == " " * (len(before) + wide) + "^"
    assert line.rstrip() == "".join(c if c.isprintable() else " " for c in before + behind).rstrip()


def test_of_a_long_filter_what_is_near_is_shown() -> None:
    text = "tcp or " * 200 + "tpc or " + "udp or " * 100 + "udp"
    error = refusal(text)
    assert error.column == 1401
    line, caret = point(text, error.column).split("\n")
    assert len(line) <= 100
    assert line[caret.index("^") :].startswith("tpc or")


@pytest.mark.parametrize(
    "text", ["tcp\x1b[31m and", "sensor 'a\x1b]0;x\x07'", "\u202etcp", "port \x9b", "'; DROP TABLE packets; --"]
)
def test_the_command_line_says_one_safe_line(one_store: Path, text: str) -> None:
    done = cli("query", "count", text, "--store", one_store)
    assert done.returncode == 2
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert line.startswith("ims: filter, column ")
    assert line.isprintable()


def test_on_a_terminal_a_caret_points_at_the_character(one_store: Path) -> None:
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [IMS, "query", "count", "udp and \x1b[31mtpc", "--store", one_store],
        stdout=subprocess.PIPE,
        stderr=theirs,
        timeout=60,
        check=False,
    )
    os.close(theirs)
    said = os.read(ours, 10_000).decode().splitlines()
    os.close(ours)
    assert done.returncode == 2
    assert said[1:] == ["udp and  [31mtpc", "        ^"]
    assert said[0].startswith(r"ims: filter, column 9: '\x1b' can't stand here")
