"""The portal part of `ims demo`: three sensors' stores, their query daemons and a portal, each with its certificate."""

from __future__ import annotations

import json
import os
import secrets
import shlex
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from ims.cli.demo_process import daemon, say_quietly, show, typed, until_listening
from ims.full_disk import naming

BLOCKS = {"a": "A/16=198.18.0.0/16", "b": "B/24=198.51.100.0/24", "c": "C/24=198.51.100.0/24"}
ORGANISATIONS = {"a": "Example University", "b": "Example Provider", "c": "Example CERT"}
TLS = """
[tls]
certificate = "{tls}/{name}.pem"
key = "{tls}/{name}.key"
ca = "{tls}/ca.pem"
revoked = "{tls}/revoked.pem"
"""
QUERYD = 'store = "{store}"\nlisten = "127.0.0.1:{port}"\n'
PORTAL = """\
registry = "{folder}/registry.toml"
accounts = "{folder}/accounts.db"
audit = "{folder}/audit.jsonl"
listen = "127.0.0.1:{port}"
"""
QUESTIONS: Sequence[tuple[str, Sequence[str]]] = (
    ("One answer from all of them:", ["top", "block"]),
    ("Comparable, for it is divided by each block's size (paper, section 2.1):", ["top", "block", "--per-24"]),
    ("Sources that more than one sensor saw count once:", ["count", "tcp dst port 23"]),
)


def portal_demo(say: Callable[[str], None], capture: Path) -> None:
    """Start them, query, stop one, query again; on a terminal, leave them until Enter is pressed. `capture`: of sensor
    c. Raises OSError where something doesn't start."""
    folder = Path(tempfile.mkdtemp(prefix="ims-demo-"))
    folder.chmod(0o755)  # daemons that root starts become ordinary users
    try:
        with naming(folder):
            _deploy(say, folder, capture)
    finally:
        shutil.rmtree(folder)


def _deploy(say: Callable[[str], None], folder: Path, capture: Path) -> None:
    modern = folder / "modern.pcap"
    say_quietly("simulate", "modern", "--scale", "0.01", "--out", modern)
    entries = []
    ports = {name: _free_port() for name in (*BLOCKS, "portal")}
    pki, tls, own, user = folder / "PKI", folder / "tls", folder / "portal", _user()
    say_quietly("pki", "init", "--folder", pki, "--name", "Demo")
    for name, block in BLOCKS.items():
        data = capture if name == "c" else modern
        say_quietly("ingest", data, "--store", folder / name, "--sensor", name, "--block", block)
        issued = say_quietly("pki", "issue", name, "--role", "sensor", "--folder", pki, "--out", tls)
        entry = issued.replace("HOST:PORT", f"127.0.0.1:{ports[name]}")
        entries.append(f'{entry}organisation = "{ORGANISATIONS[name]}"\n')
        config = (QUERYD + TLS).format(store=folder / name, port=ports[name], tls=tls, name=name)
        (folder / f"queryd-{name}.toml").write_text(user + config)
    say_quietly("pki", "issue", "portal", "--role", "portal", "--folder", pki, "--out", tls)
    own.mkdir()
    (own / "registry.toml").write_text("\n".join(entries))
    (own / "portal.toml").write_text(
        user + (PORTAL + TLS).format(folder=own, port=ports["portal"], tls=tls, name="portal")
    )
    password = secrets.token_urlsafe(12)
    say_quietly("account", "add", "alice", "--role", "operator", "--accounts", own / "accounts.db", stdin=password)
    token = say_quietly("account", "token", "alice", "--label", "demo", "--accounts", own / "accounts.db").strip()
    (folder / "token").touch(0o600)
    (folder / "token").write_text(token + "\n")
    if not user:
        tls.chmod(0o755)  # the list of revoked certificates is read again later; keys are read before
        _hand_over(own)

    url = f"http://127.0.0.1:{ports['portal']}"
    with ExitStack() as stack:
        say("Three sensors' query daemons and a portal, each with a certificate of the deployment's own authority:")
        configs = {name: ("queryd", folder / f"queryd-{name}.toml") for name in BLOCKS}
        configs["portal"] = ("portal", own / "portal.toml")
        daemons = {name: stack.enter_context(daemon(*words)) for name, words in configs.items()}
        for name, (command, file) in configs.items():
            until_listening(command, file, daemons[name])
        ask = ["--portal", url, "--token-file", str(folder / "token")]
        stays = sys.stdin.isatty() and sys.stdout.isatty()
        for question, words in QUESTIONS:
            _ask(say, question, [*words, *ask], stays)
        daemons["b"].send_signal(signal.SIGKILL)
        daemons["b"].wait()
        _ask(say, "One sensor is gone; the answer says so:", ["top", "block", *ask], stays)
        if not stays:
            say("The portal ends here; on a terminal it goes on until Enter is pressed, to be asked.")
            return
        say(f"The portal: {url}/ (its API's description: {url}/api/v1/openapi.json)\nFirst login: alice, {password}")
        if shutil.which("curl") is not None:
            login = json.dumps({"name": "alice", "password": password})
            print(f"  $ {shlex.join(['curl', '-sS', f'{url}/api/v1/login', '--json', login])}", flush=True)
        with suppress(EOFError):
            input("In another terminal, in this folder, it can be asked as above, until you press Enter here. ")


def _ask(say: Callable[[str], None], what: str, words: Sequence[str], stays: bool) -> None:
    """`stays`: the portal does, so that the reader can run the same query."""
    say(f"{what}\n{typed('query', *words) if stays else f'  ims query {shlex.join(words)}'}")
    show("query", *words)


def _user() -> str:
    """The setting `user = "root"`, if the user that root's daemons become couldn't read the program."""
    from ims.process.file_access import check_program_readable
    from ims.process.privileges import user_to_become

    try:
        check_program_readable(user_to_become(None))
    except PermissionError:
        return 'user = "root"\n'
    return ""


def _hand_over(folder: Path) -> None:
    """Give the portal's files to the user that it becomes."""
    from ims.process.privileges import user_to_become

    user = user_to_become(None)
    if user is not None:
        for path in (folder, *folder.iterdir()):
            os.chown(path, user.pw_uid, user.pw_gid)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])
