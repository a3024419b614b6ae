"""A deployment's own certificate authority: a folder, what it issues, and what it takes back.

    PKI/ca.pem              its certificate: whom all daemons trust
    PKI/ca.key              its private key: whoever has it can be anybody
    PKI/revoked.pem         the signed list of revoked certificates
    PKI/issued/SERIAL.pem   a copy of each certificate, never of its key
    PKI/out/NAME/           what `issue` hands out where no other folder is given
    PKI/lock                held while something changes

Each file is there whole or not at all, so a process may be killed at any moment: a certificate is in the log before it
is handed out, and handed out once its key is there, which is written last.
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
    """What an authority issued, by name and age, and a line for each copy that is damaged or foreign."""

    issued: list[Issued]
    problems: list[str]


def create_authority(folder: Path, name: str, days: int, now: datetime | None = None) -> Authority:
    """Make an authority in a new folder (or an empty one), whole or not at all.

    A killed process leaves `.PKI.XXXXXXXX` beside it, an authority that nobody uses and that may be deleted.
    Raises ValueError for a folder that holds anything or is the system's, or a name or duration that can't be,
    NotADirectoryError where something else stands there, and OSError.
    """
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
    """An authority's folder. Reading needs no private key: `show` works where ca.key is kept elsewhere.

    Several processes may issue and revoke at once; they take turns.
    """

    def __init__(self, folder: Path) -> None:
        """Raises ValueError or OSError where the folder is no authority."""
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
        """Its private key, read when it is first wanted. Raises ValueError or OSError."""
        path = self.folder / "ca.key"
        key = parse_key(read_secret(path), path)
        if key.public_key() != self.certificate.public_key():
            raise ValueError(f"{path} is not the private key of {self.folder / 'ca.pem'}")
        return key

    def revoked(self) -> x509.CertificateRevocationList:
        """The list as it is now. Raises ValueError or OSError where it is missing, damaged or foreign: copies that
        daemons have are as good as the authority's, and replace it."""
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

        A name may have several certificates, so that one can be replaced before it ends.
        Raises ValueError for a name, role or duration that can't be, and where the folder holds NAME.key already or
        another authority's files, or is the system's; OSError.
        """
        check_identity(role, name, "0" * 32)
        if serial_of(name) is not None:
            raise ValueError(f"name {name!r} looks like a serial number; expected another")
        folder = self.folder / "out" / name if out is None else out
        refuse_system_folder(folder, "certificate and key", f"/etc/ims/{name}", in_etc=True, shared=True)
        with self._changing():
            revoked = self.revoked()
            key = new_key()
            certificate = make_certificate(
                key.public_key(), role, name, self.certificate, self.key, now or datetime.now(UTC), days
            )
            identity = identity_of(certificate)
            self._prepare(folder, name)
            # What can be written again comes first: a folder that can't be written to is no reason for a certificate.
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
        log = self.log()
        names = sorted({one.identity.name for one in log.issued})
        said = f"{self.folder} issued nothing to {what!r}; it knows {', '.join(names) or 'nobody yet'}"
        if log.problems:
            others = f", and {quantity(len(log.problems) - 1, 'other')}" if len(log.problems) > 1 else ""
            said = f"{said}, and can't tell of all: {log.problems[0].removesuffix('; left out')}{others}"
        return ValueError(said)

    def revoke(self, serial: str, now: datetime | None = None) -> bool:
        """Take back the certificate with this serial number, one that the log doesn't know included; whether it was
        still good. Raises ValueError for what is no serial number, and where the list is damaged; OSError."""
        wanted = serial_of(serial)
        if wanted is None:
            raise ValueError(f"serial {serial!r}: expected 32 hexadecimal digits")
        now = now or datetime.now(UTC)
        with self._changing():
            before = self.revoked()
            if wanted in serials_of(before):
                return False
            entries = [*before, entry_of(wanted, now)]
            after = sign_list(entries, self.certificate, self.key, now, number_of(before))
            write_aside(self.folder / "revoked.pem", pem(after))
        return True

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """One process at a time; what a killed one left unfinished is swept away. Held by a file, so a killed
        process lets go."""
        fd = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            _sweep(self.folder, "revoked.pem")
            _sweep(self.folder / "issued")
            yield
        finally:
            os.close(fd)


def serial_of(text: str) -> str | None:
    """A serial number as identities write it, of one with colons or capitals; None for what is none."""
    serial = text.replace(":", "").lower()
    return serial if _SERIAL.fullmatch(serial) else None


def _sweep(folder: Path, *names: str) -> None:
    """Remove what `write_aside` had not finished of these files, or of any."""
    of = "|".join(map(re.escape, names)) or ".*"
    for path in folder.iterdir():
        if re.fullmatch(rf"\.({of})\.[0-9a-f]{{8}}", path.name):
            path.unlink(missing_ok=True)


def _entries(folder: Path) -> list[Path]:
    """What is in a folder; nothing where there is none. Raises OSError where it can't be looked at."""
    try:
        return list(folder.iterdir())
    except FileNotFoundError:
        return []
