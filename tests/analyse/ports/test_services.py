"""IANA's names, and what is well known."""

from __future__ import annotations

import re
from pathlib import Path

from ims.analyse.ports.services import services


def test_names_are_iana_s() -> None:
    names = services().names
    assert (names["tcp", 445], names["udp", 1434], names["tcp", 2745]) == ("microsoft-ds", "ms-sql-m", "urbisnet")
    assert ("tcp", 6129) not in names
    assert len(names) > 11_000


def test_well_known_ports_are_system_ports_in_use() -> None:
    known = services().well_known
    assert {22, 25, 53, 80, 135, 137, 139, 443, 445} <= known
    assert not known & {559, 1023, 1433, 2745, 4899, 10080, 27374}
    assert max(known) < 1024


def test_its_date_is_in_the_docs() -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", services().date)
    assert services().date in (Path(__file__).parents[3] / "docs" / "analyses.md").read_text()
