"""A deployment's own certificate authority: a folder, issued certificates, and revocations.

    PKI/ca.pem              its certificate, which all daemons trust
    PKI/ca.key              its private key: whoever has it can be anybody
    PKI/revoked.pem         the signed list of revoked certificates
    PKI/issued/SERIAL.pem   a copy of each certificate, never of its key
    PKI/out/NAME/           the default folder for the output of `issue`
    PKI/lock                held while something changes

Files are written atomically, so a process may be killed at any moment. A certificate is logged before it is written to
the output folder; its key is written last.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from ims.cause import cause
from ims.link.identity import Identity, check_identity
from ims.pki.certificate import identity_of, issued_by, make_authority, make_certificate, new_key
from ims.pki.credentials import parse_authorities
from ims.pki.pem import key_pem, parse_certificate, parse_key, pem, read_file, read_secret
from ims.pki.revoked_list import entry_of, number_of, read_lists, serials_of, sign_list
from ims.store.schema import make_folder, not_a_folder, sync_folder, write_aside
from ims.system_folder import refuse_system_folder
from ims.text import quantity

_SERIAL = re.compile(r"[0-9a-f]{32,40}")


class Issued(NamedTuple):
    """A certificate, who it belongs to, and since when it is revoked."""

    identity: Identity
    certificate: x509.Certificate
    revoked: datetime | None


class Log(NamedTuple):
    """Issued certificates by name and age, and a line for each copy that is damaged or foreign."""

    issued: list[Issued]
    problems: list[str]


def create_authority(folder: Path, name: str, days: int, now: datetime | None = None) -> Authority:
    """Make an authority in a new or empty folder, atomically: a killed process leaves `.PKI.XXXXXXXX` beside it, which
    may be deleted. Raises ValueError for a folder that isn't empty or is the system's, or an invalid name or duration,
    NotADirectoryError where something else is, and OSError."""
    refuse_system_folder(folder, "the authority", "/root/PKI", in_etc=True)
    now = now or datetime.now(UTC)
    key = new_key()
    certificate = make_authority(key, name, now, days)
    refusal = f"{folder} holds an authority already" if (folder / "ca.pem").exists() else f"{folder} is not empty"
    if os.path.lexists(folder) and not folder.is_dir():
        raise not_a_folder(folder)
    if folder.exists() and any(folder.iterdir()):
        raise ValueError(f"{refusal}; expected a new folder for the authority")
    folder = folder.absolute()
    make_folder(folder.parent)
    aside = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}")
    try:
        aside.mkdir(mode=0o700)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(folder)) from None
    try:
        (aside / "issued").mkdir(mode=0o700)
        write_aside(aside / "ca.key", key_pem(key), 0o600)
        write_aside(aside / "ca.pem", pem(certificate))
        write_aside(aside / "revoked.pem", pem(sign_list([], certificate, key, now)))
        aside.rename(folder)  # fails where another process was quicker
    except BaseException as error:
        shutil.rmtree(aside, ignore_errors=True)
        if isinstance(error, OSError) and folder.is_dir() and any(folder.iterdir()):
            raise ValueError(f"{folder} holds an authority already; expected a new folder") from None
        raise
    sync_folder(folder.parent)
    return Authority(folder)


class Authority:
    """An authority's folder. Reading needs no private key: `show` works where ca.key is kept elsewhere. Processes that
    issue and revoke at the same time take turns."""

    def __init__(self, folder: Path) -> None:
        """Raises ValueError or OSError if the folder is no authority."""
        self.folder = folder
        try:
            (folder / "ca.pem").stat()
        except FileNotFoundError:
            raise FileNotFoundError(f"{folder} is no authority (it has no ca.pem); `ims pki init` makes one") from None
        except NotADirectoryError:
            raise NotADirectoryError(f"{folder} is no folder; expected an authority's") from None
        self.pem = read_file(folder / "ca.pem", "an authority")
        self.certificate = parse_certificate(self.pem, folder / "ca.pem")
        parse_authorities(self.pem, folder / "ca.pem")

    @cached_property
    def key(self) -> ec.EllipticCurvePrivateKey:
        """Its private key, read at its first use. Raises ValueError or OSError."""
        path = self.folder / "ca.key"
        key = parse_key(read_secret(path), path)
        if key.public_key() != self.certificate.public_key():
            raise ValueError(f"{path} is not the private key of {self.folder / 'ca.pem'}")
        return key

    def revoked(self) -> x509.CertificateRevocationList:
        """The present list. Raises ValueError or OSError if it is missing, damaged or foreign: copy a daemon's."""
        path = self.folder / "revoked.pem"
        return read_lists(read_file(path, "the authority's list"), [self.certificate], path)[0]

    def log(self) -> Log:
        """Every certificate that was issued. Raises ValueError or OSError as `revoked` does."""
        revoked = serials_of(self.revoked())
        issued, problems = [], []
        # Not by `glob`, to which a folder that can't be read is empty.
        for path in sorted(path for path in _entries(self.folder / "issued") if path.suffix == ".pem"):
            try:
                certificate = parse_certificate(read_file(path, "a certificate"), path)
                if not issued_by(certificate, self.certificate):
                    raise ValueError(f"{path} was not issued by this authority")
                identity = identity_of(certificate)
            except (ValueError, OSError) as error:
                problems.append(f"{cause(error)}; left out")
                continue
            issued.append(Issued(identity, certificate, revoked.get(identity.serial)))
        issued.sort(key=lambda one: (one.identity.name, one.certificate.not_valid_before_utc, one.identity.serial))
        return Log(issued, problems)

    def issue(
        self, name: str, role: str, out: Path | None = None, days: int = 365, now: datetime | None = None
    ) -> tuple[Issued, Path]:
        """Make a key and a certificate, and write NAME.pem, NAME.key, ca.pem and revoked.pem into a folder.

        A name may have several certificates, so that one can be replaced before it ends. Raises ValueError for a wrong
        name, role or duration, and for a folder with NAME.key or another authority's files, or the system's; OSError.
        """
        check_identity(role, name, "0" * 32)
        if serial_of(name) is not None:
            raise ValueError(f"name {name!r} looks like a serial number; expected another")
        folder = self.folder / "out" / name if out is None else out
        refuse_system_folder(folder, "certificate and key", f"/etc/ims/{name}", in_etc=True, shared=True)
        with self._changing():
            revoked, key, now = self.revoked(), new_key(), now or datetime.now(UTC)
            certificate = make_certificate(key.public_key(), role, name, self.certificate, self.key, now, days)
            identity = identity_of(certificate)
            self._prepare(folder, name)
            # Repeatable writes come first: where a folder isn't writable, no certificate is issued.
            write_aside(folder / "ca.pem", self.pem)
            write_aside(folder / "revoked.pem", pem(revoked))
            write_aside(self.folder / "issued" / f"{identity.serial}.pem", pem(certificate))
            write_aside(folder / f"{name}.pem", pem(certificate))
            write_aside(folder / f"{name}.key", key_pem(key), 0o600)
        return Issued(identity, certificate, None), folder

    def _prepare(self, folder: Path, name: str) -> None:
        if (folder / f"{name}.key").exists():
            raise ValueError(f"{folder / name}.key is there already; move it away, or give another --out")
        if folder.is_dir() and folder.samefile(self.folder):
            raise ValueError(f"{folder} is the authority's own folder; give another --out")
        if (folder / "ca.pem").exists() and read_file(folder / "ca.pem", "an authority") != self.pem:
            raise ValueError(f"{folder / 'ca.pem'} is another authority's; give another --out")
        make_folder(folder.parent)
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
        except FileExistsError:
            raise not_a_folder(folder) from None
        _sweep(folder, "ca.pem", "revoked.pem", f"{name}.pem", f"{name}.key")

    def find(self, what: str) -> list[Issued]:
        """The certificates of this name, or the one with this serial number (colons and capitals are fine)."""
        serial = serial_of(what)
        return [one for one in self.log().issued if what == one.identity.name or serial == one.identity.serial]

    def unknown(self, what: str) -> ValueError:
        """The error to raise where `find` finds nothing."""
        issued, problems = self.log()
        names = ", ".join(sorted({one.identity.name for one in issued})) or "nobody"
        message = f"{self.folder} issued nothing to {what!r}; it has issued certificates to {names}"
        if problems:
            others = f", and {quantity(len(problems) - 1, 'other')}" if len(problems) > 1 else ""
            message += f", and can't tell of all: {problems[0].removesuffix('; left out')}{others}"
        return ValueError(message)

    def revoke(self, serial: str, now: datetime | None = None) -> bool:
        """Revoke the certificate with this serial number, which needn't be in the log; False if it was revoked before.
        Raises ValueError for what is no serial number, and for a damaged list; OSError."""
        revoked = serial_of(serial)
        if revoked is None:
            raise ValueError(f"serial {serial!r}: expected 32 hexadecimal digits")
        now = now or datetime.now(UTC)
        with self._changing():
            before = self.revoked()
            if revoked in serials_of(before):
                return False
            after = sign_list([*before, entry_of(revoked, now)], self.certificate, self.key, now, number_of(before))
            write_aside(self.folder / "revoked.pem", pem(after))
        return True

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """One process at a time, by a lock that ends with the process; a killed one's unfinished files are removed."""
        fd = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            _sweep(self.folder, "revoked.pem")
            _sweep(self.folder / "issued")
            yield
        finally:
            os.close(fd)


def serial_of(text: str) -> str | None:
    """A serial number in the form of identities; the text may have colons and capitals. None for anything else."""
    serial = text.replace(":", "").lower()
    return serial if _SERIAL.fullmatch(serial) else None


def _sweep(folder: Path, *names: str) -> None:
    """Remove unfinished files of `write_aside`: of these names, or of any."""
    of = "|".join(map(re.escape, names)) or ".*"
    for path in folder.iterdir():
        if re.fullmatch(rf"\.({of})\.[0-9a-f]{{8}}", path.name):
            path.unlink(missing_ok=True)


def _entries(folder: Path) -> list[Path]:
    """The entries of a folder; none if it doesn't exist. Raises OSError if it can't be read."""
    try:
        return list(folder.iterdir())
    except FileNotFoundError:
        return []
