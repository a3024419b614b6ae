"""`ims pki`, as it is typed."""

from __future__ import annotations

import csv
import json
import subprocess
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ims.pki.authority import Authority, create_authority
from ims.pki.credentials import Credentials

from ..stores import IMS, LIKE_OTHERS, cli
from .refused import refused


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """With an authority on it that issued a sensor's certificate, ams-1."""
    create_authority(tmp_path / "PKI", "Test", 3650).issue("ams-1", "sensor")
    return tmp_path


def test_from_nothing_to_a_sensor_in_the_registry(tmp_path: Path) -> None:
    made = cli("pki", "init", "--name", "Example CERT", "--days", "400", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert made.stdout.startswith("PKI: authority 'Example CERT', until 20")
    issued = cli("pki", "issue", "ams-1", "--role", "sensor", "--out", "ams", cwd=tmp_path)
    assert issued.returncode == 0, issued.stderr
    read = Credentials.read(*(tmp_path / "ams" / name for name in ("ams-1.pem", "ams-1.key", "ca.pem")))
    entry = {"name": "ams-1", "address": "HOST:PORT", "serial": read.identity.serial}
    assert tomllib.loads(issued.stdout) == {"sensor": [entry]}
    assert "ams: ams-1.pem, ams-1.key, ca.pem, revoked.pem; sensor ams-1, until 20" in issued.stderr
    assert "PRIVATE" not in issued.stdout + issued.stderr


def test_without_out_files_go_into_the_authority_s_folder(desk: Path) -> None:
    done = cli("pki", "issue", "alice", "--role", "operator", "--days", "90", cwd=desk)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("serial ")
    out = desk / "PKI" / "out" / "alice"
    assert {path.name for path in out.iterdir()} == {"alice.pem", "alice.key", "ca.pem", "revoked.pem"}


def test_what_a_second_certificate_replaces_is_said(desk: Path) -> None:
    [first] = Authority(desk / "PKI").find("ams-1")
    done = cli("pki", "issue", "ams-1", "--role", "sensor", "--out", "next", cwd=desk)
    assert f"it replaces {first.identity.serial}: revoke that once this one is in use" in done.stderr
    many = cli("pki", "revoke", "ams-1", cwd=desk)
    refused(many, "ams-1 has 2 certificates: ")
    assert first.identity.serial in many.stderr
    done = cli("pki", "revoke", first.identity.serial, cwd=desk)
    assert done.stdout == f"revoked: sensor ams-1, {first.identity.serial}\n"
    assert cli("pki", "revoke", "ams-1", "--all", cwd=desk).stdout.startswith("revoked: sensor ams-1, ")
    assert all(one.revoked for one in Authority(desk / "PKI").find("ams-1"))


def test_revoking_says_what_to_do_next_and_again_is_fine(desk: Path) -> None:
    for word in ("revoked:", "revoked before:"):
        done = cli("pki", "revoke", "ams-1", cwd=desk)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(f"{word} sensor ams-1, ")
        assert "copy PKI/revoked.pem to every daemon" in done.stderr


def test_a_serial_number_that_the_log_lost_is_revoked_and_said(desk: Path) -> None:
    done = cli("pki", "revoke", "7A:" * 15 + "7A", cwd=desk)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"revoked: {'7a' * 16}\n"
    assert "is not in the log of PKI; it is put on the list anyway" in done.stderr


def test_show_prints_tables_json_and_csv(desk: Path) -> None:
    table = cli("pki", "show", cwd=desk)
    assert "ams-1" in table.stdout
    assert "authority 'Test', until 20" in table.stdout
    [row] = json.loads(cli("pki", "show", "ams-1", "--format", "json", cwd=desk).stdout)
    assert (row["name"], row["role"], row["state"], row["revoked"]) == ("ams-1", "sensor", "valid", None)
    [line] = csv.DictReader(cli("pki", "show", "--format", "csv", cwd=desk).stdout.splitlines())
    assert line["serial"] == row["serial"]
    file = cli("pki", "show", "PKI/out/ams-1/ams-1.pem", "--format", "json", cwd=desk)
    assert json.loads(file.stdout) == [row]
    empty = create_authority(desk / "empty", "Test", 10)
    assert json.loads(cli("pki", "show", "--format", "json", "--folder", empty.folder, cwd=desk).stdout) == []


def test_show_warns_of_what_ends_within_thirty_days(desk: Path) -> None:
    soon = datetime.now(UTC) - timedelta(hours=5)
    Authority(desk / "PKI").issue("bob", "operator", days=10, now=soon)
    done = cli("pki", "show", cwd=desk)
    assert done.returncode == 0
    [line] = done.stderr.splitlines()
    assert line.startswith("ims: the certificate of operator bob (")
    assert "expires in 9 days" in line


def test_a_name_goes_before_a_file_of_that_name(desk: Path) -> None:
    (desk / "ams-1").write_text("no certificate")
    assert cli("pki", "show", "ams-1", cwd=desk).returncode == 0
    refused(cli("pki", "show", "./ams-1", cwd=desk), "ams-1 holds no certificate in PEM")


ERRORS = {
    ("init",): "PKI holds an authority already; expected a new folder",
    ("init", "--folder", "."): ". is not empty",
    ("init", "--folder", "new", "--name", ""): "name '': expected 1 to 64 printable characters",
    ("init", "--folder", "new", "--days", "0"): "--days",
    ("init", "--folder", "PKI/ca.pem/x"): "PKI/ca.pem",
    ("issue", "a"): "--role",
    ("issue", "--role", "sensor"): "NAME",
    ("issue", "a", "--role", "root"): "role 'root': expected one of sensor, portal, operator",
    ("issue", "../a", "--role", "sensor"): "name '../a': expected up to 64 letters",
    ("issue", "a\x1b[31m\n", "--role", "sensor"): "name 'a\\x1b[31m\\n'",
    ("issue", "a", "--role", "sensor", "--days", "9999"): "is no longer valid; expected 36",
    ("issue", "a", "--role", "sensor", "--folder", "none"): "none is no authority (it has no ca.pem); `ims pki init`",
    ("issue", "ams-1", "--role", "sensor"): "ams-1.key is there already",
    ("issue", "a", "--role", "sensor", "--out", "PKI"): "PKI is the authority's own folder",
    ("issue", "a", "--role", "sensor", "--out", "PKI/ca.pem"): "PKI/ca.pem",
    ("revoke", "nobody"): "PKI issued nothing to 'nobody'; it has issued certificates to ams-1",
    ("revoke", "7" * 31): "PKI issued nothing to",
    ("revoke", "7" * 41): "PKI issued nothing to",
    ("show", "nobody"): "PKI issued nothing to 'nobody'; it has issued certificates to ams-1",
    ("show", "none/x.pem"): "none/x.pem isn't there; expected a certificate",
    ("show", "PKI/ca.key"): "PKI/ca.key holds no certificate in PEM; found a private key",
    ("show", "--format", "xml"): "--format 'xml': expected one of table, json, csv",
    ("show", "--folder", "none"): "none is no authority",
}


@pytest.mark.parametrize("words", ERRORS)
def test_what_can_not_be_done_is_said_in_one_line(desk: Path, words: tuple[str, ...]) -> None:
    refused(cli("pki", *words, cwd=desk), ERRORS[words])
    assert not (desk / "new").exists()
    assert {path.name for path in desk.iterdir()} == {"PKI"}


def test_an_open_or_damaged_authority_is_said_in_one_line(desk: Path) -> None:
    (desk / "PKI" / "ca.key").chmod(0o644)
    refused(cli("pki", "issue", "a", "--role", "sensor", cwd=desk), "PKI/ca.key is accessible to others (mode 0644)")
    refused(cli("pki", "revoke", "ams-1", cwd=desk), "PKI/ca.key is accessible to others (mode 0644)")
    (desk / "PKI" / "revoked.pem").write_text("")
    refused(cli("pki", "show", cwd=desk), "PKI/revoked.pem is no list of revoked certificates in PEM")


def test_a_folder_that_may_not_be_written_is_said(desk: Path) -> None:
    desk.chmod(0o500)
    words = [*LIKE_OTHERS, IMS, "pki", "init", "--folder", "new"]
    done = subprocess.run(words, cwd=desk, capture_output=True, text=True, check=False)
    desk.chmod(0o700)
    refused(done, "Permission denied")
