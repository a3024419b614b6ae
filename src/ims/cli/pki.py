"""`ims pki`: a deployment's own certificates."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option, Typer

from ims.cli.options import Format, examples
from ims.cli.start import act_as_owner
from ims.cli.stderr import note, warn

if TYPE_CHECKING:
    from ims.pki.authority import Authority, Issued

app = Typer(no_args_is_help=True, rich_markup_mode=None, help="Make, show and take back a deployment's certificates.")

Folder = Annotated[Path, Option(metavar="PKI", help="The authority's folder.")]
Days = Annotated[int, Option(min=1, max=36500, metavar="N", help="How long it is valid.")]


@app.command(epilog=examples("ims pki init", "ims pki init --folder offline/PKI --name 'Example CERT' --days 1825"))
def init(
    folder: Folder = Path("PKI"),
    name: Annotated[str, Option(metavar="NAME", help="What it is called.")] = "Internet Motion Sensor",
    days: Days = 3650,
) -> None:
    """Make a deployment's own authority in a new folder. Whoever has its ca.key can be anybody: keep it offline."""
    from ims.pki.authority import create_authority
    from ims.pki.certificate import fingerprint, moment

    act_as_owner(folder)
    made = create_authority(folder, name, days)
    until = moment(made.certificate.not_valid_after_utc)
    print(f"{folder}: authority {name!r}, until {until}\nfingerprint {fingerprint(made.certificate)}")
    note("next: `ims pki issue NAME --role sensor|portal|operator`, for each daemon and person")


@app.command(
    epilog=examples(
        "ims pki issue sensor-a --role sensor",
        "ims pki issue portal --role portal --out portal-tls",
        "ims pki issue alice --role operator --days 90",
    )
)
def issue(
    name: Annotated[str, Argument(metavar="NAME", help="Of the sensor, the portal or the person.")],
    *,
    role: Annotated[
        str, Option(metavar="sensor|portal|operator", help="What it is for: a sensor serves, the others call.")
    ],
    folder: Folder = Path("PKI"),
    out: Annotated[
        Path | None, Option(metavar="DIR", help="Where to write the files; PKI/out/NAME if not given.")
    ] = None,
    days: Days = 365,
) -> None:
    """Write NAME.pem, NAME.key, ca.pem and revoked.pem; for a sensor, print its entry in the portal's registry.

    A name may be issued again before its certificate ends: the new one has another serial number.
    """
    from ims.pki.authority import Authority
    from ims.pki.certificate import moment

    act_as_owner(folder)
    authority = Authority(folder)
    issued, written = authority.issue(name, role, out, days)
    serial = issued.identity.serial
    until = moment(issued.certificate.not_valid_after_utc)
    note(f"{written}: {name}.pem, {name}.key, ca.pem, revoked.pem; {role} {name}, until {until}")
    for other in authority.find(name):
        if other.identity.serial != serial and _is_live(other):
            note(f"it replaces {other.identity.serial}: revoke that once this one is in use")
    where = f"{name}'s machine" if role == "operator" else f"the {role}'s machine"
    note(f"next: move them to {where}, the key by a safe way and without a copy left behind")
    if role == "sensor":
        note("and enter it in the portal's registry:\n")
        print(f'[[sensor]]\nname = "{name}"\naddress = "HOST:PORT"\nserial = "{serial}"')
    else:
        print(f"serial {serial}")


@app.command(
    epilog=examples(
        "ims pki revoke alice", "ims pki revoke 2f1d0c5e9a7b4c6d8e0f1a2b3c4d5e6f", "ims pki revoke sensor-a --all"
    )
)
def revoke(
    what: Annotated[str, Argument(metavar="NAME|SERIAL", help="Whose certificate, or which.")],
    folder: Folder = Path("PKI"),
    all_: Annotated[bool, Option("--all", help="Every certificate of that name.")] = False,
) -> None:
    """Take a certificate back: put it on the authority's list, revoked.pem, which daemons read."""
    from ims.pki.authority import Authority

    act_as_owner(folder)
    authority = Authority(folder)
    log = authority.log()
    found = authority.find(what)
    live = [one for one in found if _is_live(one)]
    if len(live) > 1 and not all_:
        listed = ", ".join(one.identity.serial for one in live)
        raise ValueError(f"{what} has {len(live)} certificates: {listed}; give one of these, or --all")
    owners = {one.identity.serial: f"{one.identity.role} {one.identity.name}, " for one in live or found}
    for serial, owner in (owners or {_unknown(authority, what): ""}).items():
        again = "" if authority.revoke(serial) else " before"
        print(f"revoked{again}: {owner}{serial}")
    warn(*log.problems)
    note(f"next: copy {folder / 'revoked.pem'} to every daemon; each takes it up at once, without a restart")


def _unknown(authority: Authority, what: str) -> str:
    """A serial number that isn't in the log: perhaps issued after a backup that was restored."""
    from ims.pki.authority import serial_of

    serial = serial_of(what)
    if serial is None:
        raise authority.unknown(what)
    note(f"{serial} is not in the log of {authority.folder}; it is put on the list anyway")
    return serial


@app.command(
    epilog=examples("ims pki show", "ims pki show sensor-a --format json", "ims pki show portal-tls/portal.pem")
)
def show(
    what: Annotated[
        str | None, Argument(metavar="[FILE|NAME]", help="A certificate, or whose; all without one.")
    ] = None,
    folder: Folder = Path("PKI"),
    format: Format = "table",
) -> None:
    """What was issued, until when it is valid, and whether it is revoked; warns of what ends within 30 days.

    A FILE may lie anywhere; ca.pem and revoked.pem are looked for in the authority's folder, then beside the file.
    """
    from ims.cli.present import print_rows
    from ims.pki.report import COLUMNS, show_file, show_log

    shown = show_file(Path(what), folder) if what is not None and _is_file(what, folder) else show_log(folder, what)
    print_rows(shown.rows, format, names=COLUMNS)
    if format == "table" and shown.authority:
        print(f"\n{shown.authority}")
    warn(*shown.warnings)


def _is_file(what: str, folder: Path) -> bool:
    """Whether it is a file rather than a name; an issued name takes precedence over a file of the same name."""
    from ims.pki.authority import Authority

    return "/" in what or (Path(what).is_file() and not ((folder / "ca.pem").exists() and Authority(folder).find(what)))


def _is_live(issued: Issued) -> bool:
    """Not revoked and not expired."""
    from datetime import UTC, datetime

    return issued.revoked is None and issued.certificate.not_valid_after_utc > datetime.now(UTC)
