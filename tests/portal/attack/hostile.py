"""A hundred callers who mean harm, at once, until they are told to end: each kind of attack that a portal withstands.

    python -m tests.portal.attack.hostile PORT CALLERS TOKEN...

Tokens are `role:secret`, of accounts that were given to the wrong people. Each caller has an address of 127.1.0.0/16.
When standard input ends, so does everybody, and a line of JSON tells how often each kind was answered with what. What is
sent is harmless by itself: questions, lies about lengths, and silence.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

RNG = random.Random(14)
PATIENCE = 60.0
"""Seconds that one attack goes on at most."""


class Caller:
    """One of them: where the portal is, from which address, with whose tokens."""

    def __init__(self, port: int, number: int, tokens: dict[str, list[str]], told: Counter[str]) -> None:
        self.port, self.number, self.tokens, self.told = port, number, tokens, told
        self.address = f"127.1.{number // 250}.{number % 250 + 1}"

    def token(self, role: str) -> str:
        of_role = self.tokens[role]
        return of_role[self.number % len(of_role)]

    async def connected(self, address: str | None = None) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port, local_addr=(address or self.address, 0))

    async def says(self, octets: bytes, address: str | None = None, read: int = 1 << 30) -> bytes:
        """Send it, and read the answer, or as much of it."""
        reader, writer = await self.connected(address)
        try:
            writer.write(octets)
            await writer.drain()
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
            )
            left = min(length, read)
            while left > 0 and (piece := await reader.read(min(left, 1 << 16))):
                left -= len(piece)
            return head[9:12]
        finally:
            writer.close()

    async def asks(
        self, path: str, role: str, words: Any = None, read: int = 1 << 30, address: str | None = None
    ) -> bytes:
        return await self.says(request(path, self.token(role), words), address, read)


def request(path: str, token: str | None = None, words: Any = None, more: str = "") -> bytes:
    """A request in HTTP; with `words` it is a POST."""
    body = b"" if words is None else json.dumps(words).encode()
    head = f"{'GET' if words is None else 'POST'} /api/v1{path} HTTP/1.1\r\nHost: portal\r\nConnection: close\r\n{more}"
    if token:
        head += f"Authorization: Bearer {token}\r\n"
    if body:
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


async def heavy(caller: Caller) -> bytes:
    """All sources of all time, by a filter that nothing skips."""
    filter = " or ".join(f"tcp[13] = {RNG.randrange(256)}" for _ in range(60))
    return await caller.asks("/query/sources", "analyst", {"filter": filter, "limit": 1000})


async def products(caller: Caller) -> bytes:
    """A short filter that once grew with each factor."""
    return await caller.asks("/query/count", "analyst", {"filter": "*".join(["ip[8]"] * RNG.randrange(5, 30)) + " > 3"})


async def rows(caller: Caller) -> bytes:
    """As many packets as an analyst may have."""
    return await caller.asks("/query/packets", "analyst", {"limit": 100_000})


async def slow_reader(caller: Caller) -> bytes:
    """The same, and nothing of it is read for long."""
    reader, writer = await caller.connected()
    writer.write(request("/query/packets", caller.token("analyst"), {"limit": 50_000}))
    try:
        await reader.read(100)
        await asyncio.sleep(PATIENCE / 3)
        return b"---"
    finally:
        writer.close()


async def listener(caller: Caller) -> bytes:
    """News that nobody reads."""
    reader, writer = await caller.connected()
    writer.write(request("/events", caller.token("analyst")))
    try:
        return (await reader.readuntil(b"\r\n\r\n"))[9:12]
    finally:
        await asyncio.sleep(1)
        writer.close()


async def login(caller: Caller) -> bytes:
    """A password that is wrong, from another address each time."""
    address = f"127.2.{RNG.randrange(256)}.{RNG.randrange(1, 255)}"
    name = RNG.choice(["operator", "viewer", "nobody", "x" * 60])
    return await caller.says(request("/login", None, {"name": name, "password": "guess"}), address)


async def unknown_token(caller: Caller) -> bytes:
    return await caller.says(request("/query/count", f"ims_{RNG.getrandbits(200):x}"))


async def long_refused(caller: Caller) -> bytes:
    """Long words of someone unknown, for the audit log."""
    return await caller.says(request("/query/count?filter=" + "a" * 20_000, None))


async def long_asked(caller: Caller) -> bytes:
    """Long words of someone known."""
    return await caller.asks("/query/count", "viewer", {"filter": "tcp and " * 480 + "nonsense"})


async def unfinished_body(caller: Caller) -> bytes:
    return await _waits(
        caller, b"POST /api/v1/login HTTP/1.1\r\nHost: p\r\nContent-Length: 60000\r\n\r\n{", "127.1.9.9"
    )


async def unfinished_head(caller: Caller) -> bytes:
    return await _waits(caller, b"GET /api/v1/query/count HTTP/1.1\r\nX: ", "127.1.9.8")


async def two_lengths(caller: Caller) -> bytes:
    head = b"POST /api/v1/login HTTP/1.1\r\nHost: p\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    return await caller.says(head)


async def odd_times(caller: Caller) -> bytes:
    moment = RNG.choice(["0001-01-01", "9999-12-31T23:59:59Z", "-1", "9" * 40, "1970-01-01", "2500-01-01"])
    return await caller.asks("/query/count", "viewer", {"since": moment})


async def signatures(caller: Caller) -> bytes:
    return await caller.asks(f"/payloads/{RNG.getrandbits(128):032x}", "analyst")


async def _waits(caller: Caller, octets: bytes, address: str) -> bytes:
    """Begin, and never end; an octet now and then."""
    reader, writer = await caller.connected(address)
    answer = asyncio.ensure_future(reader.read(1 << 16))
    try:
        writer.write(octets)
        while not answer.done():
            await asyncio.wait([answer], timeout=2)
            writer.write(b"a")
        return answer.result()[9:12] or b"cut"
    finally:
        answer.cancel()
        writer.close()


KINDS: tuple[Callable[[Caller], Awaitable[bytes]], ...] = (
    heavy, products, rows, slow_reader, listener, login, unknown_token, long_refused, long_asked, unfinished_body,
    unfinished_head, two_lengths, odd_times, signatures,
)  # fmt: skip


async def attack(caller: Caller) -> None:
    """One kind, over and over; an answer that says to wait is not heeded."""
    kind = KINDS[caller.number % len(KINDS)]
    while True:
        try:
            async with asyncio.timeout(PATIENCE):
                answered = (await kind(caller)).decode("ascii", "replace")
        except TimeoutError:
            answered = "no answer"
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            answered = type(error).__name__
        caller.told[f"{kind.__name__} {answered}"] += 1
        await asyncio.sleep(0.05)


async def everybody(port: int, callers: int, tokens: dict[str, list[str]]) -> Counter[str]:
    """All of them, until standard input ends."""
    told: Counter[str] = Counter()
    tasks = [asyncio.ensure_future(attack(Caller(port, number, tokens, told))) for number in range(callers)]
    await asyncio.to_thread(sys.stdin.read)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return told


if __name__ == "__main__":
    given: dict[str, list[str]] = {}
    for word in sys.argv[3:]:
        role, _, secret = word.partition(":")
        given.setdefault(role, []).append(secret)
    print(json.dumps(asyncio.run(everybody(int(sys.argv[1]), int(sys.argv[2]), given)), sort_keys=True))
