from __future__ import annotations

import os
import shutil
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from ims.pki.authority import Authority
from ims.pki.pem import pem
from ims.pki.revocations import Revocations
from ims.pki.revoked_list import entry_of

from .conftest import credentials


@pytest.fixture
def copy(pki: Authority, tmp_path: Path) -> Path:
    """The list as a daemon has it."""
    return Path(shutil.copy(pki.folder / "revoked.pem", tmp_path / "revoked.pem"))


def serial(pki: Authority, name: str = "portal") -> str:
    return credentials(pki, name).identity.serial


def test_a_revoked_certificate_is_known_once_the_list_is_there(pki: Authority, copy: Path) -> None:
    revocations = Revocations(copy, pki.pem)
    assert not revocations.refuses(serial(pki))
    pki.revoke(serial(pki))
    assert not revocations.refuses(serial(pki))
    shutil.copy(pki.folder / "revoked.pem", copy)
    assert revocations.refuses(serial(pki))
    assert not revocations.refuses(serial(pki, "operator"))
    assert revocations.problem is None


def test_a_list_that_is_renamed_into_place_is_seen(pki: Authority) -> None:
    revocations = Revocations(pki.folder / "revoked.pem", pki.pem)
    for name in ("portal", "operator", "sensor"):
        assert not revocations.refuses(serial(pki, name))
        pki.revoke(serial(pki, name))
        assert revocations.refuses(serial(pki, name))


def test_an_old_file_s_change_is_seen_though_its_times_are_put_back(pki: Authority, copy: Path) -> None:
    os.utime(copy, (1, 1))
    revocations = Revocations(copy, pki.pem)
    assert not revocations.refuses(serial(pki))
    pki.revoke(serial(pki))
    copy.write_bytes((pki.folder / "revoked.pem").read_bytes())
    os.utime(copy, (1, 1))
    assert revocations.refuses(serial(pki))


