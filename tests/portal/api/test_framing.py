"""A request that can be read in two ways is refused, and nothing that follows it on its connection is answered."""

from __future__ import annotations

import re
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ims.portal.api.framing import Strict

from ...effort import examples
from .served import Served

NEXT = b"GET /api/v1/health HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /api/v1/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
CHUNKED = b"2\r\n{}\r\n0\r\n\r\n"
DOUBTFUL = {
    "both lengths": POST + b"Content-Length: 12\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKED,
    "both lengths, chunked first": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 12\r\n\r\n" + CHUNKED,
    "the same length twice": POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "a list of the same length": POST + b"Content-Length: 2, 2\r\n\r\n{}",
    "two lengths": POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "a signed length": POST + b"Content-Length: +2\r\n\r\n{}",
    "identity": POST + b"Transfer-Encoding: identity\r\nContent-Length: 2\r\n\r\n{}",
    "identity alone": POST + b"Transfer-Encoding: identity\r\n\r\n",
    "chunked twice": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKED,
    "chunked in a list": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n" + CHUNKED,
    "chunked with a tab before": POST + b"Transfer-Encoding:\x0bchunked\r\n\r\n" + CHUNKED,
    "chunked in HTTP/1.0": POST.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKED,
    "a folded line": b"GET /api/v1/health HTTP/1.1\r\nHost: x\r\nX-A: a\r\n b\r\n\r\n",
    "a folded line of nothing": b"GET /api/v1/health HTTP/1.1\r\nHost: x\r\nX-A: a\r\n \r\n\r\n",
    "a bare line feed": b"GET /api/v1/health HTTP/1.1\r\nHost: x\nX-A: a\r\n\r\n",
    "bare line feeds alone": b"GET /api/v1/health HTTP/1.1\nHost: x\n\n",
    "a bare line feed at the end": b"GET /api/v1/health HTTP/1.1\r\nHost: x\r\n\n",
    "a bare carriage return": b"GET /api/v1/health HTTP/1.1\r\nHost: x\rX-A: a\r\n\r\n",
    "two hosts": b"GET /api/v1/health HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    "a space before the colon": b"GET /api/v1/health HTTP/1.1\r\nHost : x\r\n\r\n",
    "a name of nothing": b"GET /api/v1/health HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n",
    "a chunk's bare line feed": POST + b"Transfer-Encoding: chunked\r\n\r\n2\n{}\r\n0\r\n\r\n",
    "a chunk of a negative size": POST + b"Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("doubtful", DOUBTFUL)
def test_a_doubtful_request_ends_its_connection(served: Served, doubtful: str) -> None:
    found = served.raw(DOUBTFUL[doubtful] + NEXT)  # returns, since the connection is closed
    assert found.startswith(b"HTTP/1.1 400 "), found
    assert found.count(b"HTTP/1.1 ") == 1, found
    assert b"connection: close" in found.lower()


@pytest.mark.parametrize("doubtful", ["both lengths", "a folded line", "a bare line feed"])
def test_one_that_follows_a_whole_one_is_refused_too(served: Served, doubtful: str) -> None:
    body = POST + b"Content-Length: 2\r\n\r\n{}"
    found = served.raw(NEXT + body + DOUBTFUL[doubtful] + NEXT)
    assert re.findall(rb"HTTP/1.1 (\d+)", found) == [b"200", b"400", b"400"]


def test_curl_finds_its_connection_closed(served: Served) -> None:
    url = f"{served.url}/api/v1/health"
    both = ["-H", "Transfer-Encoding: chunked", "-H", "Content-Length: 2", "-d", "{}"]
    asked = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code} %{num_connects}\n", "--max-time", "30"]
    found = subprocess.run([*asked, *both, url, "--next", *asked[1:], url], capture_output=True, text=True, check=False)
    assert found.stdout.split() == ["400", "1", "200", "1"], found  # a connection each
    found = subprocess.run([*asked, url, "--next", *asked[1:], url], capture_output=True, text=True, check=False)
    assert found.stdout.split() == ["200", "1", "200", "0"], found


@settings(max_examples=examples(400, 60))
@given(
    parts=st.lists(st.sampled_from([NEXT, POST + b"Content-Length: 2\r\n\r\n{}", POST + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKED]), min_size=1, max_size=4),
    cuts=st.lists(st.integers(1, 400), max_size=6),
    last=st.sampled_from(sorted(DOUBTFUL)),
)  # fmt: skip
def test_wherever_it_is_cut_the_same_is_refused(parts: list[bytes], cuts: list[int], last: str) -> None:
    octets = b"".join(parts) + DOUBTFUL[last]
    ends = sorted({min(cut, len(octets)) for cut in cuts} | {len(octets)})
    assert _taken([octets]) == _taken([octets[a:b] for a, b in zip([0, *ends], ends, strict=False)]) == len(parts)


def _taken(pieces: list[bytes]) -> int:
    """How many requests are taken before one is refused, each answered when it is whole."""
    import h11

    connection, taken = Strict(1 << 17), 0
    for piece in pieces:
        connection.receive_data(piece)
        while True:
            try:
                event = connection.next_event()
            except h11.RemoteProtocolError:
                return taken
            if isinstance(event, h11.EndOfMessage):
                connection.send(h11.Response(status_code=204, headers=[]))
                connection.send(h11.EndOfMessage())
                connection.start_next_cycle()
                taken += 1
            if event in (h11.NEED_DATA, h11.PAUSED):
                break
    raise AssertionError("nothing was refused")
