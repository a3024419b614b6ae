"""What README prints runs as printed: commands, Python and SQL, a live interface and a watched folder too."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from ims.sensor.config import read_config

from ..effort import sampled
from ..stores import IMS
from .conftest import Shell
from .test_help import examples, runs_alone

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def lines(marker: str) -> list[str]:
    """The lines of the shell block that holds some text."""
    [block] = [block for block in blocks("sh") if marker in block]
    return block.strip().splitlines()


def test_the_first_command_and_the_questions_after_it(desk: Path, shell: Shell) -> None:
    first = shell("\n".join(lines("ims ingest dark.pcap")))
    assert first.returncode == 0, first.stderr
    assert re.search(r"stored +3,000", first.stdout)
    asked = lines("ims query count")
    assert len(asked) >= 7
    for line in asked:
        done = shell(f". .venv/bin/activate\n{line}")
        assert done.returncode == 0, (line, done.stderr)
        assert "nothing found" not in done.stdout, line
    assert (desk / "telnet.pcap").stat().st_size > 24

    [code] = blocks("python")
    done = shell(f"cat > example.py <<'END'\n{code}\nprint(len(ports), len(day))\nEND\npython example.py")
    assert done.returncode == 0, done.stderr
    assert all(int(number) > 0 for number in done.stdout.split())

    [query] = blocks("sql")
    with duckdb.connect() as connection:
        rows = connection.sql(query.replace("'STORE/", f"'{desk}/STORE/").rstrip().rstrip(";")).fetchall()
    assert rows == sorted(rows, key=lambda row: -row[1])
    assert 0 < len(rows) <= 10


def namespaces() -> list[str] | None:
    """How to get network and mount namespaces of one's own; None where one may not."""
    for command in (["unshare", "-n", "-m"], ["unshare", "-r", "-n", "-m"]):
        if subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0:
            return command
    return None


LIVE = {
    "README, pipe": ("pipe", next(line for line in lines("tcpdump -i eth0") if "tcpdump" in line)),
    "README, watch": ("watch", next(line for line in lines("tcpdump -i eth0") if "--watch" in line)),
    "help, pipe": ("pipe", next(line for line in examples() if not runs_alone(line) and "tcpdump" in line)),
    "help, sensor --config": ("sensor", next(line for line in examples() if "sensor --config" in line)),
    "help, sensor --interface": ("sensor", next(line for line in examples() if "sensor --interface" in line)),
    "help, sensor --policy": ("sensor", next(line for line in examples() if "--policy synack" in line)),
    "help, doctor": ("doctor", next(line for line in examples() if "ims doctor" in line)),
    "README, sensor": ("sensor", next(line for line in lines("ims sensor --interface") if "ims sensor" in line)),
    "README, doctor": ("doctor", next(line for line in lines("ims doctor --config") if "ims doctor" in line)),
    "help, watch": ("watch", next(line for line in examples() if not runs_alone(line) and "--watch" in line)),
}


ONE_OF_A_KIND = {kind: name for name, (kind, _) in reversed(LIVE.items())}.values()


@pytest.mark.parametrize("name", sampled(LIVE, ONE_OF_A_KIND))
def test_live_lines_run_as_printed(tmp_path: Path, samples: dict[int, Path], name: str) -> None:
    enter = namespaces()
    if enter is None:
        pytest.skip("network namespaces may not be made here; CI makes them")
    kind, line = LIVE[name]
    if kind != "watch" and "-r" in enter:
        pytest.skip(f"{line.split()[0]} wants to become another user, which only real root may; CI is root")
    (tmp_path / "dark.pcap").symlink_to(samples[1])
    block = re.search(r"--block (\S+)=(\S+)", line)
    narrow = block is not None and "198.51.100.0/24" not in block[0]
    wide = line.replace(block[0], f"--block {block[1]}=0.0.0.0/0") if block is not None and narrow else line
    environment = os.environ | {"PATH": f"{IMS.parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*enter, sys.executable, "-m", "tests.cli.live", kind, wide],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[-1]) == {"watch": 3000, "doctor": 0}.get(kind, 40)


def test_the_settings_that_readme_writes_are_a_sensor_s(shell: Shell, desk: Path) -> None:
    [write] = [line for line in lines("ims doctor --config") if line.startswith("printf")]
    assert shell(write).returncode == 0
    config = read_config(desk / "sensor.toml")
    assert (config.name, config.interfaces, config.block[0].name) == ("a", ("eth0",), "C/24")


def test_make_has_the_targets_that_readme_names() -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    named = set(re.findall(r"`?make ([a-z]+)`?", README)) - {"python"}
    assert named >= {"demo", "test"}
    assert named - {"it"} <= set(targets)


def test_pages_that_readme_links_to_exist() -> None:
    links = re.findall(r"\]\(([^)#]+)", README)
    assert links
    for link in links:
        assert "://" in link or (ROOT / link).exists(), link
