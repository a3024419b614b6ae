"""`ims queryd`: what stands in its way is said in one line."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from ..stores import cli


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"store": "/nowhere/STORE"}, "/nowhere/STORE"),
        ({"listen": "0.0.0.0:1"}, "without [tls]"),
        ({"lisen": "127.0.0.1:1"}, "unknown key 'lisen'; meant listen?"),
        ({"user": "nobody-at-all"}, "nobody-at-all"),
    ],
)  # fmt: skip
def test_what_will_not_do_is_said_in_one_line(
    tmp_path: Path, one_store: Path, change: dict[str, str], said: str
) -> None:
    if "user" in change and os.geteuid() != 0:
        pytest.skip("only root becomes another user; CI is root")
    config = tmp_path / "queryd.toml"
    words = {"store": str(one_store), "listen": "127.0.0.1:9443", **change}
    words |= {} if "user" in change else {"user": "root"}
    config.write_text("\n".join(f"{name} = {json.dumps(value)}" for name, value in words.items()))
    done = cli("queryd", "--config", config)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


def test_without_settings_it_says_what_it_wants(tmp_path: Path) -> None:
    for words in ([], ["--config", tmp_path / "absent.toml"], ["--store", tmp_path]):
        done = cli("queryd", *words)
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
