"""Units follow the place where ims is installed, and the code: whoever runs kernels may have executable memory."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from ims.install.service import SERVICES
from ims.install.unit import refuse_unreachable, unit_text

from ..stores import IMS, needs_programs

PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN = 65, 1
"""What MemoryDenyWriteExecute= asks of the kernel (PR_SET_MDWE(2const))."""


def test_the_usual_place_is_that_of_the_files() -> None:
    for name in SERVICES:
        assert f"\nExecStart=/opt/ims/bin/ims {name} " in unit_text(name, Path("/opt/ims"))


@needs_programs("systemd-analyze")
@pytest.mark.parametrize("name", SERVICES)
def test_any_place_will_do(name: str, tmp_path: Path) -> None:
    place = tmp_path / "a %h $b"
    (place / "bin").mkdir(parents=True)
    (place / "bin" / "ims").symlink_to("/bin/true")
    text = unit_text(name, place)
    assert "/opt/ims" not in text
    unit = tmp_path / f"ims-{name}.service"
    unit.write_text(re.sub(r"^(User|Group)=ims.*$", r"\1=daemon", text, flags=re.MULTILINE))
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert f"ims-{name}" not in done.stderr
    (place / "bin" / "ims").unlink()  # it was this one that was looked for
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert f"{place}/bin/ims is not executable" in done.stderr


@pytest.mark.parametrize(("place", "said"), [
    ("/root/ims", "units hide /root"), ("/home/somebody/ims", "units hide /home"), ("/tmp/ims", "units hide /tmp"),
    ("/var/tmp/x/.venv", "units hide /var/tmp"), ('/srv/"ims"', "expected a path without quotes"),
])  # fmt: skip
def test_a_program_that_units_hide_is_refused(place: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        refuse_unreachable(Path(place))
    refuse_unreachable(Path("/srv/ims"))


def without_new_machine_code() -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def test_no_unit_forbids_new_machine_code_without_which_none_runs(three_stores: list[Path], tmp_path: Path) -> None:
    """Kernels can neither be compiled nor loaded under MemoryDenyWriteExecute=. Shipping, which has fewest, needs some:
    it finishes the last hours of a sensor that was killed. Were it to need none any more, its unit should forbid them."""
    store = tmp_path / "store"
    shutil.copytree(three_stores[0], store)
    words: list[str | Path] = [IMS, "ship", "--store", store, "--to", tmp_path / "lake"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, preexec_fn=without_new_machine_code)
    assert "cannot allocate executable memory" in done.stderr
    assert not any("\nMemoryDenyWriteExecute=yes\n" in unit_text(name, Path("/opt/ims")) for name in SERVICES)
