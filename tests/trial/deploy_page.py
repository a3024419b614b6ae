"""docs/deploy.md, followed: from nothing to a question that two sensors answer, an upgrade, a backup that is put back."""

from __future__ import annotations

import shutil

from .deployment import CHECKOUT, SOURCES, Trial
from .page import Block
from .sensor_page import follow_for_sensor_b
from .sources import unpack_newer

PASSWORD = "a long enough password"
"""Of an account that lives for a minute."""
UPGRADED = ("sensor-a", "portal")
"""Sensor-b stays as it is: neighbouring versions understand each other."""


def carry(day: Trial, name: str, machine: str) -> None:
    """A folder that the authority issued, over a way that one trusts."""
    shutil.copytree(day["authority"].path(f"/root/{name}"), day[machine].path(f"/root/{name}"))


def upgrade(day: Trial, *, kernels: bool = False) -> str:
    """Newer sources where they are to be, and their commit. `kernels`: they compile to others."""
    first, *others = (day[name].path(SOURCES) for name in UPGRADED)
    commit = unpack_newer(CHECKOUT, first, kernels=kernels)
    for other in others:
        shutil.rmtree(other)
        shutil.copytree(first, other, symlinks=True)
    return commit


def follow_deploy_page(day: Trial) -> None:
    """All of it, after docs/sensor.md at sensor-a. What is upgraded to is a commit whose kernels are the same."""

    def carried(day: Trial, _: Block) -> None:
        for name in ("sensor-a", "sensor-b"):
            carry(day, name, name)

    def certificates(day: Trial, _: Block) -> None:
        """What `portal.example.net` has from an authority that people trust."""
        portal = day["portal"]
        portal.run(
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=portal.example.net"
            " -addext subjectAltName=DNS:portal.example.net -keyout privkey.pem -out fullchain.pem 2>&1\n"
            "install -m 640 -g ims fullchain.pem privkey.pem -t /etc/ims/https\n"
            "cp fullchain.pem /usr/local/share/ca-certificates/portal.crt; update-ca-certificates"
        )

    def authorized(day: Trial, block: Block) -> Block:
        key = day["sensor-b"].path("/etc/ims/tunnel.pub").read_text().strip()
        line = block.text.replace("ssh-ed25519 AAAA… sensor-b", key)
        assert key in line
        return Block("text", line, "the portal", "/home/tunnel/.ssh/authorized_keys")

    def revoked(day: Trial, _: Block) -> None:
        authority = day["authority"]
        authority.run("ims pki issue mallory --role portal; ims pki revoke mallory")
        for name in ("sensor-a", "sensor-b", "portal"):
            shutil.copy(authority.path("/root/PKI/revoked.pem"), day[name].path("/root/revoked.pem"))

    def password(day: Trial, block: Block) -> Block:
        return block._replace(typed=f"{PASSWORD}\n")

    def tunnelled(day: Trial, _: Block) -> None:
        day["portal"].until("ss -Hltn | grep 127.0.0.1:9501", "systemctl is-active --quiet ssh")

    def newer(day: Trial, block: Block) -> Block:
        upgrade(day)
        return block._replace(place="sensor-a")

    def lost(day: Trial, _: Block) -> None:
        """What the copy of the accounts is for."""
        day["portal"].run("ims account remove alice --accounts /var/lib/ims-portal/accounts.db")
        assert "alice" not in day["portal"].run("ims account list --accounts /var/lib/ims-portal/accounts.db")

    def from_root(day: Trial, _: Block) -> None:
        for machine in day.machines.values():
            machine.run("cd")

    day.follow(
        "deploy.md", "nowhere",
        hooks={
            'name = "D/20"': follow_for_sensor_b,
            "sensor-?/*": carried,
            "portal/*": lambda day, _: carry(day, "portal", "portal"),
            "--role portal --out": from_root,
            "AAAA…": authorized,
            "[https]": certificates,
            "registry add": tunnelled,
            "account add": password,
            "revoked.pem.new": revoked,
            "restart ims-queryd": newer,
            "accounts.db-*": lost,
        },
        not_run={},
    )  # fmt: skip
