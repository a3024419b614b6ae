from __future__ import annotations

import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from ims.pki.authority import Authority
from ims.pki.certificate import (
    identity_of,
    is_authority,
    issued_by,
    make_authority,
    make_certificate,
    new_key,
    new_serial,
)
from ims.pki.pem import parse_certificate

from .conftest import ROLES, credentials

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl isn't installed")


def openssl(*words: object) -> str:
    return subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True, check=True).stdout


def test_serial_numbers_are_32_digits_and_positive() -> None:
    serials = {new_serial() for _ in range(1000)}
    assert len(serials) == 1000
    for serial in serials:
        assert 0 < serial < 1 << 127
        assert re.fullmatch("[1-7][0-9a-f]{31}", f"{serial:x}")


@pytest.mark.parametrize("role", ROLES)
def test_a_certificate_says_who_it_is_first(pki: Authority, role: str) -> None:
    certificate = credentials(pki, role).parsed
    names = list(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    serial = f"{certificate.serial_number:x}"
    assert names == [
        x509.UniformResourceIdentifier(f"ims:{role}:{role}:{serial}"),
        x509.DNSName(f"{serial}.{role}.ims"),
    ]
    assert identity_of(certificate) == (role, role, serial)


@needs_openssl
@pytest.mark.parametrize("role", ROLES)
def test_openssl_reads_the_same(pki: Authority, role: str) -> None:
    path = pki.folder / "out" / role / f"{role}.pem"
    text = openssl("x509", "-in", path, "-noout", "-text")
    serial = credentials(pki, role).identity.serial
    purpose = "TLS Web Server Authentication" if role == "sensor" else "TLS Web Client Authentication"
    assert re.search(rf"Extended Key Usage: *\n +{purpose}\n", text)
    assert f"URI:ims:{role}:{role}:{serial}, DNS:{serial}.{role}.ims\n" in text
    assert "CA:FALSE" in text
    assert "prime256v1" in text
    shown = openssl("x509", "-in", path, "-noout", "-serial").strip()
    assert shown == f"serial={serial.upper()}"
    assert "CA:TRUE, pathlen:0" in openssl("x509", "-in", pki.folder / "ca.pem", "-noout", "-text")


@needs_openssl
@pytest.mark.parametrize("role", ROLES)
def test_openssl_verifies_each_for_its_purpose_alone(pki: Authority, foreign: Authority, role: str) -> None:
    path = pki.folder / "out" / role / f"{role}.pem"
    right, wrong = ("sslserver", "sslclient") if role == "sensor" else ("sslclient", "sslserver")

    def verifies(purpose: str, authority: Authority) -> bool:
        words = ["-x509_strict", "-purpose", purpose, "-CAfile", authority.folder / "ca.pem", path]
        return subprocess.run(["openssl", "verify", *map(str, words)], capture_output=True, check=False).returncode == 0

    assert verifies(right, pki)
    assert not verifies(wrong, pki)
    assert not verifies(right, foreign)


def test_an_authority_of_the_same_name_did_not_issue_it(pki: Authority, foreign: Authority) -> None:
    certificate = credentials(pki, "sensor").parsed
    assert certificate.issuer == foreign.certificate.subject
    assert issued_by(certificate, pki.certificate)
    assert not issued_by(certificate, foreign.certificate)


def test_a_sensor_can_not_issue(pki: Authority, now: datetime) -> None:
    sensor = credentials(pki, "sensor")
    key = new_key()
    forged = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(sensor.parsed.subject)
        .public_key(key.public_key())
        .serial_number(new_serial())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(_key(sensor.key), hashes.SHA256())
    )
    assert not is_authority(sensor.parsed)
    assert not issued_by(forged, sensor.parsed)


def _key(pem: bytes) -> object:
    from ims.pki.pem import parse_key

    return parse_key(pem, "key")


def test_no_certificate_outlives_its_authority(now: datetime) -> None:
    key = new_key()
    authority = make_authority(key, "Test", now, 100)
    made = make_certificate(new_key().public_key(), "sensor", "a", authority, key, now, 100)
    assert made.not_valid_after_utc == authority.not_valid_after_utc
    assert made.not_valid_before_utc == authority.not_valid_before_utc
    with pytest.raises(ValueError, match="101 days from now the authority 'Test' is no longer valid; expected 100"):
        make_certificate(new_key().public_key(), "sensor", "a", authority, key, now, 101)
    with pytest.raises(ValueError, match=r"the authority 'Test' expired on .*; this machine's clock says"):
        make_certificate(new_key().public_key(), "sensor", "a", authority, key, now + timedelta(days=101), 1)
    with pytest.raises(ValueError, match=r"'Test' is not valid before .*clock says 1970-01-01T00:00:00Z"):
        make_certificate(new_key().public_key(), "sensor", "a", authority, key, datetime.fromtimestamp(0, UTC), 1)


@pytest.mark.parametrize("name", ["", " ", "x" * 65, "a\nb", "a\x1b[31m"])
def test_an_authority_s_name_is_printable(name: str, now: datetime) -> None:
    with pytest.raises(ValueError, match="expected 1 to 64 printable characters"):
        make_authority(new_key(), name, now, 1)


def _altered(pki: Authority, change: str) -> x509.Certificate:
    """A certificate that the authority signed, but that doesn't agree with itself."""
    serial = new_serial()
    text = f"{serial:032x}"
    names: list[x509.GeneralName] = [
        x509.UniformResourceIdentifier(f"ims:sensor:a:{text}"),
        x509.DNSName(f"{text}.sensor.ims"),
    ]
    purposes = [x509.ExtendedKeyUsageOID.SERVER_AUTH]
    if change == "serial":
        serial = new_serial()
    elif change == "order":
        names.reverse()
    elif change == "more names":
        names.append(x509.DNSName("*.sensor.ims"))
    elif change == "role":
        names[0] = x509.UniformResourceIdentifier(f"ims:portal:a:{text}")
    elif change == "both purposes":
        purposes.append(x509.ExtendedKeyUsageOID.CLIENT_AUTH)
    elif change == "wrong purpose":
        purposes = [x509.ExtendedKeyUsageOID.CLIENT_AUTH]
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(pki.certificate.subject)
        .public_key(new_key().public_key())
        .serial_number(serial)
        .not_valid_before(datetime.now(UTC))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    )
    if change != "no names":
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(pki.key, hashes.SHA256())


def test_a_certificate_that_agrees_with_itself_is_taken(pki: Authority) -> None:
    assert identity_of(_altered(pki, "nothing")).name == "a"


@pytest.mark.parametrize(
    ("change", "says"),
    {
        "serial": "it names serial",
        "order": "its first alternative name is no URI",
        "more names": "its second alternative name isn't",
        "role": "its second alternative name isn't",
        "both purposes": "its purpose isn't that of a sensor",
        "wrong purpose": "its purpose isn't that of a sensor",
        "no names": "it names no role",
    }.items(),
)
def test_a_certificate_that_contradicts_itself_is_refused(pki: Authority, change: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        identity_of(_altered(pki, change))


def test_an_authority_is_nobody(pki: Authority) -> None:
    with pytest.raises(ValueError, match="it names no role"):
        identity_of(parse_certificate(pki.pem, "ca.pem"))
