"""docs/deploy.md runs as printed on Debian machines that boot systemd: from nothing to a question that two sensors answer."""

from __future__ import annotations

import json
import shutil

from .deployment import Trial
from .exposure import measured, printed
from .page import Block
from .sensor_page import follow_for_sensor_b

PASSWORD = "a long enough password"
"""Of an account that lives for a minute."""


def carry(day: Trial, name: str, machine: str) -> None:
    """A folder that the authority issued, over a way that one trusts."""
    shutil.copytree(day["authority"].path(f"/root/{name}"), day[machine].path(f"/root/{name}"))


def test_a_portal_and_its_sensors(day: Trial) -> None:
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
        day["portal"].run("until ss -Hltn | grep 127.0.0.1:9501 >/dev/null; do systemctl is-active --quiet ssh; done")

    def from_root(day: Trial, _: Block) -> None:
        for machine in day.machines.values():
            machine.run("cd")

    day.follow(
        "deploy.md", "nowhere",
        hooks={
            'name = "D/20"': follow_for_sensor_b,
            "sensor-a/*": lambda day, _: carry(day, "sensor-a", "sensor-a"),
            "sensor-b/*": lambda day, _: carry(day, "sensor-b", "sensor-b"),
            "portal/*": lambda day, _: carry(day, "portal", "portal"),
            "--role portal --out": from_root,
            "AAAA…": authorized,
            "[https]": certificates,
            "registry add": tunnelled,
            "account add": password,
            "revoked.pem.new": revoked,
        },
        not_run={},
    )  # fmt: skip
    said = day.printed("/api/v1/sensors")
    counted, end = json.JSONDecoder().raw_decode(said[said.index("{") :])
    states = json.loads(said[said.index("{") + end :])
    assert counted["answer"]["silent"] == {}
    assert set(counted["answer"]["sensors"]) == {"sensor-a", "sensor-b"}
    assert counted["rows"]["packets"] > 0
    assert {sensor["name"]: sensor["state"] for sensor in states["sensors"]} == dict.fromkeys(
        ("sensor-a", "sensor-b"), "answers"
    )


def test_the_units_are_as_closed_as_the_page_says(day: Trial) -> None:
    assert printed("deploy.md") == [measured(day["sensor-a"], "ims-queryd"), measured(day["portal"], "ims-portal")]


def test_what_runs_kernels_found_them_compiled(day: Trial) -> None:
    for name in ("sensor-a", "sensor-b", "portal"):
        assert day[name].run("find /var/cache/ims-* -type f") == "", name
    assert day["sensor-a"].run("find /var/cache/ims -name '*.nbi' -print -quit")


def test_the_doctor_finds_what_the_unit_s_user_can_t_use(day: Trial) -> None:
    """Root could: it is the unit that can't start."""
    sensor, key = day["sensor-a"], "/etc/ims/tls/sensor-a.key"
    sensor.run(f"chown root:root {key}; chmod 600 {key}")
    said = sensor.run("ims doctor --queryd /etc/ims/queryd.toml && exit 9 || true")
    assert key in said
    sensor.run("systemctl restart ims-queryd && exit 9 || true")
    sensor.run(f"chown root:ims {key}; chmod 640 {key}; systemctl reset-failed ims-queryd; systemctl start ims-queryd")
    sensor.run("ims doctor --queryd /etc/ims/queryd.toml")


def test_a_sensor_that_is_halted_is_said_to_be(day: Trial) -> None:
    """By queryd's unit, which sees little of /proc."""
    day["sensor-a"].run("systemctl kill --signal STOP ims-sensor")
    asked = (
        'curl -sS https://portal.example.net:8443/api/v1/sensors -H "Authorization: Bearer $IMS_TOKEN" | '
        "python3 -c 'import json, sys; "
        '[a] = [s for s in json.load(sys.stdin)["sensors"] if s["name"] == "sensor-a"]; '
        'sys.exit(a["watches"] is not {})\''
    )
    day["portal"].run(f"until {asked.format('False')}; do systemctl is-active --quiet ims-portal; done")
    day["sensor-a"].run("systemctl kill --signal CONT ims-sensor")
    day["portal"].run(f"until {asked.format('True')}; do systemctl is-active --quiet ims-portal; done")


def test_nothing_of_a_daemon_s_was_left_to_root(day: Trial) -> None:
    for name, folder, user in (
        ("sensor-a", "/var/lib/ims/store", "ims"), ("sensor-b", "/var/lib/ims/store", "ims"),
        ("portal", "/var/lib/ims-portal", "ims"),
    ):  # fmt: skip
        assert day[name].run(f"find {folder} ! -user {user}") == "", name
