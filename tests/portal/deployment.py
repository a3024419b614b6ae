"""A deployment on loopback: an authority, query daemons and a portal, each a real process with its own certificate."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from ims.client import RemoteTelescope
from ims.pki.authority import Authority, create_authority
from ims.portal.auth.accounts import Accounts

from ..forked import Daemon
from ..free_port import free_port
from ..queryd.waiting import until
from ..stores import IMS

PASSWORD = "correct horse battery"


def toml(settings: Mapping[str, Any]) -> str:
    """Settings as TOML; tables of values are inline."""

    def one(value: Any) -> str:
        if isinstance(value, Mapping):
            return "{" + ", ".join(f"{key} = {one(inside)}" for key, inside in value.items()) + "}"
        return json.dumps(value)

    return "".join(f"{key} = {one(value)}\n" for key, value in settings.items())


class Process:
    """A daemon of ours, and the lines of JSON that it logs. It is forked (forked.py), but where it is to be the `installed`
    program itself, or a `prefix` runs it."""

    def __init__(self, *words: str | Path, prefix: tuple[str, ...] = (), installed: bool = False) -> None:
        self.words = [*prefix, str(IMS), *map(str, words)]
        self.said: list[dict[str, Any]] = []
        self._came = threading.Condition()
        self.process: subprocess.Popen[str] | Daemon = (
            subprocess.Popen(self.words, stderr=subprocess.PIPE, text=True)
            if installed or prefix
            else Daemon(self.words[1:])
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._came:
                self.said.append(json.loads(line) if line.startswith("{") else {"event": "line", "line": line.strip()})
                self._came.notify_all()
        with self._came:
            self.said.append({"event": "ended"})
            self._came.notify_all()

    def until(self, event: str, within: float = 120, since: int = 0, **wanted: Any) -> dict[str, Any]:
        """The first line that says so, of those from number `since` on. Fails where the process ends or nothing comes."""

        def found() -> dict[str, Any] | None:
            return next((s for s in self.said[since:] if s["event"] == event and wanted.items() <= s.items()), None)

        with self._came:
            came = self._came.wait_for(lambda: found() or self.said[-1:] == [{"event": "ended"}], within)
            assert came and found(), f"{self.words} never said {event} {wanted}: {self.said[-20:]}"
            return found() or {}

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def end(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
        code = self.process.wait(timeout=60)
        self._close()
        return code

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(timeout=60)
        self._close()

    def _close(self) -> None:
        self._reader.join(timeout=60)
        assert self.process.stderr is not None
        self.process.stderr.close()


class Deployment:
    """Sensors by name, each over its store, and a portal with an account of each role. Ports are fixed when made.
    `installed`: see Process."""

    def __init__(
        self, folder: Path, stores: Mapping[str, Path], *, blocks: Mapping[str, Any] | None = None,
        installed: bool = False, **settings: Any,
    ) -> None:  # fmt: skip
        self.folder, self.stores, self.settings, self.installed = folder, dict(stores), settings, installed
        self.blocks = blocks or {}
        folder.mkdir(exist_ok=True)
        self.authority: Authority = create_authority(
            folder / "PKI", "Test", 900, now=datetime.now(UTC) - timedelta(days=60)
        )
        self.ports = {name: free_port() for name in stores}
        self.serials = {name: self.issue(name, "sensor") for name in stores}
        self.issue("portal", "portal")
        self.sensors: dict[str, Process] = {}
        self.portal: Process | None = None
        self.portal_port = free_port()
        self.tokens: dict[str, str] = {}
        accounts = Accounts(folder / "accounts.db")
        for role in ("viewer", "analyst", "operator"):
            accounts.add(role, role, PASSWORD)  # type: ignore[arg-type]
            self.tokens[role] = accounts.new_token(role, label="test", days=1)
        accounts.close()
        self.register()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.portal_port}"

    def issue(self, name: str, role: Any, authority: Authority | None = None, **words: Any) -> str:
        """A certificate in FOLDER/certificates/NAME; its serial number."""
        issued, _ = (authority or self.authority).issue(name, role, self.folder / "certificates" / name, **words)
        return issued.identity.serial

    def tls(self, name: str) -> str:
        place = self.folder / "certificates" / name
        return (
            f'[tls]\ncertificate = "{place}/{name}.pem"\nkey = "{place}/{name}.key"\nca = "{place}/ca.pem"\n'
            f'revoked = "{self.folder}/PKI/revoked.pem"\n'
        )

    def register(self, **addresses: str) -> None:
        """Write the registry; `addresses`: instead of those on loopback."""
        entries = []
        for name, port in self.ports.items():
            entry = f'[[sensor]]\nname = "{name}"\naddress = "{addresses.get(name, f"127.0.0.1:{port}")}"\n'
            entry += f'serial = "{self.serials[name]}"\norganisation = "Organisation of {name}"\n'
            for block, prefix in self.blocks.get(name, ()):
                entry += f'[[sensor.block]]\nname = "{block}"\nprefix = "{prefix}"\n'
            entries.append(entry)
        aside = self.folder / "registry.new"
        aside.write_text("\n".join(entries))
        aside.rename(self.folder / "registry.toml")

    def start_sensor(self, name: str, prefix: tuple[str, ...] = (), **settings: Any) -> Process:
        config = self.folder / f"queryd-{name}.toml"
        said = {"store": str(self.stores[name]), "listen": f"127.0.0.1:{self.ports[name]}", "user": "root"} | settings
        config.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in said.items()) + self.tls(name))
        self.sensors[name] = Process("queryd", "--config", config, prefix=prefix, installed=self.installed)
        return self.sensors[name]

    def start_portal(self, prefix: tuple[str, ...] = ()) -> Process:
        config = self.folder / "portal.toml"
        said = {
            "registry": f"{self.folder}/registry.toml", "accounts": f"{self.folder}/accounts.db", "user": "root",
            "audit": f"{self.folder}/audit.jsonl", "listen": f"127.0.0.1:{self.portal_port}",
            "questions_per_second": 1e6, "questions_at_once": 1e6,
        } | self.settings  # fmt: skip
        config.write_text(toml(said) + self.tls("portal"))
        self.portal = Process("portal", "--config", config, prefix=prefix, installed=self.installed)
        return self.portal

    def start(self, prefix: tuple[str, ...] = ()) -> None:
        """The sensors first, so that the portal finds all of them. `prefix`: of what runs each of their daemons."""
        for process in [self.start_sensor(name, prefix) for name in self.stores]:
            process.until("listening")
        self.start_portal().until("listening")

    def heard(self) -> None:
        """Wait until the portal has heard of each sensor what it watches: before, analysts and viewers are refused."""
        headers = {"Authorization": f"Bearer {self.tokens['operator']}"}

        def all_answer() -> bool:
            reply = httpx.get(f"{self.url}/api/v1/sensors", headers=headers)
            return reply.is_success and {sensor["state"] for sensor in reply.json()["sensors"]} == {"answers"}

        until(all_answer)

    def telescope(self, role: str = "operator") -> RemoteTelescope:
        return RemoteTelescope(self.url, self.tokens[role])

    def stop(self) -> None:
        for process in [*self.sensors.values(), *([self.portal] if self.portal else [])]:
            process.end()


@contextmanager
def deployed(folder: Path, stores: Mapping[str, Path], **settings: Any) -> Iterator[Deployment]:
    """A deployment that runs."""
    deployment = Deployment(folder, stores, **settings)
    try:
        deployment.start()
        yield deployment
    finally:
        deployment.stop()
