"""Files that a command can't use: one line, exit status 2, the file's name and what is true of it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from .. import forked
from ..stores import BLOCK, LIKE_OTHERS, needs_programs

pytestmark = needs_programs(*LIKE_OTHERS[:1])

QUERY = ("query", "count", "--store", "S")
LAKE = ("query", "count", "--lake", "L")
REVOKE = ("pki", "revoke", "a", "--folder", "P")
PORTAL = ("query", "count", "--portal", "https://127.0.0.1:1", "--token-file", "token", "--ca", "ca.pem")
EXPORT = ("export", "pcap", "--store", "S", "--out", "out.pcap")


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """`ims` in that folder, without root's leave to read and write everything."""
    return subprocess.run(
        [forked.ims(LIKE_OTHERS), *words], cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, samples: dict[int, Path]) -> Path:
    """A store S, a lake L, an authority P, the token and the authority of a portal, and accounts."""
    folder = tmp_path_factory.mktemp("made")
    shutil.copy(samples[1], folder / "dark.pcap")
    for words in (
        ("ingest", "dark.pcap", "--store", "S", "--sensor", "a", "--block", BLOCK),
        ("ship", "--store", "S", "--to", "L"),
        ("pki", "init", "--folder", "P"),
        ("pki", "issue", "a", "--role", "sensor", "--folder", "P", "--out", "tls"),
    ):
        done = run(folder, *words)
        assert done.returncode == 0, done.stderr
    shutil.copy(folder / "P/ca.pem", folder / "ca.pem")
    (folder / "token").write_text("ims_token\n")
    (folder / "token").chmod(0o600)
    return folder


@pytest.fixture
def place(tmp_path: Path, made: Path) -> Iterator[Path]:
    """A copy of it."""
    place = tmp_path / "place"
    shutil.copytree(made, place)
    yield place
    subprocess.run(["chmod", "-R", "u+rwx", place], check=True)


def first(folder: Path, pattern: str) -> Path:
    return sorted(folder.glob(pattern))[0]


def remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def missing(path: Path) -> None:
    remove(path)


def unreadable(path: Path) -> None:
    path.chmod(0)


def listless(path: Path) -> None:
    """One may pass through the folder, and not see what is in it."""
    path.chmod(0o111)


def folder(path: Path) -> None:
    remove(path)
    path.mkdir()


def file(path: Path) -> None:
    remove(path)
    path.write_text("")


def empty(path: Path) -> None:
    path.write_bytes(b"")


def damaged(path: Path) -> None:
    path.write_bytes(b"\xff\x00\x01" * 50)


def private(path: Path) -> None:
    path.parent.chmod(0)


def loop(path: Path) -> None:
    remove(path)
    path.symlink_to(path.name)


def link(path: Path) -> None:
    path.symlink_to("nowhere")


PACKETS = "S/packets/sensor=a/date=*/hour=03/*.parquet"
SHIPPED = "L/packets/sensor=a/date=*/hour=03/*.parquet"
LEDGER = "_lake/sensor=a.json"
GONE, DENIED = "No such file or directory", "Permission denied"
IS_FOLDER, NO_FOLDER, LOOP = "Is a directory", "Not a directory", "Too many levels of symbolic links"


