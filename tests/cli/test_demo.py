"""`ims demo`: a scenario, its store, and no answer that differs from what was planted; and what fails, in one line.

The whole demo, with its sensor and its daemons, is run by `.ci/demo`, as root and as an ordinary user.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

import ims
from ims.cli import demo as demo_module
from ims.cli.demo import PLANTED, store_demo

from ..store.full_disk import small_disk
from ..stores import IMS, cli
from .refused import refused


@pytest.mark.exhaustive  # .ci/run runs `make demo` whole, which fails where an answer isn't what was planted
def test_the_store_answers_what_was_planted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "demo with a space"
    store_demo(folder)
    said = capsys.readouterr().out
    assert "differs" not in said
    truth = json.loads((folder / "dark.json").read_text())
    planted = {event["name"] for event in truth["events"]}
    assert planted - {"background"} == {name for name, _ in PLANTED}
    for name, filter in PLANTED:
        assert any(name in line and filter in line for line in said.splitlines()), name
    with ims.open(folder / "store") as telescope:
        hours = telescope.series("tcp dst port 4321", bin="1h", metric="sources").table.column("value").to_pylist()
    peak = hours.index(max(hours))
    assert hours[:3] == [0, 0, 0]
    assert 9 <= peak <= 11
    assert hours[3:peak] == sorted(hours[3:peak])
    assert 0 < hours[-1] < 0.15 * hours[peak]
    truth["events"][1]["packets"] += 1
    (folder / "dark.json").write_text(json.dumps(truth))
    with pytest.raises(OSError, match=f"the store's answers aren't what was planted: {truth['events'][1]['name']}"):
        demo_module._compare(folder / "store", folder / "dark.json")


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    done = cli("demo", "--folder", tmp_path)
    assert (done.returncode, done.stderr) == (
        2, f"ims: {tmp_path} holds other files than a demo's; give another --folder\n",
    )  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize(
    ("octets", "taken", "named"),
    [
        (4096, 4096, "dark.toml"),
        (8192, 0, "dark.pcap"),
        (4 << 20, 0, "dark.json"),
        (4500 << 10, 0, "store/"),
    ],
)
def test_a_full_disk_is_one_line_that_names_the_file(tmp_path: Path, octets: int, taken: int, named: str) -> None:
    """`taken`: of the room, before the demo begins."""
    disk = tmp_path / "disk"
    with small_disk(disk, octets) as mounted:
        if not mounted:
            pytest.skip("file systems can't be mounted here; CI is root")
        (disk / "other").write_bytes(bytes(taken))
        done = subprocess.run(
            [IMS, "demo", "--folder", disk / "demo"], capture_output=True, text=True, timeout=300, check=False
        )
    line = done.stderr.splitlines()[-1]
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
    assert line.startswith(f"ims: {disk}/demo/{named}") and line.endswith(": No space left on device"), line


def test_a_tool_that_fails_is_no_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        subprocess.run(["false"], check=True)

    monkeypatch.setattr(demo_module, "store_demo", fails)
    with pytest.raises(OSError, match=r"a step of the demo failed: .*'false'.* exit status 1"):
        demo_module.demo(tmp_path)


def test_what_a_demo_left_that_was_killed_is_no_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo_module, "_run", stop)
    for name in ("dark.pcap", "udp.pcap", ".udp.pcap.k2_x9"):
        (tmp_path / name).touch()
    (tmp_path / "store" / "packets").mkdir(parents=True)
    with pytest.raises(KeyboardInterrupt):
        store_demo(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["dark.toml"]


def test_the_demo_leaves_other_files_alone(bench: Path) -> None:
    refused(cli("demo", "--folder", bench), "holds other files than a demo's")
