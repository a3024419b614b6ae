"""`ims simulate` as people type it: what it writes, and one line for what can't be."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from pathlib import Path

import pytest

from ims.simulate.scenario.scenario import SCENARIOS, scenario_names

from ..stores import IMS, cli
from .refused import refused

SMALL = """
title = "small"
start = 2026-03-04T00:00:00Z
duration = "1h"
[[block]]
name = "C/24"
prefix = "198.51.100.0/24"
[[background]]
name = "background"
sources = 100
packets_per_24 = 20_000
ports = { "tcp/80" = 1, "udp/53" = 1 }
"""


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    (tmp_path / "small.toml").write_text(SMALL)
    (tmp_path / "folder").mkdir()
    (tmp_path / "no.toml").write_text("title = ")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "key.toml").write_text(SMALL + "sorces = 3\n")
    (tmp_path / "tail.toml").write_text(SMALL + "tail_ports = 20000\n")
    (tmp_path / "strange.toml").write_text(SMALL.replace('"tcp/80"', '"a\\nb\\u001b[31m"'))
    return tmp_path


def test_a_scenario_of_one_s_own_is_written_with_its_truth(desk: Path) -> None:
    done = cli("simulate", "small.toml", "--out", "a.pcap", "--truth", "a.json", cwd=desk)
    assert done.returncode == 0, done.stderr
    truth = json.loads((desk / "a.json").read_text())
    assert f"{truth['packets']:,} packets to 1 /24 from 2026-03-04T00:00:00Z, seed 1:" in done.stdout
    assert (truth["seed"], truth["scale"], truth["scenario"]) == (1, 1.0, "small")
    again = cli("simulate", "small.toml", "--out", "b.pcap", "--seed", "2", "--scale", "0.5", cwd=desk)
    assert again.returncode == 0
    assert 0.3 < (desk / "b.pcap").stat().st_size / (desk / "a.pcap").stat().st_size < 0.7
    ims = shlex.quote(str(IMS))
    line = f"{ims} simulate small.toml --out - | {ims} ingest - --store S --sensor a --block C/24=198.51.100.0/24"
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", f"{line} --format json"], cwd=desk, capture_output=True,
                          text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["stored"] == truth["packets"]


def test_ours_are_listed_and_shown() -> None:
    listed = cli("simulate", "--list").stdout.splitlines()
    assert [line.split()[0] for line in listed] == scenario_names()
    assert len(listed) == 12
    assert cli("simulate", "--show", "flood").stdout == (SCENARIOS / "flood.toml").read_text()


WORDS = {
    (): "expected a scenario",
    ("small.toml",): "expected --out FILE, or --interface IF",
    ("small.toml", "--out", "x", "--interface", "lo"): "not both",
    ("smal.toml", "--out", "x"): "smal.toml isn't there",
    ("folder/", "--out", "x"): "folder",
    ("blaster", "--out", "x"): "there is no scenario 'blaster'; meant blaster-200",
    ("no.toml", "--out", "x"): "no.toml isn't TOML",
    ("binary.toml", "--out", "x"): "binary.toml isn't text in UTF-8",
    ("key.toml", "--out", "x"): "key.toml: unknown key 'sorces' in background.0; meant sources?",
    ("tail.toml", "--out", "x"): "services, tail ports included; at most 4096 fit",
    ("strange.toml", "--out", "x"): "port 'a\\nb\\x1b[31m'",
    ("small.toml", "--out", "x", "--scale", "0"): "--scale 0",
    ("small.toml", "--out", "x", "--scale", "nan"): "--scale nan",
    ("small.toml", "--out", "x", "--scale", "1e9"): "--scale 1e+09",
    ("small.toml", "--out", "x", "--scale", "half"): "--scale",
    ("small.toml", "--out", "x", "--seed", "-1"): "--seed",
    ("small.toml", "--out", "x", "--seed", "1e400"): "--seed",
    ("small.toml", "--out", "x", "--speed", "nan"): "--speed",
    ("small.toml", "--out", "x", "--speed", "-1"): "--speed",
    ("small.toml", "--out", "none/x"): "none/x: No such file or directory",
    ("small.toml", "--out", "folder"): "folder: Is a directory",
    ("small.toml", "--out", "x", "--truth", "none/t"): "--truth none/t: there is no folder none",
    ("small.toml", "--out", "x", "--truth", "folder"): "--truth folder is a folder",
    ("small.toml", "--out", "x", "--truth", "x"): "--out and --truth are both x",
    ("small.toml", "--interface", "none7"): "none7",
    ("small.toml", "--out", "x", "--sede", "1"): "--sede",
    ("--show", "flod"): "there is no scenario 'flod'; meant flood?",
}


@pytest.mark.parametrize("words", WORDS)
def test_words_that_make_no_sense_are_refused(desk: Path, words: tuple[str, ...]) -> None:
    refused(without_news(cli("simulate", *words, cwd=desk)), WORDS[words])
    assert not (desk / "x").exists()


def test_a_capture_that_is_there_stays_as_it_is_when_the_scenario_can_t_be_played(desk: Path) -> None:
    (desk / "old.pcap").write_bytes(b"of value")
    refused(without_news(cli("simulate", "tail.toml", "--out", "old.pcap", cwd=desk)), "services")
    assert (desk / "old.pcap").read_bytes() == b"of value"


def test_the_machine_s_own_interfaces_are_refused(desk: Path) -> None:
    """The loopback may well lead to others here: only veth, or a namespace of one's own, is private."""
    if os.geteuid() != 0:
        pytest.skip("asking for a raw socket wants root")
    done = without_news(cli("simulate", "small.toml", "--interface", "lo", cwd=desk))
    refused(done, "lo")


def without_news(done: subprocess.CompletedProcess[str]) -> subprocess.CompletedProcess[str]:
    """Kernels may be compiled first, which is told in a line of its own."""
    lines = done.stderr.splitlines(keepends=True)
    done.stderr = "".join(line for line in lines if not line.startswith("ims: compiling"))
    return done
