"""`ims portal`: what stands in its way is said in one line."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ..stores import cli


def portal(folder: Path, **settings: Any) -> subprocess.CompletedProcess[str]:
    """`ims portal`, which is to end by itself."""
    (folder / "registry.toml").touch()
    words = {
        "registry": str(folder / "registry.toml"), "accounts": str(folder / "accounts.db"),
        "audit": str(folder / "audit.jsonl"), "user": "root",
    } | settings  # fmt: skip
    tables = [name for name, value in words.items() if isinstance(value, dict)]
    lines = [f"{name} = {json.dumps(value)}" for name, value in words.items() if name not in tables]
    for name in tables:
        lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in words[name].items())]
    (folder / "portal.toml").write_text("\n".join(lines))
    return cli("portal", "--config", folder / "portal.toml")


def https(folder: Path) -> dict[str, str]:
    """A certificate for people, of our own making."""
    from ims.pki.authority import create_authority

    create_authority(folder / "PKI", "Test", 3650).issue("web", "sensor", folder / "web")
    return {"certificate": str(folder / "web" / "web.pem"), "key": str(folder / "web" / "web.key")}


def test_a_public_address_wants_an_account(tmp_path: Path) -> None:
    done = portal(tmp_path, listen="0.0.0.0:18443", https=https(tmp_path))
    assert done.returncode == 2
    assert "holds no account; make one with `ims account add NAME --role operator --accounts " in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"listen": "0.0.0.0:18443"}, "without [https]"),
        (
            {"https": {"certificate": "/nowhere/c.pem", "key": "/nowhere/k.pem"}},
            "/nowhere/c.pem isn't there; expected a certificate in PEM",
        ),
        ({"registry": "/nowhere/registry.toml"}, "/nowhere/registry.toml isn't there"),
        ({"tls": dict.fromkeys(("certificate", "key", "ca", "revoked"), "/nowhere/x.pem")}, "/nowhere/x.pem"),
        ({"audit": "/nowhere/audit.jsonl"}, "/nowhere"),
        ({"accounts": "/nowhere/accounts.db"}, "/nowhere"),
    ],
)
def test_what_will_not_do_ends_it_with_one_line(tmp_path: Path, settings: dict[str, Any], said: str) -> None:
    done = portal(tmp_path, **settings)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_an_https_certificate_that_is_none_ends_it_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "c.pem").write_text("-----BEGIN CERTIFICATE-----\nnone\n")
    done = portal(tmp_path, https={"certificate": str(tmp_path / "c.pem"), "key": str(tmp_path / "c.pem")})
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert os.fspath(tmp_path) in done.stderr or "[https]" in done.stderr
