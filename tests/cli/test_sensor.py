"""`ims sensor`: a command line that won't do is refused in one line, before anything is made."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..sensor.test_config import DOCUMENT
from ..stores import BLOCK, cli
from .refused import refused

SENSOR = ("--interface", "eth0", "--store", "S", "--sensor", "a", "--block", BLOCK)


def test_a_policy_that_is_none_is_refused_in_plain_words(tmp_path: Path) -> None:
    done = cli("sensor", *SENSOR, "--policy", "odd", cwd=tmp_path)
    refused(done, "ims: --policy 'odd': expected one of silent, synack, ack, reset\n")


POLICIES = {
    '"odd"': "block.0.policy = 'odd': expected 'silent', 'synack', 'ack' or 'reset', or a table",
    "7": "block.0.policy = 7: expected 'silent', 'synack', 'ack' or 'reset', or a table",
    '{ "80" = "odd", default = "ack" }': "block.0.policy.80 = 'odd': expected 'silent', 'synack', 'ack' or 'reset'\n",
    '{ "80" = "ack", "99999" = "ack" }': "99999",
}


@pytest.mark.parametrize("policy", POLICIES)
def test_a_policy_in_a_file_that_is_none_says_where(tmp_path: Path, policy: str) -> None:
    file = tmp_path / "sensor.toml"
    file.write_text(
        'name = "a"\nstore = "S"\ninterfaces = ["eth0"]\n'
        f'[[block]]\nname = "C/24"\nprefix = "198.51.100.0/24"\npolicy = {policy}\n'
    )
    refused(cli("sensor", "--config", file, cwd=tmp_path), POLICIES[policy])
    assert not (tmp_path / "S").exists()


def test_nothing_to_watch(tmp_path: Path) -> None:
    def say(says: str, *words: str) -> None:
        refused(cli("sensor", *words, cwd=tmp_path), says)

    say("--interface, --store, --sensor, --block missing")
    whole = ["--store", "S", "--sensor", "a", "--block", BLOCK]
    say("no interface 'nothing0'; there are", *whole, "--interface", "nothing0")
    say("NAME=CIDR", *whole, "--interface", "lo", "--block", "198.51.100.0/24")
    say("'loud'", *whole, "--interface", "lo", "--policy", "loud")
    say("--reply-limit 'few'", *whole, "--interface", "lo", "--reply-limit", "few")
    say("not both", *whole, "--config", "s.toml")
    say("nothing.pcap", *whole, "--replay", "nothing.pcap")


@pytest.mark.parametrize(
    ("policy", "says"),
    [('{"1-10" = "ack", 5 = "reset"}', "ports 5 have two policies"), ('{x = "ack"}', "ports 'x'")],
)
def test_policies_by_port(tmp_path: Path, policy: str, says: str) -> None:
    (tmp_path / "s.toml").write_text(f"{DOCUMENT}policy = {policy}\n")
    refused(cli("sensor", "--config", "s.toml", cwd=tmp_path), says)


def test_words_before_a_command_of_its_own_are_refused(tmp_path: Path) -> None:
    refused(cli("sensor", "--store", "S", "rename", "a", "b", "--store", "S", cwd=tmp_path), "stand behind its name")
