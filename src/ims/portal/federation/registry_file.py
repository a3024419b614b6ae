"""Entries of a registry's file: compared with what sensors say now, and added without changing the others."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import tempfile
import tomllib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ims.pki.credentials import Credentials
from ims.portal.federation.fault import Fault
from ims.portal.federation.merge import MergeEngines
from ims.portal.federation.registry import RegisteredSensor, checked_registry
from ims.portal.federation.sensor_identity import SensorIdentity, ask_identity
from ims.store.schema import sync_folder

AT_ONCE = 16
MERGING_OCTETS = 256 << 20


@dataclass(frozen=True)
class Comparison:
    """One entry, and what was found. `wrong`: each disagreement in one line, with both sides."""

    sensor: RegisteredSensor
    found: SensorIdentity | None
    wrong: tuple[str, ...]


def compare(sensors: Sequence[RegisteredSensor], credentials: Credentials | None) -> list[Comparison]:
    """Ask all of them at once, and compare each with its entry; several host names of one daemon are found, too."""
    merging = MergeEngines(1, MERGING_OCTETS)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        identities = list(pool.map(lambda sensor: _identity(sensor, credentials, merging), sensors))
        places = list(pool.map(_places, sensors))
    comparisons = []
    for number, (sensor, found) in enumerate(zip(sensors, identities, strict=True)):
        wrong = [found] if isinstance(found, str) else disagreements(sensor, found)
        for before, other, there in zip(sensors[:number], identities, places, strict=False):
            if there & places[number]:
                wrong.append(f"its address {sensor.address} is that of {before.name!r}, {before.address}")
            if not isinstance(found, str) and not isinstance(other, str) and "" != found.store == other.store:
                wrong.append(f"its store is that of {before.name!r}, or a copy of it")
        comparisons.append(Comparison(sensor, None if isinstance(found, str) else found, tuple(wrong)))
    return comparisons


def disagreements(sensor: RegisteredSensor, found: SensorIdentity) -> list[str]:
    """Where an entry and the sensor differ."""
    wrong = []
    if found.identity is not None:
        if found.identity.name != sensor.name:
            wrong.append(f"its certificate is that of {found.identity.name!r}; the registry calls it {sensor.name!r}")
        if found.identity.serial != sensor.serial:
            wrong.append(f"its certificate has serial {found.identity.serial}; the registry says {sensor.serial}")
    wrong += [
        f"its store holds sensor {name!r}; the registry allows {', '.join(sensor.names)}"
        for name in found.sensors
        if name not in sensor.names
    ]
    registered = sorted((block.name, block.prefix) for block in sensor.block)
    if registered and found.blocks and tuple(registered) != found.blocks:
        wrong.append(f"it watches {_blocks(found.blocks)}; the registry says {_blocks(registered)}")
    return wrong


def entry(sensor: RegisteredSensor) -> str:
    """An entry, in TOML."""
    lines = ["[[sensor]]"]
    for name in ("name", "address", "serial", "organisation", "time_zone"):
        value = getattr(sensor, name)
        if value not in (None, "") and not (name == "time_zone" and value == "UTC"):
            lines.append(f"{name} = {_quoted(value)}")
    if sensor.sensors:
        lines.append(f"sensors = [{', '.join(_quoted(name) for name in sensor.sensors)}]")
    for block in sensor.block:
        lines += ["", "[[sensor.block]]", f"name = {_quoted(block.name)}", f"prefix = {_quoted(block.prefix)}"]
    return "\n".join(lines) + "\n"


def add_entry(path: Path, sensor: RegisteredSensor) -> None:
    """Append an entry; comments, the file's mode and its owner stay, and readers see the old file or the new one.
    Raises ValueError, with nothing changed, where the whole would be no registry, and OSError."""
    path = Path(os.path.realpath(path, strict=True))  # a link stays one
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)  # two may add at once
        text = path.read_text(encoding="utf-8")
        whole = text.rstrip("\n") + "\n\n" * bool(text.strip()) + entry(sensor)
        try:
            checked_registry(tomllib.loads(whole), f"{path}: ")
        except tomllib.TOMLDecodeError as error:
            raise ValueError(f"{path}: an entry can't be appended to it ({error})") from None
        known = path.stat()
        with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.", delete=False) as aside:
            try:
                os.fchmod(aside.fileno(), known.st_mode & 0o7777)
                if (known.st_uid, known.st_gid) != (os.geteuid(), os.getegid()):
                    os.fchown(aside.fileno(), known.st_uid, known.st_gid)
                aside.write(whole)
                aside.flush()
                os.fsync(aside.fileno())
                Path(aside.name).replace(path)
            except BaseException:
                Path(aside.name).unlink(missing_ok=True)
                raise
        sync_folder(path.parent)
    finally:
        os.close(folder)


def _identity(sensor: RegisteredSensor, credentials: Credentials | None, merging: MergeEngines) -> SensorIdentity | str:
    try:
        return ask_identity(sensor, credentials, merging)
    except Fault as fault:
        return fault.for_operators


def _places(sensor: RegisteredSensor) -> set[tuple[object, ...]]:
    """The addresses and ports of its host; none where no name server knows it."""
    try:
        return {place[4][:2] for place in socket.getaddrinfo(sensor.host, sensor.port, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError):
        return set()


def _blocks(blocks: Iterable[tuple[str, str]]) -> str:
    return ", ".join(f"{name}={prefix}" for name, prefix in blocks)


def _quoted(text: str) -> str:
    """A basic string of TOML; JSON's escapes are among TOML's."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