@pytest.mark.parametrize(
    ("words", "path", "spoil", "said"),
    [
        (QUERY, PACKETS, missing, f"{{path}}: {GONE}"),
        (QUERY, PACKETS, unreadable, f"{{path}}: {DENIED}"),
        (QUERY, PACKETS, folder, f"{{path}}: {IS_FOLDER}"),
        (QUERY, PACKETS, private, f"{{path}}: {DENIED}"),
        (QUERY, PACKETS, loop, "{path}: it is a link; a store, or a lake, holds files"),
        (QUERY, PACKETS, empty, "{path} is damaged: 0 octets where * were written; *"),
        (QUERY, PACKETS, damaged, "{path} is damaged: *; `ims store verify` lists all such files"),
        (EXPORT, PACKETS, missing, f"{{path}}: {GONE}"),
        (LAKE, SHIPPED, missing, f"{{path}}: {GONE}"),
        (LAKE, SHIPPED, unreadable, f"{{path}}: {DENIED}"),
        (QUERY, "S", missing, "{path}: no such store"),
        (QUERY, "S", file, "{path} is a file; expected the folder of a store"),
        (QUERY, "S", loop, f"{{path}}: {LOOP}"),
        (QUERY, "S/_state", listless, f"{{path}}: {DENIED}"),
        (QUERY, "S/store.json", empty, "{parent} is no store: its store.json is damaged, or another program's"),
        (QUERY, "S/store.json", unreadable, f"{{path}}: {DENIED}"),
        (LAKE, "L", loop, f"{{path}}: {LOOP}"),
        (LAKE, "L/lake.json", damaged, "{parent} is no lake: its lake.json is damaged, or another program's"),
        (LAKE, "L/_lake", unreadable, f"{{path}} can't be listed: {DENIED}"),
        (LAKE, "L/_lake", file, f"{{path}} can't be listed: {NO_FOLDER}"),
        (LAKE, f"L/{LEDGER}", unreadable, f"{{path}} can't be read: {DENIED}"),
        (REVOKE, "P", file, "P is no folder; expected an authority's"),
        (REVOKE, "P/ca.pem", loop, f"P/ca.pem: {LOOP}"),
        (REVOKE, "P/issued", unreadable, f"P/issued: {DENIED}"),
        (REVOKE, "P/issued/*.pem", unreadable, "P issued nothing to 'a'; it has issued certificates to nobody, and can't tell of all: "
         "P/issued/*.pem may not be read by this user: it has mode 0000 and belongs to *"),
        (REVOKE, "P/issued/*.pem", loop, f"*, and can't tell of all: P/issued/*.pem: {LOOP}"),
        (PORTAL, "ca.pem", missing, "ca.pem: no such file; expected certificates in PEM"),
        (PORTAL, "ca.pem", folder, f"ca.pem: {IS_FOLDER}"),
        (PORTAL, "ca.pem", loop, f"ca.pem: {LOOP}"),
        (PORTAL, "ca.pem", empty, "ca.pem holds no certificate in PEM"),
        (PORTAL, "token", missing, f"token: {GONE}"),
        (PORTAL, "token", empty, "token holds no token: expected one line of letters, digits and signs"),
        (PORTAL, "token", damaged, "token holds no token: *"),
        (("ingest", "dark.pcap", "--store", "x/S", "--sensor", "a", "--block", BLOCK), "x", link,
         "x is a link that leads nowhere; expected a folder"),
        (("ingest", "dark.pcap", "--store", "token/S", "--sensor", "a", "--block", BLOCK), "token", file,
         "token is a file; expected a folder"),
        (("ingest", "dark.pcap", "--store", "token", "--sensor", "a", "--block", BLOCK), "token", loop,
         "token*link*"),
        (("pki", "init", "--folder", "x"), "x", link, "x is a link that leads nowhere; expected a folder"),
        (("pki", "init", "--folder", "tls/Q"), "tls", listless, f"*/tls/Q: {DENIED}"),
        (("pki", "issue", "b", "--role", "sensor", "--folder", "P", "--out", "token"), "token", file,
         "token is a file; expected a folder"),
        (("account", "list", "--accounts", "token"), "token", missing, "token isn't there; *"),
        (("account", "list", "--accounts", "token"), "token", loop, f"token: {LOOP}"),
        (("simulate", "flood", "--scale", "0.001", "--out", "o.pcap", "--truth", "token"), "token", loop,
         f"token: {LOOP}"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file_is_said(
    place: Path, words: tuple[str, ...], path: str, spoil: Callable[[Path], None], said: str
) -> None:
    spoilt = place / path if "*" not in path else first(place, path)
    spoil(spoilt)
    done = run(place, *words)
    assert done.returncode == 2, (done.stdout, done.stderr)
    [line] = [line for line in done.stderr.splitlines() if not line.startswith("ims: compiling ")]
    assert fnmatchcase(line, f"ims: {said.format(path=spoilt, parent=spoilt.parent)}")


def test_an_authority_shows_what_it_can_and_names_what_it_can_t_read(place: Path) -> None:
    assert run(place, "pki", "issue", "b", "--role", "sensor", "--folder", "P").returncode == 0
    loop(first(place, "P/issued/*.pem"))
    done = run(place, "pki", "show", "--folder", "P")
    assert done.returncode == 0
    assert done.stderr.endswith(f".pem: {LOOP}; left out\n")
    assert "[Errno" not in done.stderr


def test_a_folder_of_others_is_no_store_whatever_is_in_it(tmp_path: Path) -> None:
    """A link that leads nowhere, as /etc may have, is not what is wrong with it."""
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "link").symlink_to("nowhere")
    done = run(tmp_path, "ship", "--store", "notes", "--to", "LAKE")
    assert (done.returncode, done.stderr) == (
        2,
        "ims: notes is no store: it has no store.json; `ims ingest` makes one\n",
    )


def test_who_runs_a_command_is_told_of_no_setting(place: Path) -> None:
    (place / "S" / "store.json").chmod(0)
    done = run(place, "ship", "--store", "S", "--to", "LAKE")
    assert done.returncode == 2
    assert done.stderr.endswith("; change the mode or the owner, or run this as another user\n"), done.stderr
