"""A unit is read as systemd reads it: file and drop-ins, later lines after earlier ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ims.install.unit import unit_text
from ims.install.unit_file import UnitFile, installed, option

from ..effort import examples

SHIP = unit_text("ship", Path("/opt/ims"))


def unit(*lines: str) -> UnitFile:
    return UnitFile("ims-x", ["[Service]\n" + "\n".join(lines)])


def test_drop_ins_are_read_in_order_and_the_administrator_s_hide_others(tmp_path: Path) -> None:
    etc, run = tmp_path / "etc", tmp_path / "run"
    for folder, name, text in (
        (etc, "20.conf", "User=b"), (etc, "10.conf", "User=a"), (run, "20.conf", "User=c"), (run, "30.conf", "Group=d"),
    ):  # fmt: skip
        place = folder / "ims-sensor.service.d"
        place.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(f"[Service]\n{text}\n[Install]\nUser=no\n")
    assert installed("ims-sensor", [str(etc), str(run)]) is None
    (run / "ims-sensor.service").write_text("[Service]\nUser=ims\nExecStart=/bin/x \\\n# a comment\n  --config /y\n")
    found = installed("ims-sensor", [str(etc), str(run)])
    assert found is not None
    assert (found.last("User"), found.last("Group")) == ("b", "d")
    assert option(found.command(), "--config") == "/y"


def test_variables_are_put_into_the_command() -> None:
    words = UnitFile("ims-ship", [SHIP]).command({"IMS_LAKE": "s3://a/b c"})
    assert option(words, "--to") == "s3://a/b c"
    assert option(words, "--store") == "/var/lib/ims/store"
    assert option(UnitFile("ims-ship", [SHIP]).command(), "--to") == ""
    assert option(["ims", "--config=/x"], "--config") == "/x"
    assert option(["ims"], "--config") is None


def test_of_a_list_an_empty_line_begins_anew_and_quotes_and_percents_are_systemd_s() -> None:
    found = unit("ReadWritePaths=/a /b", "ReadWritePaths=", 'ReadWritePaths="/c d" /e%%f', "ReadWritePaths=-/g")
    assert found.words("ReadWritePaths") == ["/c d", "/e%f", "-/g"]
    assert unit().words("ReadWritePaths") == []
    assert unit("User=a", "User=b").last("User") == "b"
    assert unit("User=a", "User=").last("User") == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[Unit]\nUser=no\n[Service]\nUser=yes\n[Install]\nUser=no\n", "yes"),
        ("[Service]\n#User=no\n;User=no\n  User = yes \n", "yes"),
        ("[Service]\nUser=a\\\n  b\n", "a b"),
        ("User=no\n", ""),
    ],
)
def test_only_lines_of_the_section_count(text: str, said: str) -> None:
    assert UnitFile("ims-x", [text]).last("User") == said


def test_a_user_who_is_not_there_is_a_stranger() -> None:
    assert unit("User=nobody-at-all").stranger() == "nobody-at-all"
    assert unit("User=nobody-at-all").user() is None
    for known in ("User=root", "User=nobody", "", "User=12345", "User=nobody-at-all\nDynamicUser=yes"):
        assert unit(known).stranger() == "", known
    found = unit("User=nobody").user()
    assert found is not None
    assert found.pw_name == "nobody"


@given(st.text(alphabet="[]Service=Us\\\n\r #;\"'$%{}a/", max_size=60))
@settings(max_examples=examples(400, 80))
def test_no_text_makes_it_fail(text: str) -> None:
    found = UnitFile("ims-x", [text, "[Service]\nUser=last"])
    assert found.last("User") == "last"
    found.command({"a": "b"})
    unit(f"ExecStart={text}").command()
