"""`ims account`: who may ask a portal. Passwords come from a terminal or a pipe, never as an argument."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from getpass import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

from typer import Argument, Option, Typer

from ims.cli.options import Format, examples
from ims.cli.start import act_as_owner
from ims.cli.stderr import note
from ims.full_disk import naming
from ims.text import quantity

if TYPE_CHECKING:
    from ims.portal.auth.accounts import Accounts

app = Typer(no_args_is_help=True, rich_markup_mode=None, help="The accounts of a portal, and their tokens.")

Name = Annotated[str, Argument(metavar="NAME", help="Name of the account.")]
File = Annotated[Path, Option("--accounts", metavar="FILE", help="The portal's file of accounts.")]
ROLES = "viewer|analyst|operator"


def _accounts(file: Path, new: bool = False) -> Accounts:
    act_as_owner(file)
    return _opened(file, new)


def _opened(file: Path, new: bool = False) -> Accounts:
    from ims.portal.auth.accounts import Accounts

    try:
        file.stat()
    except FileNotFoundError:
        if not new:
            add = f"ims account add NAME --role ROLE --accounts {file}"
            raise FileNotFoundError(f"{file} isn't there; `{add}` makes it") from None
    return Accounts(file)


def _password() -> str:
    """Typed twice on a terminal, else one line of standard input."""
    if sys.stdin is None or not sys.stdin.isatty():
        line = sys.stdin.readline() if sys.stdin is not None else ""
        if not line:
            raise ValueError("no password on standard input; expected one line")
        return line.rstrip("\r\n")
    password = getpass("Password: ")
    if getpass("Again: ") != password:
        raise ValueError("the passwords differ; nothing was changed")
    return password


@contextmanager
def secret_file(path: Path) -> Iterator[TextIO]:
    """A new file, mode 0600, removed if writing fails. Raises FileExistsError for an existing one: its readers would
    lose the old token, or might read the new one."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise FileExistsError(f"{path} is there already; expected a new file for the token") from None
    try:
        with naming(path), os.fdopen(fd, "w", encoding="ascii") as file:  # closing a file writes, too
            yield file
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise


@app.command(
    epilog=examples(
        "ims account add alice --role operator --accounts accounts.db",
        "pass show ims/bob | ims account add bob --role viewer --accounts accounts.db",
    )
)
def add(
    name: Name, *, role: Annotated[str, Option(metavar=ROLES, help="What the account may see.")], accounts: File
) -> None:
    """Make an account; the file too, if it isn't there. The password has 12 characters or more."""
    from ims.portal.auth.roles import role_of

    checked = role_of(role)
    _accounts(accounts, new=True).add(name, checked, _password())
    note(f"{accounts}: {name}, {role}")


@app.command("list", epilog=examples("ims account list --accounts accounts.db --format json"))
def list_accounts(*, accounts: File, format: Format = "table") -> None:
    """All accounts, and how many tokens of each hold."""
    from ims.cli.present import print_rows

    print_rows(_accounts(accounts).list(), format, names=("name", "role", "created", "tokens"))


@app.command(epilog=examples("ims account remove bob --accounts accounts.db"))
def remove(name: Name, *, accounts: File) -> None:
    """Remove an account; its tokens are void at once."""
    _accounts(accounts).remove(name)


@app.command(epilog=examples("ims account password alice --accounts accounts.db"))
def password(name: Name, *, accounts: File) -> None:
    """Give an account another password. Tokens that logins gave end, with all that were made with them; those of `ims
    account token` stay: `ims account tokens`, `revoke-token`."""
    opened = _accounts(accounts)
    opened.tokens(name)  # raises where there is no such account, before anybody types
    ended, stay = opened.set_password(name, _password())
    kept = quantity(stay, "token of `ims account token` stays", "tokens of `ims account token` stay")
    gone = quantity(ended, "token of a login has ended", "tokens of logins have ended")
    note(f"{name}: another password; {gone}, {kept}")


@app.command(epilog=examples("ims account role bob analyst --accounts accounts.db"))
def role(
    name: Name, role: Annotated[str, Argument(metavar=ROLES, help="What the account may see.")], *, accounts: File
) -> None:
    """Give an account another role, which its tokens have at once."""
    from ims.portal.auth.roles import role_of

    _accounts(accounts).set_role(name, role_of(role))


@app.command(
    epilog=examples(
        "ims account token alice --label laptop --accounts accounts.db",
        "ims account token alice --label dashboard --role viewer --days 365 --out token --accounts accounts.db",
    )
)
def token(
    name: Name,
    *,
    label: Annotated[str, Option(metavar="LABEL", help="What it is for.")],
    days: Annotated[float, Option(metavar="N", help="How long it holds.")] = 90,
    role: Annotated[str | None, Option(metavar=ROLES, help="At most the account's role, which is the default.")] = None,
    out: Annotated[Path | None, Option(metavar="FILE", help="A new file for it, which only you can read.")] = None,
    accounts: File,
) -> None:
    """Print a new token, or write it to a file. It is shown once: only its hash is kept."""
    from ims.portal.auth.roles import role_of

    checked = None if role is None else role_of(role)
    if out is None:
        print(_accounts(accounts).new_token(name, label=label, days=days, role=checked))
        return
    from ims.process.store_owner import tried_as_owner

    def made() -> str:
        with closing(_opened(accounts)) as opened:
            return opened.new_token(name, label=label, days=days, role=checked)

    with secret_file(out) as file:  # owned by the user who runs this, not by the accounts' owner
        file.write(tried_as_owner(accounts, made) + "\n")
    note(f"{out}: a token of {name}, for {days:g} day{'s' * (days != 1)}")


@app.command(epilog=examples("ims account tokens alice --accounts accounts.db"))
def tokens(name: Name, *, accounts: File, format: Format = "table") -> None:
    """An account's tokens."""
    from ims.cli.present import print_rows

    names = ("id", "label", "role", "created", "expires", "expired", "origin", "parent")
    print_rows(_accounts(accounts).tokens(name), format, names=names)


@app.command("revoke-token", epilog=examples("ims account revoke-token alice 1f0c2a9be4d7 --accounts accounts.db"))
def revoke_token(
    name: Name, id: Annotated[str, Argument(metavar="ID", help="As `ims account tokens` shows it.")], *, accounts: File
) -> None:
    """Make a token void at once, and all that were made with it."""
    _accounts(accounts).revoke_token(name, id)
