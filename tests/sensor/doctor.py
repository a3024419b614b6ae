"""What `ims doctor` finds on a machine of the lab."""

from __future__ import annotations

import json
import subprocess

from ims.simulate.namespaces import DARK

from ..stores import IMS
from .lab import Lab

CONFIG = """
name = "a"
store = "{store}"
interfaces = ["{interface}"]
arp = {arp}
keep_age = "90d"
keep_free = "1M"
[[block]]
name = "C/24"
prefix = "{prefix}"
"""


def findings(lab: Lab, *before: str, arp: str = "true", prefix: str = DARK, interface: str = "eth0") -> dict[str, str]:
    """What isn't right, by subject; but for the clock and the user, which differ from machine to machine."""
    file = lab.folder / "s.toml"
    file.write_text(CONFIG.format(store=lab.folder / "STORE", arp=arp, prefix=prefix, interface=interface))
    command = lab.at_machine(*before, IMS, "doctor", "--config", file, "--format", "json")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = json.loads(done.stdout)
    assert done.returncode == int(any(each["level"] == "wrong" for each in found))
    assert all(each["remedy"] for each in found if each["level"] != "ok")
    return {
        each["subject"]: f"{each['level']}: {each['found']}"
        for each in found
        if each["level"] != "ok" and each["subject"] not in ("clock", "user")
    }
