"""A sensor behind NAT, as docs/deploy.md shows it: it reaches the portal's machine by SSH, and the portal reaches its
query daemon through that connection. Certificates are the same: names are checked, addresses aren't."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ims.portal.federation.registry import RegisteredSensor
from ims.simulate.namespaces import PEER, Namespaces, may_make_namespaces

from ..queryd.waiting import DEADLINE, until
from ..stores import IMS

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/bin") or ""
DOCS = (Path(__file__).parents[2] / "docs" / "deploy.md").read_text()
ASK = """
import json, sys
from pathlib import Path
from ims.link.contract import Ask
from ims.pki.credentials import Credentials
from ims.portal.federation.fault import Fault
from ims.portal.federation.merge import MergeEngines
from ims.portal.federation.peer import Peer
from ims.portal.federation.registry import RegisteredSensor
from ims.query.question import Question
from ims.query.request import make_request

sensor, own, seconds = RegisteredSensor.model_validate_json(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])
peer = Peer(sensor, Credentials.read(own / "portal.pem", own / "portal.key", own / "ca.pem"))
question, merging = Question(plan="count", request=make_request("count", None)), MergeEngines(1, 128 << 20, 1)
schemas = {f"0/{name}": schema for name, schema in merging.schemas(question).items()}
try:
    hello = peer.hello(seconds)
    parts, end = peer.ask(Ask(version=2, questions=(question,), seconds=seconds), schemas)
    answer = merging.merge(question, {name[2:]: [table] for name, table in parts.items()}).to_pylist()[0]
    print(json.dumps({"sensors": hello.sensors, "packets": answer["packets"]}))
except Fault as fault:
    print(json.dumps({"fault": fault.kind, "text": fault.text}))
"""


@pytest.fixture
def net() -> Iterator[Namespaces]:
    if not may_make_namespaces():
        pytest.skip("network namespaces may not be made here; CI makes them")
    if not (SSHD and shutil.which("ssh") and shutil.which("ssh-keygen")):
        pytest.skip("openssh-server or openssh-client is missing; CI has them")
    with Namespaces() as made:
        yield made


@contextlib.contextmanager
def program(words: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as out:
        process = subprocess.Popen(words, stdout=out, stderr=out, stdin=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(DEADLINE)


def keys(folder: Path) -> None:
    for name in ("host", "tunnel"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", folder / name], check=True)


def sshd_config(folder: Path, user: str, restriction: str) -> Path:
    (folder / "authorized").write_text(f"{restriction} {(folder / 'tunnel.pub').read_text()}")
    config = folder / "sshd_config"
    config.write_text(
        f"Port 22\nListenAddress {PEER}\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/authorized\n"
        f"PidFile none\nUsePAM no\nStrictModes no\nPasswordAuthentication no\nAllowUsers {user}\nPermitRootLogin yes\n"
    )
    return config


def printed(pattern: str) -> str:
    """What docs/deploy.md prints."""
    found = re.search(pattern, DOCS, re.MULTILINE)
    assert found is not None, pattern
    return found[1]


def test_a_sensor_behind_nat_is_reached_through_ssh(net: Namespaces, tmp_path: Path, one_store: Path) -> None:
    """The portal is the peer, which can't reach the sensor's machine: a firewall there lets nothing in but answers."""
    from ims.pki.authority import create_authority

    folder = tmp_path
    authority = create_authority(folder / "PKI", "Test", 3650)
    issued, _ = authority.issue("a", "sensor", folder / "a")
    authority.issue("portal", "portal", folder / "portal")
    keys(folder)

    # As printed, but for names of machines, users and files.
    restriction = printed(r"^(restrict,port-forwarding,\S+) ssh-ed25519")
    port = int(re.search(r'permitlisten="127\.0\.0\.1:(\d+)"', restriction)[1])  # type: ignore[index]
    forward = printed(r"ExecStart=/usr/bin/ssh (.*) tunnel@portal\.example\.net")
    assert f"-R 127.0.0.1:{port}:127.0.0.1:9443" in forward
    assert f"ims registry add sensor-b --address 127.0.0.1:{port} " in DOCS
    user = pwd.getpwuid(os.geteuid()).pw_name
    forward = re.sub(r"-i \S+", f"-i {folder}/tunnel", forward)
    forward = re.sub(r"UserKnownHostsFile=\S+", f"UserKnownHostsFile={folder}/known", forward)
    host_key = (folder / "host.pub").read_text().split()
    (folder / "known").write_text(f"{PEER} {host_key[0]} {host_key[1]}\n")
    ssh = ["ssh", "-F", "none", *forward.split(), f"{user}@{PEER}"]

    config = folder / "queryd.toml"
    config.write_text(
        f'store = "{one_store}"\nlisten = "127.0.0.1:9443"\nuser = "root"\n[tls]\ncertificate = "{folder}/a/a.pem"\n'
        f'key = "{folder}/a/a.key"\nca = "{folder}/a/ca.pem"\nrevoked = "{folder}/PKI/revoked.pem"\n'
    )
    Path("/run/sshd").mkdir(exist_ok=True)
    sshd = net.at_peer(SSHD, "-D", "-e", "-f", sshd_config(folder, user, restriction))
    queryd = net.at_machine(IMS, "queryd", "--config", config)

    def asked(serial: str = issued.identity.serial, seconds: float = DEADLINE) -> Any:
        sensor = RegisteredSensor(name="a", address=f"127.0.0.1:{port}", serial=serial)
        words = net.at_peer(IMS.parent / "python", "-c", ASK, sensor.model_dump_json(), folder / "portal", str(seconds))
        done = subprocess.run(words, capture_output=True, text=True, timeout=2 * DEADLINE, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    with program(queryd, folder / "queryd.log"), program(sshd, folder / "sshd.log") as server:
        until(lambda: b"listening" in (folder / "queryd.log").read_bytes())
        until(lambda: b"Server listening" in (folder / "sshd.log").read_bytes() or server.poll() is not None)
        assert server.poll() is None, (folder / "sshd.log").read_text()
        assert asked(seconds=1)["fault"] == "unreachable"
        with program(net.at_machine(*ssh), folder / "ssh.log") as client:
            until(lambda: forwarded(net, port) or client.poll() is not None)
            assert client.poll() is None, (folder / "ssh.log").read_text() + (folder / "sshd.log").read_text()
            assert asked() == {"sensors": ["a"], "packets": 3000}
            assert asked(serial="0" * 32, seconds=5)["fault"] in ("certificate", "unreachable")
        until(lambda: not forwarded(net, port))
        assert asked(seconds=1)["fault"] == "unreachable"
        for refused in (f"0.0.0.0:{port}:127.0.0.1:9443", f"127.0.0.1:{port + 1}:127.0.0.1:9443"):
            other = [refused if word.startswith("127.0.0.1:") else word for word in ssh]
            done = subprocess.run(
                net.at_machine(*other), capture_output=True, timeout=DEADLINE, check=False, stdin=subprocess.DEVNULL
            )
            assert done.returncode != 0, refused


def forwarded(net: Namespaces, port: int) -> bool:
    words = net.at_peer("ss", "-Hltn", f"sport = :{port}")
    return bool(subprocess.run(words, capture_output=True, check=True).stdout.strip())
