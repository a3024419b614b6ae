from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from hypothesis import given
from hypothesis import strategies as st

from ims.pki.authority import Authority
from ims.pki.certificate import new_key
from ims.pki.pem import MOST_OCTETS, key_pem, parse_certificate, parse_certificates, parse_key, read_file, read_secret

from ..stores import LIKE_OTHERS


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "a.key"
    path.write_bytes(key_pem(new_key()))
    path.chmod(0o600)
    return path


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "long").touch()
    os.truncate(tmp_path / "long", MOST_OCTETS + 1)
    for name, says in {
        "none": "none isn't there; expected a certificate",
        ".": "is a folder; expected a certificate",
        "pipe": "pipe is no file; expected a certificate",
        "long": "long is longer than 16 MiB",
        "long/er": "er isn't there",
    }.items():
        with pytest.raises((ValueError, OSError), match=says):
            read_file(tmp_path / name, "a certificate")


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o602, 0o606, 0o620, 0o601, 0o777])
def test_a_key_that_others_may_read_is_refused(key: Path, mode: int) -> None:
    key.chmod(mode)
    with pytest.raises(
        PermissionError, match=rf"a.key is accessible to others \(mode 0{mode:o}\); expected `chmod 600 "
    ):
        read_secret(key)


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_key_of_one_s_own_is_read(key: Path, mode: int) -> None:
    key.chmod(mode)
    assert read_secret(key) == key.read_bytes()


def test_a_group_may_read_what_root_owns(key: Path) -> None:
    key.chmod(0o640)
    if os.geteuid() == 0:
        assert read_secret(key)
    else:
        with pytest.raises(PermissionError, match="mode 0640"):
            read_secret(key)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file away; CI is root")
def test_a_key_of_somebody_else_s_is_refused(key: Path) -> None:
    os.chown(key, 12345, -1)
    with pytest.raises(PermissionError, match="belongs to user 12345"):
        read_secret(key)


def test_a_file_that_may_not_be_read_is_said_so(key: Path) -> None:
    key.chmod(0)
    asked = f"from pathlib import Path; from ims.pki.pem import read_secret; read_secret(Path({str(key)!r}))"
    words = [*LIKE_OTHERS, sys.executable, "-c", asked]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    owner = f"{key.owner()}:{key.group()}"
    assert (
        f"may not be read by this user: it has mode 0000 and belongs to {owner}; expected a private key"
        in done.stderr.splitlines()[-1]
    )


def test_keys_of_other_kinds_are_refused() -> None:
    kind = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
    other = ed25519.Ed25519PrivateKey.generate().private_bytes(*kind, serialization.NoEncryption())
    with pytest.raises(ValueError, match=r"a.key holds a key of another kind"):
        parse_key(other, "a.key")
    locked = new_key().private_bytes(*kind, serialization.BestAvailableEncryption(b"secret"))
    with pytest.raises(ValueError, match=r"a.key is locked with a passphrase"):
        parse_key(locked, "a.key")


def test_files_that_were_mixed_up_are_told(pki: Authority) -> None:
    with pytest.raises(ValueError, match="holds no private key in PEM; found a certificate"):
        parse_key(pki.pem, "ca.pem")
    with pytest.raises(ValueError, match="holds no certificate in PEM; found a private key"):
        parse_certificate((pki.folder / "ca.key").read_bytes(), "ca.key")
    with pytest.raises(ValueError, match="found a list of revoked certificates"):
        parse_certificate((pki.folder / "revoked.pem").read_bytes(), "revoked.pem")
    with pytest.raises(ValueError, match="x holds no certificate in PEM; it is empty"):
        parse_certificate(b"\n", "x")
    with pytest.raises(ValueError, match="x holds 2 certificates; expected one"):
        parse_certificate(pki.pem * 2, "x")


@given(st.binary(max_size=200), st.booleans())
def test_damaged_pem_is_an_error_of_one_kind(octets: bytes, der: bool) -> None:
    import base64

    text = octets
    if der:
        text = b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(octets) + b"-----END CERTIFICATE-----\n"
    for parse in (parse_certificates, parse_key):
        with pytest.raises(ValueError, match=r"^x holds no "):
            parse(text, "x")
