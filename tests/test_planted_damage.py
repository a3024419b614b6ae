"""Damage planted in a store, or in a lake, anywhere: each question is answered as before, or refused with the file."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import ims
from ims.lake.ship import Shipper
from ims.lake.uri import open_place
from ims.store.heartbeat import Beat, Heartbeat, boot_id, heartbeat_file, uptime
from ims.store.writer import SensorWriter
from ims.telescope import Telescope

from .effort import pick
from .shared import shared
from .store.made import NOON, coverage, packets, payloads
from .stores import MIDNIGHT, ingest, udp, write_pcap

DARK = 0xC6336400
HOUR_NS = 3600 * 10**9
ENGINES = ("Error:", "duckdb", "thrift", "TProtocol", "Arrow", "Traceback")
"""Words of libraries, which no user is to read."""


def _capture(file: Path, hours: int, first: int) -> Path:
    made = random.Random(first)
    times = sorted(MIDNIGHT + (first + made.randrange(hours)) * HOUR_NS + made.randrange(HOUR_NS) for _ in range(60))
    dark = [udp(made.randrange(1 << 32), DARK + made.randrange(256), 53 + n % 3, bytes([n % 7]) * 9) for n in range(60)]
    return write_pcap(file, zip(times, dark, strict=True))


def _make(folder: Path) -> None:
    """A store, the lake it was shipped to, and both as they were before: `now`, `before`."""
    store, lake = folder / "now" / "STORE", folder / "now" / "LAKE"
    ingest(store, _capture(folder / "1.pcap", 3, 0), sensor="a")
    ingest(store, _capture(folder / "2.pcap", 2, 1), sensor="c")
    for sensor in ("a", "c"):
        Shipper(store, open_place(lake)).ship(sensor)
    writer = SensorWriter(store, "live", lanes=1)
    for turn in range(3):  # hours that aren't finished, in one generation of the manifest
        if turn == 2:
            shutil.copytree(folder / "now", folder / "before")
        times = [NOON + turn * 1_000_000 + n for n in range(20)]
        writer.write("packets", lambda times=times: packets(times, first=100 * times[0] % 1000))
        writer.write("payloads", lambda times=times: payloads(times[:5]))
        record = {"name": "live", "first_digest": "", "frames_lost": 3 * turn}
        writer.commit({"x": record}, {"x": coverage(NOON, NOON + (turn + 1) * 1_000_000)})
    heartbeat = Heartbeat(store, "live")
    heartbeat.write(Beat(boot=boot_id(), uptime=uptime(), time=NOON / 1e6, began=1.0, storing_since=1.0))
    heartbeat.close()
    writer.close()
    ingest(store, _capture(folder / "3.pcap", 2, 7), sensor="a")
    Shipper(store, open_place(lake)).ship("a")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shared(tmp_path_factory, "planted", _make)


def _questions(telescope: Telescope) -> Iterator[Callable[[], Any]]:
    yield telescope.count
    yield lambda: telescope.count("udp and payload contains 0x01")
    yield lambda: telescope.series(bin="1h", group="sensor")
    yield lambda: telescope.top("destination_port", "dst port 53 or tcp")
    yield telescope.payloads
    yield lambda: telescope.packets(limit=1000)
    yield telescope.coverage


def _asked(place: Path) -> list[Any]:
    """What each question gives: rows and what is said of them, or an error."""
    found: list[Any] = []
    try:
        telescope = ims.open(lake=place) if place.name == "LAKE" else ims.open(place)
    except (OSError, ValueError) as error:
        return [error] * 7
    with telescope:
        for question in _questions(telescope):
            try:
                answer = question()
            except (OSError, ValueError) as error:
                found.append(error)
            else:
                rows, record = sorted(map(repr, answer.rows())), answer.record
                losing = record.losing if heartbeat_file(place, "live").exists() else LOSING
                lost = (record.frames_lost, record.payloads_lost, {name: bool(text) for name, text in losing.items()})
                found.append((rows, record.darknet_24s, record.sensors, lost))
    return found


LOSING = {"live": "its heartbeat isn't there, as of a sensor of an earlier version: what it loses now isn't known"}


def _files(place: Path) -> list[Path]:
    return sorted(path for path in place.rglob("*") if path.is_file() and path.stat().st_size)


def _flip(dice: random.Random, file: Path, _copy: Path, _before: Path) -> None:
    octets = bytearray(file.read_bytes())
    octets[dice.randrange(len(octets))] ^= 1 << dice.randrange(8)
    file.write_bytes(octets)


def _cut(dice: random.Random, file: Path, _copy: Path, _before: Path) -> None:
    octets = file.read_bytes()
    ends = [n + 1 for n, octet in enumerate(octets) if octet == 10] if dice.random() < 0.5 else []
    file.write_bytes(octets[: dice.choice(ends) if ends else dice.randrange(len(octets))])


def _zero(dice: random.Random, file: Path, _copy: Path, _before: Path) -> None:
    octets = file.read_bytes()
    begin = dice.randrange(0, len(octets), 512)
    end = min(len(octets), begin + dice.choice([512, 4096]))
    file.write_bytes(octets[:begin] + bytes(end - begin) + octets[end:])


def _delete(_dice: random.Random, file: Path, _copy: Path, _before: Path) -> None:
    file.unlink()


def _delete_folder(_dice: random.Random, file: Path, copy: Path, _before: Path) -> None:
    if file.parent == copy:
        file.unlink()
    else:
        shutil.rmtree(file.parent)


def _swap(dice: random.Random, file: Path, copy: Path, _before: Path) -> None:
    others = [other for other in _files(copy) if other != file and other.suffix == file.suffix]
    if others:
        other = dice.choice(others)
        mine, theirs = file.read_bytes(), other.read_bytes()
        file.write_bytes(theirs)
        other.write_bytes(mine)


def _put_back(dice: random.Random, _file: Path, copy: Path, before: Path) -> None:
    """An older version of a file that has changed since."""
    olds = [old for old in _files(before) if (copy / old.relative_to(before)).exists()]
    changed = [old for old in olds if old.read_bytes() != (copy / old.relative_to(before)).read_bytes()]
    old = dice.choice(changed)
    shutil.copyfile(old, copy / old.relative_to(before))


DAMAGES = (_flip, _flip, _flip, _flip, _cut, _zero, _delete, _delete_folder, _swap, _put_back)


@pytest.mark.parametrize("kind", ["STORE", "LAKE"])
def test_of_200_planted_damages_none_answers_silently_wrong(tmp_path: Path, made: Path, kind: str) -> None:
    right = _asked(made / "now" / kind)
    assert not any(isinstance(answer, Exception) for answer in right)
    outcomes: Counter[str] = Counter()
    silent = []
    for number in range(pick(200, 12)):
        dice = random.Random(f"{kind} {number}")
        copy = tmp_path / f"{number}" / kind
        shutil.copytree(made / "now" / kind, copy)
        damage = DAMAGES[number % len(DAMAGES)]
        file = _chosen(dice, copy)
        damage(dice, file, copy, made / "before" / kind)
        told = set()
        for question, (answer, expected) in enumerate(zip(_asked(copy), right, strict=True)):
            if isinstance(answer, Exception):
                told.add("refused")
                text = str(answer)
                named = text if not isinstance(answer, OSError) else f"{answer.filename} {text}"
                assert str(copy) in named, (number, damage.__name__, file, text)
                assert "\n" not in text and not any(word in text for word in ENGINES), text
            elif answer != expected:
                silent.append((number, damage.__name__, str(file.relative_to(copy)), question))
            else:
                told.add("right")
        outcomes[" and ".join(sorted(told))] += 1
        shutil.rmtree(copy)
    assert not silent, "\n".join(map(str, silent))
    assert outcomes["right"] and outcomes["refused"], outcomes


def _chosen(dice: random.Random, copy: Path) -> Path:
    """A file of each kind as often: there are more parts than anything else."""
    kinds: dict[tuple[str, str], list[Path]] = {}
    for path in _files(copy):
        table = next((part for part in path.relative_to(copy).parts if part in ims_tables()), path.parent.name)
        kinds.setdefault((table, path.suffix), []).append(path)
    return dice.choice(kinds[dice.choice(sorted(kinds))])


def ims_tables() -> tuple[str, ...]:
    return ("packets", "payloads", "coverage", "frames_raw")
