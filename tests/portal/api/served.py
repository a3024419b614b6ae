"""A portal served on loopback by uvicorn, with accounts of each role, over one store."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from argon2 import PasswordHasher

import ims
from ims.darknet import Block
from ims.portal.api.app import create_app
from ims.portal.api.server import serve_settings
from ims.portal.audit import Audit
from ims.portal.auth.accounts import Accounts
from ims.portal.auth.rate_limit import RateLimit
from ims.portal.privacy.policy import PrivacyPolicy, SecrecySettings
from ims.portal.services import Event, Limits, Services
from ims.query.request import make_request
from ims.stores_backend import StoresRun

from ...stores import BLOCK, MIDNIGHT

ROLES = ("viewer", "analyst", "operator")
PASSWORD = "correct horse battery"
NOW = MIDNIGHT // 1_000_000_000 + 10 * 86_400
"""Ten days after the sample's day: nothing of it is too fresh for viewers."""
SENSORS = [
    {
        "name": "a",
        "organisation": "Example University",
        "time_zone": "Europe/Berlin",
        "blocks": ["C/24"],
        "state": "silent",
        "since": "2026-03-04T05:00:00Z",
        "why": "connect to 198.51.100.1:8815 refused",
        "version": "0.1.0",
        "clock_offset": 0.01,
        "certificate_days": 300,
    },
    {
        "name": "b",
        "organisation": None,
        "time_zone": None,
        "blocks": ["D/24"],
        "state": "answers",
        "since": "2026-03-04T05:00:00Z",
        "why": "its process ended without a word after 2026-03-04T05:00Z",
        "watches": False,
        "stores": False,
        "last_packet": "2026-03-04T04:59:58Z",
        "losing": ["watches nothing now: its process ended without a word after 2026-03-04T05:00Z"],
        "version": "0.1.0",
        "clock_offset": 0.01,
        "certificate_days": 300,
    },
]


class News:
    """Events for whoever listens: those there are, then silence until it is told to end. Counts who listens."""

    def __init__(self, *events: Event) -> None:
        self.events = events
        self.listening = threading.Semaphore(0)
        self.left = threading.Semaphore(0)
        self.endless = True

    async def __call__(self, role: str) -> AsyncIterator[Event]:
        self.listening.release()
        try:
            for event in self.events:
                yield event
            if self.endless:
                await asyncio.Event().wait()
        finally:
            self.left.release()


class Clock:
    """A clock that is moved by hand."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class World:
    """The gate and what is behind it; tokens by role."""

    def __init__(
        self,
        folder: Path,
        store: Path,
        limits: Limits | None = None,
        hasher: PasswordHasher | None = None,
        **changes: Any,
    ) -> None:
        folder.mkdir(exist_ok=True)
        self.folder, self.clock = folder, Clock(float(NOW))
        hasher = hasher or PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        self.accounts = Accounts(folder / "accounts.sqlite", hasher=hasher, clock=self.clock)
        for role in ROLES:
            self.accounts.add(role, role, PASSWORD)  # type: ignore[arg-type]
        self.tokens = {role: self.accounts.new_token(role, label="test", days=30) for role in ROLES}
        self.news = News(Event("packets", {"block": "C/24", "packets": 3, "text": "a\r\ndata: forged"}))
        prefixes = [Block.parse(BLOCK).prefix]
        self.gate = Services(
            **{
                "telescope": ims.open(store),
                "accounts": self.accounts,
                "audit": Audit(folder / "audit.jsonl"),
                "throttle": RateLimit(1e6, 1e6),
                "logins": RateLimit(1e6, 1e6),
                "secrecy": PrivacyPolicy(
                    SecrecySettings(viewer_threshold=0, viewer_noise=0), lambda: prefixes, self.clock, bytes(32)
                ),
                "sensors": lambda: [dict(sensor) for sensor in SENSORS],
                "events": self.news,
                "version": "0.1.0",
                "octets": None,
                "limits": limits or Limits(),
            }
            | changes
        )
        self.app = create_app(self.gate)

    def audited(self, name: str = "audit.jsonl") -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / name).read_text().splitlines()]

    def close(self) -> None:
        self.gate.audit.close()
        self.accounts.close()


@contextlib.contextmanager
def serving(app: Any, **settings: Any) -> Iterator[str]:
    """The URL of a server in a thread."""
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listening:
        config = uvicorn.Config(app, lifespan="on", **(serve_settings() | settings))
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@contextlib.contextmanager
def world(folder: Path, store: Path, settings: dict[str, Any] | None = None, **words: Any) -> Iterator[Served]:
    """A served world."""
    made = World(folder, store, **words)
    try:
        with serving(made.app, **(settings or {})) as url:
            served = Served(made, url)
            try:
                yield served
            finally:
                for client in served.clients.values():
                    client.close()
    finally:
        made.close()


@dataclasses.dataclass
class Served:
    """A world and where it is served."""

    world: World
    url: str
    clients: dict[str | None, httpx.Client] = dataclasses.field(default_factory=dict)

    def as_(self, role: str | None) -> httpx.Client:
        """A client with this role's token."""
        if role not in self.clients:
            headers = {} if role is None else {"Authorization": f"Bearer {self.world.tokens[role]}"}
            self.clients[role] = httpx.Client(
                base_url=f"{self.url}/api/v1", headers=headers, timeout=120, trust_env=False
            )
        return self.clients[role]

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    def raw(self, octets: bytes, most: int = 1 << 20) -> bytes:
        """What comes back to these octets, until the connection closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
            connection.sendall(octets)
            found = bytearray()
            with contextlib.suppress(ConnectionResetError):
                while len(found) < most and (piece := connection.recv(65_536)):
                    found += piece
            return bytes(found)


def refused(response: httpx.Response, status: int, says: str = "") -> str:
    """Checks that this is a refusal in one line, and what it says."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    body = response.json()
    assert list(body) == ["error"]
    line: str = body["error"]
    assert says in line, line
    assert line.isprintable()
    assert "Traceback" not in line
    assert "/work/" not in line and "/tmp/" not in line
    return line


def lookup_in(store: Path) -> Any:
    """The look-up of a store's payloads by signature."""

    def lookup(signatures: list[bytes]) -> dict[bytes, bytes]:
        with StoresRun([store], make_request("payloads", None), None, 1) as asked:
            [rows] = asked.run(asked.about("payload_bytes", "signature", signatures))
        return {row["signature"]: row["payload"] for row in rows.to_pylist()}

    return lookup


def login(portal: Served, name: str = "operator", password: str = PASSWORD) -> httpx.Response:
    """What a portal says to a password."""
    return portal.as_(None).post("/login", json={"name": name, "password": password})


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
