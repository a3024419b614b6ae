"""`ims install-service`, as it is typed: a dry run, a second one, names that are none, and who may."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ..install.image import ALL, AS_ROOT, Image

pytestmark = AS_ROOT


def test_a_dry_run_says_what_is_then_done_and_does_nothing(image: Image) -> None:
    before = image.all_there_is()
    planned = image.lines("portal", "sensor", "--dry-run")
    assert image.all_there_is() == before
    done = image.lines("sensor", "portal")
    assert planned == [f"would {line}" for line in done if ": see to " not in line]
    assert "sensor: see to /etc/ims/sensor.toml, then: systemctl enable --now ims-sensor" in done


def test_a_second_installation_does_nothing(image: Image) -> None:
    image.lines(*ALL)
    before = image.all_there_is()
    assert image.lines(*ALL) == ["nothing to do"]
    assert image.lines(*ALL, "--dry-run") == ["nothing to do"]
    assert image.all_there_is() == before


@pytest.mark.parametrize(("names", "said"), [
    (["sensors"], "there is no service 'sensors'; expected sensor, queryd, portal or ship"),
    ([], "Missing argument 'SERVICE...'."),
])  # fmt: skip
def test_a_name_that_is_none_is_refused(image: Image, names: list[str], said: str) -> None:
    done = image.install(*names)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"ims: {said}\n")


AS_NOBODY = """
import contextlib, io, os, sys
import ims.cause, ims.cli, ims.query.format.display
with contextlib.redirect_stdout(io.StringIO()):
    ims.cli.app([*sys.argv[1:], "--dry-run"], standalone_mode=False)
os.setgroups([])
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
ims.cli.main()
"""
"""Imports first, by a dry run: Python may be in root's home."""


def test_only_root_installs_and_anybody_looks(image: Image) -> None:
    for folder in (image.folder, *image.folder.parents):
        if folder.owner() == "root" and folder.is_relative_to("/tmp"):  # pytest's own are 0700
            folder.chmod(folder.stat().st_mode | 0o055)
    before = image.all_there_is()

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", AS_NOBODY, "install-service", *words, "--root", image.folder]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    done = run("sensor")
    assert done.returncode == 2
    assert done.stderr == "ims: only root can install a service: run it with sudo, or look with --dry-run\n"
    looked = run("sensor", "--dry-run")
    assert looked.returncode == 0
    assert "would make the user ims, of the group ims" in looked.stdout
    assert image.all_there_is() == before
    image.lines("sensor", "ship")
    looked = run("sensor", "ship", "--dry-run")
    assert looked.returncode == 0
    assert f"can't look at {image.folder}/etc/ims/sensor.toml: root is told more" in looked.stdout
    assert "would" not in looked.stdout
