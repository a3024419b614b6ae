"""What a daemon's start refuses, `--check` and `ims doctor` refuse with the same words: broken set-ups, tried in all
three ways."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import ims.install
from ims.pki.authority import create_authority
from ims.process.endpoint import UNPRIVILEGED
from ims.store.heartbeat import Beat, Heartbeat
from ims.store.retirement import retire_sensor
from ims.store.schema import create_store, rename_file
from ims.store.writer import SensorWriter

from ..free_port import free_port
from ..stores import cli

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user; CI is root")


PORT, OTHER_PORT = free_port(), free_port()


class Place(NamedTuple):
    """A folder that all may look into, with a good set-up of each daemon."""

    folder: Path

    def sensor(self, **changes: str) -> str:
        return self._settings(
            {"name": '"a"', "store": f'"{self.folder}/STORE"', "interfaces": '["lo"]', "user": '"nobody"'} | changes
        ) + ("" if "block" in changes else '[[block]]\nname = "C/24"\nprefix = "198.51.100.0/24"\n')

    def queryd(self, **changes: str) -> str:
        good = {"store": f'"{self.folder}/STORE"', "user": '"nobody"', "listen": f'"127.0.0.1:{PORT}"'}
        return self._settings(good | changes)

    def portal(self, **changes: str) -> str:
        files = {name: f'"{self.folder}/own/{name}"' for name in ("registry", "accounts", "audit")}
        good = files | {"user": '"nobody"', "listen": f'"127.0.0.1:{PORT}"'}
        return self._settings(good | changes)

    def tls(self, name: str, **changes: str) -> str:
        files = {"certificate": f"{name}.pem", "key": f"{name}.key", "ca": "ca.pem", "revoked": "revoked.pem"}
        written = {what: f"{self.folder}/{name}/{file}" for what, file in files.items()} | changes
        return "{ " + ", ".join(f'{what} = "{file}"' for what, file in written.items()) + " }"

    @staticmethod
    def _settings(keys: dict[str, str]) -> str:
        return "".join(f"{key} = {value}\n" for key, value in keys.items())


@pytest.fixture
def place() -> Iterator[Place]:
    folder = Path(tempfile.mkdtemp(prefix="ims-check-"))
    folder.chmod(0o755)
    own = folder / "own"
    own.mkdir()
    shutil.chown(own, "nobody")
    (own / "registry").write_text('[[sensor]]\nname = "a"\naddress = "127.0.0.1:9443"\n')
    yield Place(folder)
    shutil.rmtree(folder)


def _private(place: Place) -> str:
    (place.folder / "closed").mkdir(mode=0o700)
    return f'"{place.folder}/closed/STORE"'


def _file(place: Place) -> str:
    (place.folder / "file").write_text("")
    return f'"{place.folder}/file"'


def _of_another(place: Place) -> str:
    store = place.folder / "theirs"
    store.mkdir()
    (store / "store.json").write_text('{"format": "ims store", "schema": 1}')
    shutil.chown(store, "games")
    return f'"{store}"'


def _no_store(place: Place) -> str:
    (place.folder / "notes").mkdir()
    (place.folder / "notes" / "mine").write_text("")
    return f'"{place.folder}/notes"'


def _live(place: Place, *names: str) -> Path:
    """A store in which live sensors of these names wrote."""
    store = place.folder / "live"
    create_store(store)
    for name in names:
        SensorWriter(store, name, lanes=1).close()
        heartbeat = Heartbeat(store, name)
        heartbeat.write(Beat(time=1e9, began=1e9, storing_since=1e9, ended=1e9))
        heartbeat.close()
    return store


def _of_another_name(place: Place) -> str:
    return place.sensor(store=f'"{_live(place, "b")}"', user='"root"')


def _of_retired(place: Place) -> str:
    store = _live(place, "a")
    retire_sensor(store, "a")
    return place.sensor(store=f'"{store}"', user='"root"')


def _half_renamed(place: Place) -> str:
    store = _live(place, "b")
    rename_file(store).write_text('{"old": "b", "new": "a"}')
    return place.sensor(store=f'"{store}"', user='"root"')


def _made(place: Place, *names: tuple[str, str]) -> Place:
    authority = create_authority(place.folder / "PKI", "Test", 900)
    for name, role in names:
        authority.issue(name, role, place.folder / name)
        (place.folder / name).chmod(0o755)
    return place


def _two(place: Place, key: str) -> str:
    _made(place, ("a", "sensor"), ("b", "sensor"))
    return place.tls("a", key=f"{place.folder}/{key}")


def _https(place: Place) -> str:
    _made(place, ("p", "portal"), ("q", "portal"))
    return f'{{ certificate = "{place.folder}/p/p.pem", key = "{place.folder}/q/q.key" }}'


def _accounts_of_root(place: Place) -> str:
    (place.folder / "own" / "accounts").write_text("")
    (place.folder / "own" / "accounts").chmod(0o600)
    return place.portal()


def _is_database(place: Place) -> str:
    file = place.folder / "own" / "accounts"
    file.write_text("no database at all, but long enough to be one, if it were" * 10)
    file.chmod(0o600)
    shutil.chown(file, "nobody")
    return place.portal()


BROKEN: dict[str, tuple[str, Callable[[Place], str], str]] = {
    "unknown user": ("sensor", lambda p: p.sensor(user='"nosuch"'), "there is no user 'nosuch'"),
    "no interface": ("sensor", lambda p: p.sensor(interfaces='["nothing0"]'), "no interface 'nothing0'"),
    "own address": ("sensor", lambda p: p.sensor(block='[{name = "A", prefix = "127.0.0.0/24"}]'), "covers 127.0.0.1"),
    "policy": (
        "sensor",
        lambda p: p.sensor(block='[{name = "A", prefix = "198.51.100.0/24", policy = {"1-9" = "ack", 5 = "reset"}}]'),
        "have two policies",
    ),
    "system folder": ("sensor", lambda p: p.sensor(store='"/etc"'), "/etc belongs to the system"),
    "system folder, through a link": ("sensor", lambda p: p.sensor(store='"/proc/self/root"'), "belongs to the system"),
    "below a system folder": ("queryd", lambda p: p.queryd(store='"/usr/share"'), "/usr/share belongs to the system"),
    "store of another user": ("sensor", lambda p: p.sensor(store=_of_another(p)), "belongs to games, and the sensor"),
    "store of another user, root stays": (
        "sensor", lambda p: p.sensor(store=_of_another(p), user='"root"'), "set user = 'games'",
    ),
    "store is a file": ("sensor", lambda p: p.sensor(store=_file(p)), "/file"),
    "store in a private folder": ("sensor", lambda p: p.sensor(store=_private(p)), "/closed has mode 0700"),
    "store is another folder": ("sensor", lambda p: p.sensor(store=_no_store(p), user='"root"'), "is not empty and no"),
    "store of another name": ("sensor", _of_another_name, "type `ims sensor rename b a --store "),
    "sensor is retired": ("sensor", _of_retired, "is retired; expected another name, or `ims sensor retire a --store "),
    "store is half renamed": ("sensor", _half_renamed, "`ims sensor rename b a --store "),
    "metrics in use": ("sensor", lambda p: p.sensor(metrics=f'"127.0.0.1:{PORT}"'), "address already in use, by proc"),
    "metrics elsewhere": ("sensor", lambda p: p.sensor(metrics='"192.0.2.1:9000"'), "no interface of this machine has"),
    "typing error": ("sensor", lambda p: p.sensor(nmae='"a"'), "line 5: unknown key 'nmae'; meant name?"),
    "query daemon's metrics in use": (
        "queryd", lambda p: p.queryd(listen=f'"127.0.0.1:{OTHER_PORT}"', metrics=f'"127.0.0.1:{PORT}"'),
        f"metrics = '127.0.0.1:{PORT}': can't listen there: address al",
    ),
    "portal's metrics in use": (
        "portal", lambda p: p.portal(listen=f'"127.0.0.1:{OTHER_PORT}"', metrics=f'"127.0.0.1:{PORT}"'),
        f"metrics = '127.0.0.1:{PORT}': can't listen there: address al",
    ),
    "port in use": ("queryd", lambda p: p.queryd(), f"listen = '127.0.0.1:{PORT}': can't listen there: address al"),
    "address elsewhere": (
        "queryd", lambda p: _made(p, ("a", "sensor")).queryd(listen='"192.0.2.1:9443"', tls=p.tls("a")), "192.0.2.1",
    ),
    "portal's metrics where it listens": (
        "portal", lambda p: p.portal(metrics=f'"127.0.0.1:{PORT}"'), "are the same; expected two ports",
    ),
    "privileged port": ("queryd", lambda p: p.queryd(listen='"127.0.0.1:443"'), "ports below 1024 want CAP_NET_BIND"),
    "queryd's unknown user": ("queryd", lambda p: p.queryd(user='"nosuch"'), "there is no user 'nosuch'"),
    "queryd's store is a file": ("queryd", lambda p: p.queryd(store=_file(p)), "file is a file"),
    "queryd's store is closed": ("queryd", lambda p: p.queryd(store=_private(p)), "/closed has mode 0700"),
    "key of another": (
        "queryd", lambda p: p.queryd(tls=_two(p, "b/b.key")), "b/b.key is not the private key of ",
    ),
    "key is absent": ("queryd", lambda p: p.queryd(tls=_two(p, "b/c.key")), "b/c.key isn't there"),
    "certificate of a portal": (
        "queryd", lambda p: _made(p, ("p", "portal")).queryd(tls=p.tls("p")), "has the role portal",
    ),
    "portal's port in use": ("portal", lambda p: p.portal(), "address already in use, by process"),
    "portal's https": ("portal", lambda p: p.portal(https=_https(p)), "q/q.key is not the private key of "),
    "registry is absent": ("portal", lambda p: p.portal(registry='"/nowhere/r.toml"'), "/nowhere/r.toml isn't there"),
    "registry is damaged": ("portal", lambda p: p.portal(registry=_file(p).replace("file", "own/r")), "isn't there"),
    "accounts are root's": ("portal", _accounts_of_root, "own/accounts can't be written to by nobody"),
    "accounts are none": ("portal", _is_database, "own/accounts doesn't hold accounts"),
    "audit is a folder": ("portal", lambda p: p.portal(audit=f'"{p.folder}/own"'), "own is a folder"),
    "lake is nowhere": ("portal", lambda p: p.portal(lake='{ uri = "ftp://a/b" }'), "unsupported scheme ftp://"),
}  # fmt: skip
IN_USE = (
    "metrics in use",
    "query daemon's metrics in use",
    "portal's metrics in use",
    "port in use",
    "portal's port in use",
)


@pytest.mark.parametrize("case", BROKEN)
def test_start_check_and_doctor_refuse_with_the_same_words(place: Place, case: str) -> None:
    daemon, settings, expected = BROKEN[case]
    if case == "privileged port" and int(UNPRIVILEGED.read_text()) != 1024:
        UNPRIVILEGED.write_text("1024")
    config = place.folder / "settings.toml"
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if case in IN_USE:
            held.bind(("127.0.0.1", PORT))
            held.listen()
        config.write_text(settings(place))
        before = sorted((path, path.stat().st_uid, path.stat().st_mtime_ns) for path in place.folder.rglob("*"))
        checked = cli(daemon, "--check", "--config", config)
        doctor = cli("doctor", "--config", config, "--format", "json")
        after = sorted((path, path.stat().st_uid, path.stat().st_mtime_ns) for path in place.folder.rglob("*"))
        started = cli(daemon, "--config", config)
    assert checked.returncode == started.returncode == 2, (checked, started)
    [line] = [line for line in started.stderr.splitlines() if "compiling" not in line]
    assert expected in line
    assert checked.stderr == line + "\n"
    assert checked.stdout == ""
    assert before == after
    if doctor.returncode == 2:  # settings that can't be read at all
        assert doctor.stderr == line + "\n"
        return
    wrong = [found for found in json.loads(doctor.stdout) if found["level"] == "wrong"]
    said = [f"ims: {found['found']}; {found['remedy']}" for found in wrong]
    assert doctor.returncode == 1
    assert any(each == line or each.startswith(f"{line}; ") for each in said), (line, said)


@pytest.mark.parametrize("daemon", ["queryd", "portal", "sensor"])
def test_what_is_well_is_said_to_be(place: Place, daemon: str) -> None:
    config = place.folder / "settings.toml"
    settings = {"queryd": place.queryd, "portal": place.portal, "sensor": place.sensor}[daemon]
    config.write_text(settings(user='"root"'))  # whoever else it became might not read this Python
    checked = cli(daemon, "--check", "--config", config)
    assert (checked.returncode, checked.stdout) == (0, ""), checked.stderr
    assert checked.stderr == "ims: checks passed\n"
    found = json.loads(cli("doctor", "--config", config, "--format", "json").stdout)
    wrong = {each["subject"] for each in found if each["level"] == "wrong"}
    assert wrong <= ({"store"} if daemon == "queryd" else {"disk"}), found  # none yet; this machine's
    assert not (place.folder / "STORE").exists()


def test_ship_is_checked_the_same_way(place: Place) -> None:
    absent, lake = place.folder / "STORE", place.folder / "LAKE"
    for store, uri, expected in (
        (absent, str(lake), "STORE: no such store"), (place.folder / "own", str(lake), "is no store"),
        (Path(json.loads(_of_another(place))), "/var/lib", "/var/lib belongs to the system"),
        (place.folder / "theirs", _file(place).strip('"'), "is a file"),
    ):  # fmt: skip
        started = cli("ship", "--store", store, "--to", uri)
        checked = cli("ship", "--store", store, "--to", uri, "--check")
        doctor = cli("doctor", "--ship", store, "--to", uri, "--format", "json")
        assert checked.returncode == started.returncode == 2
        line = started.stderr.splitlines()[-1]
        assert expected in line
        assert checked.stderr == started.stderr
        said = [f"ims: {each['found']}" for each in json.loads(doctor.stdout) if each["level"] == "wrong"]
        assert any(line.startswith(each) for each in said), said
    assert not lake.exists()


def test_what_the_running_daemon_has_itself_is_no_fault(place: Place) -> None:
    """Here by its words alone: a process that was started as the daemon is, and listens where it would."""
    config = place.folder / "settings.toml"
    config.write_text(place.queryd(user='"root"'))
    holds = f"import socket, sys; s = socket.create_server(('127.0.0.1', {PORT})); print(flush=True); sys.stdin.read()"
    words = [sys.executable, "-c", holds, "queryd", "--config", "settings.toml"]
    with subprocess.Popen(
        words, cwd=place.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as daemon:  # fmt: skip
        assert daemon.stdout is not None
        daemon.stdout.readline()
        assert cli("queryd", "--check", "--config", config).returncode == 0
        started = cli("queryd", "--config", config)
        assert daemon.stdin is not None
        daemon.stdin.close()
    assert started.returncode == 2
    assert f"by process {daemon.pid}" in started.stderr


def test_a_reload_is_checked_before_the_signal_and_not_against_what_the_sensor_has_itself(place: Place) -> None:
    """As the unit's ExecReload does: the first line's exit status is the reload's."""
    unit = (Path(ims.install.__file__).parent / "units" / "ims-sensor.service").read_text()
    first, second = [line.partition("=")[2] for line in unit.splitlines() if line.startswith("ExecReload=")]
    assert first == "/opt/ims/bin/ims sensor --check-reload --config /etc/ims/sensor.toml"
    assert second == "/bin/kill -HUP $MAINPID"
    words = first.replace("/etc/ims", str(place.folder)).split()[1:]
    file = place.folder / "sensor.toml"
    with socket.create_server(("127.0.0.1", PORT)):
        file.write_text(place.sensor(metrics=f'"127.0.0.1:{PORT}"'))
        assert cli(*words).returncode == 0
    for broken, expected in (
        (place.sensor() + "[[block]", "isn't TOML"), (place.sensor(workres="2"), "line 5: unknown key 'workres'"),
        (place.sensor(block='[{name = "A", prefix = "127.0.0.0/24"}]'), "covers 127.0.0.1"),
        (place.sensor(block='[{name = "A", prefix = "198.51.100.1/24"}]'), "198.51.100.1/24"),
    ):  # fmt: skip
        file.write_text(broken)
        done = cli(*words)
        assert done.returncode == 2
        assert expected in done.stderr
        assert len(done.stderr.splitlines()) == 1
    file.unlink()
    assert "isn't there" in cli(*words).stderr