def test_a_file_that_rests_is_read_once(pki: Authority, copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = []
    monkeypatch.setattr("ims.pki.revocations._SETTLED_NS", -(1 << 62))
    monkeypatch.setattr("ims.pki.revocations.read_file", lambda path, _: reads.append(path) or path.read_bytes())
    revocations = Revocations(copy, pki.pem)
    for _ in range(5):
        assert not revocations.refuses(serial(pki))
    assert len(reads) == 1
    pki.revoke(serial(pki))
    shutil.copy(pki.folder / "revoked.pem", copy)
    assert revocations.refuses(serial(pki))
    assert len(reads) == 2


def test_a_file_that_has_just_changed_is_read_again(
    pki: Authority, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second change in the same tick shows in no time stamp."""
    pki.revoke(serial(pki))
    revocations = Revocations(copy, pki.pem)
    changed = time.time_ns()
    monkeypatch.setattr("ims.pki.revocations._SETTLED_NS", 1 << 62)
    monkeypatch.setattr(Revocations, "_stamp_now", lambda _: (changed, 0, 1, 1, 1))
    assert not revocations.refuses(serial(pki))
    shutil.copy(pki.folder / "revoked.pem", copy)
    assert revocations.refuses(serial(pki))


def bad_lists(pki: Authority, foreign: Authority) -> dict[str, bytes]:
    good = (pki.folder / "revoked.pem").read_bytes()
    middle = len(good) // 2
    return {
        "revoked.pem is no list of revoked certificates in PEM": b"",
        "revoked.pem is no list of revoked certificates in PEM, or a damaged one": good[:-30],
        "revoked.pem is not signed by the authority 'Test'": (foreign.folder / "revoked.pem").read_bytes(),
        "": good[:middle] + (b"A" if good[middle : middle + 1] != b"A" else b"B") + good[middle + 1 :],
        "or a damaged one": pki.pem,
    }


def test_a_bad_list_leaves_the_last_good_one_in_use(pki: Authority, foreign: Authority, copy: Path) -> None:
    pki.revoke(serial(pki))
    good = (pki.folder / "revoked.pem").read_bytes()
    copy.write_bytes(good)
    revocations = Revocations(copy, pki.pem)
    assert revocations.problem is None
    for says, octets in bad_lists(pki, foreign).items():
        copy.write_bytes(octets)
        assert revocations.refuses(serial(pki))
        assert not revocations.refuses(serial(pki, "operator"))
        assert revocations.problem is not None
        assert says in revocations.problem
        assert revocations.problem.endswith("; the last good list stays in use")
        copy.write_bytes(good)
        assert revocations.problem is None
    copy.unlink()
    assert revocations.refuses(serial(pki))
    assert not revocations.refuses(serial(pki, "operator"))
    assert "isn't there" in (revocations.problem or "")
    copy.write_bytes(good)
    assert revocations.problem is None


def test_without_any_good_list_all_are_refused(pki: Authority, foreign: Authority, copy: Path) -> None:
    good = copy.read_bytes()
    for says, octets in bad_lists(pki, foreign).items():
        copy.write_bytes(octets)
        revocations = Revocations(copy, pki.pem)
        assert revocations.refuses(serial(pki))
        assert says in (revocations.problem or "")
        assert (revocations.problem or "").endswith("; all are refused")
        copy.write_bytes(good)
        assert not revocations.refuses(serial(pki))
    assert Revocations(copy.with_name("none"), pki.pem).refuses(serial(pki))


def test_an_older_list_is_not_taken(pki: Authority, copy: Path) -> None:
    before = copy.read_bytes()
    pki.revoke(serial(pki))
    copy.write_bytes((pki.folder / "revoked.pem").read_bytes())
    revocations = Revocations(copy, pki.pem)
    assert revocations.refuses(serial(pki))
    copy.write_bytes(before)
    assert revocations.refuses(serial(pki))
    assert "is older than the list in use" in (revocations.problem or "")


@pytest.mark.parametrize("text", ["", "1", "g" * 32, "A" * 32, "0x" + "1" * 30, " " + "1" * 32, "1" * 32 + "\n"])
def test_what_is_no_serial_number_is_refused(pki: Authority, copy: Path, text: str) -> None:
    assert Revocations(copy, pki.pem).refuses(text)


def test_each_of_several_authorities_needs_its_list(pki: Authority, foreign: Authority, copy: Path) -> None:
    pki.revoke(serial(pki))
    mine, other = ((authority.folder / "revoked.pem").read_bytes() for authority in (pki, foreign))
    copy.write_bytes(mine)
    revocations = Revocations(copy, pki.pem + foreign.pem)
    assert revocations.refuses(serial(foreign))
    assert "has no list of the authority 'Test'; expected one of each" in (revocations.problem or "")
    copy.write_bytes(other + mine)
    assert revocations.refuses(serial(pki))
    assert not revocations.refuses(serial(foreign))


def test_an_authority_is_wanted(copy: Path, pki: Authority) -> None:
    with pytest.raises(ValueError, match=r"ca.pem holds no certificate"):
        Revocations(copy, b"")
    with pytest.raises(ValueError, match="which is no authority"):
        Revocations(copy, credentials(pki, "sensor").certificate)


def test_threads_that_ask_while_it_changes_see_the_old_or_the_new(pki: Authority) -> None:
    revocations = Revocations(pki.folder / "revoked.pem", pki.pem)
    innocent, faults, done = serial(pki, "operator"), [], threading.Event()

    def ask() -> None:
        while not done.is_set():
            if revocations.refuses(innocent) or revocations.problem is not None:
                faults.append(revocations.problem)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(20):
        pki.revoke(f"{number + (1 << 124):032x}")
    done.set()
    for thread in threads:
        thread.join()
    assert faults == []
    assert revocations.refuses(f"{19 + (1 << 124):032x}")


def test_only_a_listed_serial_number_is_called_revoked(pki: Authority, foreign: Authority, copy: Path) -> None:
    """What is wrong with the list is said of the list, by its own word, and names no file."""
    good = copy.read_bytes()
    listed = serial(pki)
    pki.revoke(listed)
    foreign_list, damaged = (foreign.folder / "revoked.pem").read_bytes(), good[:-30]
    for state, octets in {"missing": None, "damaged": damaged, "foreign": foreign_list}.items():
        if octets is None:
            copy.unlink()
        else:
            copy.write_bytes(octets)
        revocations = Revocations(copy, pki.pem)
        for one in (listed, serial(pki, "operator")):
            assert revocations.refusal(one) == ("list", f"the list of revoked certificates is {state}")
        copy.write_bytes((pki.folder / "revoked.pem").read_bytes())
        assert revocations.refusal(listed) == ("revoked", f"the certificate {listed} is revoked")
        assert revocations.refusal(serial(pki, "operator")) is None
    assert revocations.refusal("none") == ("serial", "the certificate has no serial number")


def test_a_list_that_cannot_be_read_is_called_unreadable(
    pki: Authority, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As any user finds it who may not; the tests' own user may be root, whom no mode stops."""
    forbidden = pki.folder / "closed" / "revoked.pem"
    real = os.open

    def opened(path: object, *words: int) -> int:
        if Path(str(path)) == forbidden:
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *words)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr("ims.pki.pem.os.open", opened)
    revocations = Revocations(forbidden, pki.pem)
    assert revocations.refusal(serial(pki)) == ("list", "the list of revoked certificates is unreadable")
    assert "may not be read by this user" in (revocations.problem or "")


def test_why_a_list_cannot_be_read_is_said_as_the_system_says_it(pki: Authority, copy: Path) -> None:
    copy.unlink(missing_ok=True)
    copy.symlink_to(copy.name)
    problem = Revocations(copy, pki.pem).problem
    assert problem is not None
    assert f"{copy}: Too many levels of symbolic links" in problem


def short_list(pki: Authority, ends: datetime, *revoked: str) -> bytes:
    """A list that ends before its authority does, as other programs sign them."""
    now = ends - timedelta(days=7)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(pki.certificate.subject)
        .last_update(now)
        .next_update(ends)
        .add_extension(x509.CRLNumber(1 << 40), critical=False)
    )
    for one in revoked:
        builder = builder.add_revoked_certificate(entry_of(one, now))
    return pem(builder.sign(pki.key, hashes.SHA256()))


def test_a_list_that_ends_is_expired_from_then_on_and_refuses_all(pki: Authority, copy: Path) -> None:
    ends = datetime(2026, 6, 1, tzinfo=UTC)
    times = [ends.timestamp() - 10]
    copy.write_bytes(short_list(pki, ends, serial(pki)))
    revocations = Revocations(copy, pki.pem, clock=lambda: times[-1])
    assert revocations.refusal(serial(pki, "operator")) is None
    assert revocations.problem is None
    times.append(ends.timestamp() + 10)
    expired = ("list", "the list of revoked certificates is expired")
    for asked in (revocations, Revocations(copy, pki.pem, clock=lambda: times[-1])):
        assert asked.refusal(serial(pki, "operator")) == expired
        assert asked.refusal(serial(pki)) == ("revoked", f"the certificate {serial(pki)} is revoked")
        assert "expired on 2026-06-01T00:00:00Z" in (asked.problem or "")
        assert (asked.problem or "").endswith("; all are refused")
    copy.write_bytes(short_list(pki, ends + timedelta(days=7)))
    assert revocations.refusal(serial(pki, "operator")) is None
