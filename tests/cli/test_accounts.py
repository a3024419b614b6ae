"""`ims account`, as it is typed: passwords from a pipe, and one line for what can't be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ims.cli.accounts import secret_file
from ims.portal.auth.accounts import Accounts
from ims.portal.auth.roles import Caller

from ..portal.auth.test_accounts import PASSWORD, opened
from ..stores import cli
from .test_closed_streams import closing


def test_the_command_line_takes_passwords_from_a_pipe(tmp_path: Path) -> None:
    path = tmp_path / "accounts.db"
    made = cli("account", "add", "alice", "--role", "analyst", "--accounts", path, input=PASSWORD + "\n")
    assert (made.returncode, made.stdout) == (0, "")
    token = cli("account", "token", "alice", "--label", "x", "--role", "viewer", "--accounts", path).stdout.strip()
    changed = cli("account", "password", "alice", "--accounts", path, input="another long password\n")
    assert changed.returncode == 0, changed.stderr
    said = "alice: another password; 0 tokens of logins have ended, 1 token of `ims account token` stays\n"
    assert changed.stderr == said
    assert cli("account", "role", "alice", "operator", "--accounts", path).returncode == 0
    accounts = Accounts(path)
    caller = accounts.check_token(token)
    assert caller is not None
    assert caller.role == "viewer"
    assert accounts.check_password("alice", "another long password") == Caller("alice", "operator")
    listed = cli("account", "tokens", "alice", "--accounts", path, "--format", "json").stdout
    assert caller.token is not None
    assert caller.token in listed
    assert token not in listed
    assert cli("account", "revoke-token", "alice", caller.token, "--accounts", path).returncode == 0
    assert accounts.check_token(token) is None
    assert cli("account", "remove", "alice", "--accounts", path).returncode == 0
    assert accounts.is_empty()
    accounts.close()


@pytest.mark.parametrize(
    "words",
    [
        ("add", "bob", "--role", "king", "--accounts", "{}"),
        ("add", "bob", "--role", "viewer", "--accounts", "{}"),  # no password: the pipe is empty
        ("list", "--accounts", "{}.absent"),
        ("list", "--format", "xml", "--accounts", "{}"),
        ("password", "bob", "--accounts", "{}"),
        ("role", "bob", "viewer", "--accounts", "{}"),
        ("token", "bob", "--label", "x", "--accounts", "{}"),
        ("revoke-token", "bob", "1", "--accounts", "{}"),
        ("remove", "bob", "--accounts", "{}"),
    ],
)
def test_the_command_line_refuses_in_one_line(tmp_path: Path, words: tuple[str, ...]) -> None:
    path = tmp_path / "accounts.db"
    opened(path).close()
    found = cli("account", *(word.replace("{}", str(path)) for word in words), input="")
    assert found.returncode == 2
    assert found.stdout == ""
    assert found.stderr.startswith("ims: ")
    assert found.stderr.count("\n") == 1


def test_closed_standard_input_holds_no_password(tmp_path: Path) -> None:
    done = closing("<&-", "account", "add", "alice", "--role", "viewer", "--accounts", "accounts.db", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, "ims: no password on standard input; expected one line\n")


def test_a_token_s_file_is_its_owner_s_alone_and_new(tmp_path: Path) -> None:
    path, before = tmp_path / "token", os.umask(0)
    try:
        with secret_file(path) as file:
            assert path.stat().st_mode & 0o777 == 0o600
            file.write("ims_x\n")
    finally:
        os.umask(before)
    assert path.read_text() == "ims_x\n"
    (tmp_path / "link").symlink_to("elsewhere")
    for taken in ("token", "link"):
        with pytest.raises(FileExistsError, match=f"{taken} is there already"), secret_file(tmp_path / taken):
            pytest.fail("it was opened")
    assert path.read_text() == "ims_x\n"
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("error", [ValueError("no such account"), KeyboardInterrupt()])
def test_no_file_stays_where_no_token_comes_to_stand_in_it(tmp_path: Path, error: BaseException) -> None:
    with pytest.raises(type(error)), secret_file(tmp_path / "token"):
        raise error
    assert list(tmp_path.iterdir()) == []
