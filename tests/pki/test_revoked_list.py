from __future__ import annotations

import shutil
import subprocess
from datetime import datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from ims.pki.authority import Authority
from ims.pki.certificate import new_serial, serial_text
from ims.pki.pem import pem
from ims.pki.revoked_list import entry_of, number_of, read_lists, serials_of, sign_list

from .conftest import credentials
from .test_certificate import needs_openssl, openssl


def test_numbers_grow_within_a_second_and_from_a_backup(pki: Authority, now: datetime) -> None:
    first = sign_list([], pki.certificate, pki.key, now)
    second = sign_list([], pki.certificate, pki.key, now, number_of(first))
    behind = sign_list([], pki.certificate, pki.key, now - timedelta(hours=5), number_of(second))
    later = sign_list([], pki.certificate, pki.key, now + timedelta(hours=5), number_of(first))
    assert number_of(first) < number_of(second) < number_of(behind) < number_of(later)


def test_the_newest_of_several_counts(pki: Authority, now: datetime) -> None:
    serial = serial_text(new_serial())
    old = sign_list([], pki.certificate, pki.key, now)
    new = sign_list([entry_of(serial, now)], pki.certificate, pki.key, now, number_of(old))
    for text in (pem(old) + pem(new), pem(new) + pem(old)):
        assert list(serials_of(read_lists(text, [pki.certificate], "x")[0])) == [serial]


def test_a_list_of_a_part_is_refused(pki: Authority, now: datetime) -> None:
    delta = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(pki.certificate.subject)
        .last_update(now)
        .next_update(now + timedelta(days=1))
        .add_extension(x509.CRLNumber(2), critical=False)
        .add_extension(x509.DeltaCRLIndicator(1), critical=True)
        .sign(pki.key, hashes.SHA256())
    )
    with pytest.raises(ValueError, match="x is not a whole list"):
        read_lists(pem(delta), [pki.certificate], "x")


@needs_openssl
def test_openssl_reads_the_same_list_and_refuses_the_revoked(pki: Authority) -> None:
    ca, crl = pki.folder / "ca.pem", pki.folder / "revoked.pem"
    for name in ("portal", "operator"):
        pki.revoke(credentials(pki, name).identity.serial)
        text = openssl("crl", "-in", crl, "-CAfile", ca, "-noout", "-text")
        assert f"Serial Number: {credentials(pki, name).identity.serial.upper()}" in text

    def verify(name: str) -> str:
        words = ["-crl_check", "-CAfile", ca, "-CRLfile", crl, pki.folder / "out" / name / f"{name}.pem"]
        done = subprocess.run(["openssl", "verify", *map(str, words)], capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    assert verify("sensor").endswith("OK\n")
    assert "certificate revoked" in verify("portal")
    assert "certificate revoked" in verify("operator")


@needs_openssl
def test_openssl_finds_the_signature_good(pki: Authority, foreign: Authority) -> None:
    for authority, says in ((pki, "verify OK"), (foreign, "verify failure")):
        words = ["crl", "-in", pki.folder / "revoked.pem", "-CAfile", authority.folder / "ca.pem", "-noout"]
        done = subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True, check=False)
        assert says in done.stderr
    assert shutil.which("openssl")
