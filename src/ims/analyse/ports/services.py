"""Names of ports, by IANA's "Service Name and Transport Protocol Port Number Registry", and which are well known.

Well known is a System Port (0 to 1023, "also known as the Well Known Ports": RFC 6335, section 6) whose service is in
use by Debian's list (/etc/services of its package netbase). Most ports have a name in IANA's table, backdoors' too:
2745 is urbisnet. scripts/make_services.py makes the table.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class Services:
    """`date`: of the table; names by protocol and port; ports that are well known, of either protocol."""

    date: str
    names: dict[tuple[str, int], str]
    well_known: frozenset[int]


@cache
def services() -> Services:
    """The table that comes with the package."""
    first, *lines = (files("ims.analyse.ports") / "services.tsv").read_text("ascii").splitlines()
    names: dict[tuple[str, int], str] = {}
    well_known = set()
    for line in lines:
        port, protocols, name, mark = line.split("\t")
        if mark:
            well_known.add(int(port))
        if name:
            names |= {(protocol, int(port)): name for protocol in protocols.split(",")}
    return Services(first.removeprefix("# "), names, frozenset(well_known))
