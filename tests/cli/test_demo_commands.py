"""Commands that the demo prints run as printed, in the folder in which it ran; the portal's, while it stays."""

from __future__ import annotations

import os
import pty
import re
import select
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ims.cli import demo_live
from ims.cli.demo import BLOCK, QUESTIONS, ending
from ims.cli.demo_process import line, program

from .. import forked
from ..stores import IMS, ingest

TYPED = re.compile(r"^  \$ (.*)$", re.MULTILINE)


def typing(folder: Path, path: str) -> Callable[[str], subprocess.CompletedProcess[str]]:
    def run(line: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"PATH": path, "no_proxy": "*"}
        return subprocess.run(
            ["bash", "-c", line], cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
        )

    return run


def test_what_the_demo_says_comes_next_runs_as_printed(
    tmp_path: Path, samples: dict[int, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With an `ims` on PATH, in a folder whose name holds a space and a quote."""
    folder = Path("it's a demo")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{IMS.parent}:{os.environ['PATH']}")
    folder.mkdir()
    (folder / "dark.pcap").symlink_to(samples[1])
    ingest(folder / "store", folder / "dark.pcap", sensor="demo", blocks=(BLOCK,))
    lines = TYPED.findall("\n".join(ending(folder)))
    assert [shlex.split(line)[0] for line in lines] == ["ims", "ims", "ims", "python", "ims"]
    run = typing(tmp_path, f"{forked.ims().parent}:{IMS.parent}:/usr/bin:/bin")
    for typed in lines:
        done = run(typed)
        assert done.returncode == 0 and done.stdout, (typed, done.stderr)
    for page in re.findall(r" in (.+?\.md)", "\n".join(ending(folder))):
        assert Path(page).is_file()


def test_a_program_that_the_shell_does_not_find_is_named_by_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the shell finds another one, or none, or ours by a link."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    ours = tuple(shlex.quote(str(path)) for path in (IMS, IMS.with_name("python")))
    assert (program(), program("python")) == ours
    (tmp_path / "ims").write_text("#!/bin/sh\n")
    (tmp_path / "ims").chmod(0o755)
    (tmp_path / "python").symlink_to(Path(sys.executable).resolve())
    assert (program(), program("python")) == ours
    (tmp_path / "ims").unlink()
    (tmp_path / "ims").symlink_to(IMS)
    assert line("query", "count", "--store", "a b") == "ims query count --store 'a b'"
    monkeypatch.chdir(IMS.parents[2])
    (tmp_path / "ims").unlink()
    assert program() == ".venv/bin/ims"


def test_who_may_not_be_live_is_told_what_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    [said] = demo_live.left_out(tmp_path)
    assert said.startswith("Left out, for only root may: a live sensor") and said.endswith(f"demo --folder {tmp_path}")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(demo_live, "may_make_namespaces", lambda: False)
    assert "namespaces can't be made here" in demo_live.left_out(tmp_path)[0]
    monkeypatch.setattr(demo_live, "may_make_namespaces", lambda: True)
    monkeypatch.setattr("shutil.which", lambda name: None if name == "nmap" else str(IMS))
    assert demo_live.left_out(tmp_path) == ["Left out, for they aren't installed: probes with nmap."]


DEMO = """
import sys
from pathlib import Path
from ims.cli.demo_portal import portal_demo
portal_demo(lambda text: print(f"\\n{text}", flush=True), Path(sys.argv[1]))
"""


@contextmanager
def on_a_terminal(*words: str | Path, cwd: Path) -> Iterator[Callable[[str], str]]:
    """A process on a terminal of its own. What is yielded reads until it says something, then presses Enter where that
    is empty; it is ended at the end."""
    main, side = pty.openpty()
    with subprocess.Popen(list(map(str, words)), cwd=cwd, stdin=side, stdout=side, stderr=side) as process:
        os.close(side)
        said = b""

        def until(text: str) -> str:
            nonlocal said
            if not text:
                os.write(main, b"\n")
            while not text or text.encode() not in said:
                assert select.select([main], [], [], 300)[0], said
                try:
                    more = os.read(main, 65_536)
                except OSError:  # the other side is closed
                    more = b""
                if not more:
                    assert not text, said
                    break
                said += more
            return said.decode().replace("\r\n", "\n")

        try:
            yield until
        finally:
            process.terminate()
            os.close(main)


def test_what_the_portal_s_demo_prints_runs_as_printed_while_it_stays(tmp_path: Path, samples: dict[int, Path]) -> None:
    with on_a_terminal(sys.executable, "-c", DEMO, samples[1], cwd=tmp_path) as until:
        said = until("until you press Enter")
        lines = TYPED.findall(said)
        assert [shlex.split(line)[0] for line in lines] == [str(IMS)] * 4 + ["curl"]
        run = typing(tmp_path, "/usr/bin:/bin")
        for typed in lines:
            done = run(typed.replace(shlex.quote(str(IMS)), shlex.quote(str(forked.ims()))))
            assert done.returncode == 0 and done.stdout, (typed, done.stderr)
        assert '"token"' in done.stdout
        words = shlex.split(lines[0])
        token = words[words.index("--token-file") + 1]
        assert Path(token).exists()
        until("")
        assert not Path(token).exists()


def test_the_demo_s_questions_stand_behind_a_prompt_with_their_store(capsys: pytest.CaptureFixture[str]) -> None:
    from ims.cli import demo

    for question, words in QUESTIONS:
        demo._say(f"{question}\n{demo.typed(*words, '--store', Path('demo/store'))}")
    found = TYPED.findall(capsys.readouterr().out)
    assert len(found) == len(QUESTIONS) and all(each.endswith("--store demo/store") for each in found)
