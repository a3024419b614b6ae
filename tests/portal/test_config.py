"""Settings of a portal: nothing is served in plain text beyond loopback, nor without an account."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ims.portal.config import checked_portal, read_portal_config

FILES = {"registry": "r.toml", "accounts": "a.db", "audit": "a.jsonl"}
HTTPS = {"certificate": "c.pem", "key": "k.pem"}


def test_three_files_are_enough_on_loopback() -> None:
    found = checked_portal(FILES)
    assert (found.listen, found.is_local, found.https, found.tls) == ("127.0.0.1:8443", True, None, None)
    assert found.secrecy.viewer_delay == 3600
    assert (found.deadline, found.memory) == (30.0, 256 << 20)


@pytest.mark.parametrize("listen", ["0.0.0.0:443", "[::]:443", "192.0.2.1:8443"])
def test_a_public_address_wants_https(listen: str) -> None:
    with pytest.raises(ValueError, match=r"without \[https\]: only loopback may be listened on in plain text"):
        checked_portal({**FILES, "listen": listen})
    assert not checked_portal({**FILES, "listen": listen, "https": HTTPS}).is_local


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({}, "registry is missing: file of sensors"),
        ({**FILES, "regestry": "x"}, "unknown key 'regestry'; meant registry?"),
        ({**FILES, "https": {"certificate": "x"}}, "https.key is missing"),
        ({**FILES, "secrecy": {"viewer_dely": 1}}, "unknown key 'viewer_dely' in secrecy; meant viewer_delay?"),
        ({**FILES, "secrecy": {"viewer_delay": "soon"}}, "secrecy.viewer_delay = 'soon': expected a number of seconds"),
        ({**FILES, "deadline": 0}, "deadline = 0: "),
        ({**FILES, "deadline": float("nan")}, "deadline = nan: "),
        ({**FILES, "memory": "1M"}, "memory = '1M': expected 128M or more"),
        ({**FILES, "memory": 2**20}, "memory = 1048576: expected 134217728 or more"),
        ({**FILES, "memory": "2048T"}, "memory = '2048T': expected 1024T or less"),
        ({**FILES, "deadline": 1e9}, "deadline = 1000000000.0: expected 600.0 or less"),
        ({**FILES, "deadline": "0.1"}, "deadline = '0.1': expected 0.5 or more"),
        ({**FILES, "audit_age": "1h"}, "audit_age = '1h': expected 86400"),
        ({**FILES, "audit_age": "40000d"}, "audit_age = '40000d': expected 3162240000"),
        ({**FILES, "mmdb": ["x.mmdb"] * 17}, "mmdb: expected at most 16 files; found 17"),
        ({**FILES, "mmdb": "x.mmdb"}, "mmdb = 'x.mmdb': "),
        ({**FILES, "rows": "1"}, "rows = '1': expected 1000 or more"),
        ({**FILES, "listen": "portal.example.net:443"}, "listen = 'portal.example.net:443': "),
    ],
)
def test_what_is_wrong_is_said_in_one_line(data: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError) as caught:
        checked_portal(data, "portal.toml: ")
    assert str(caught.value).startswith(f"portal.toml: {said}")
    assert len(str(caught.value).splitlines()) == 1


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "portal.toml"
    with pytest.raises(ValueError, match=r"portal.toml isn't there; docs/deploy.md has an example"):
        read_portal_config(path)
    path.write_text('registry = "r"\naccounts = "a"\naudit = "u"\n[secrecy]\nviewer_delay = "2h"')
    assert read_portal_config(path).secrecy.viewer_delay == 7200
