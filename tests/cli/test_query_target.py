"""Whom a question goes to: stores, a portal or a lake, never two of them, and never a token that is none."""

from __future__ import annotations

import os
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from ims.cli.query_target import open_asked

from ..free_port import free_port
from ..stores import cli
from .refused import refused


@pytest.mark.parametrize("name", ["none", "folder", "empty.pcap", "dark.pcap"])
@pytest.mark.parametrize("command", [("query", "count"), ("export", "pcap", "--out", "x")])
def test_what_is_no_store_is_refused(bench: Path, name: str, command: tuple[str, ...]) -> None:
    refused(cli(*command, "--store", name, cwd=bench), name)
    assert not (bench / "x").exists()


IS_ORDINARY = os.geteuid() != 0  # a group may read a file of root's, as a daemon's key, and of nobody else's


@pytest.mark.parametrize(("mode", "is_said"), [(0o600, False), (0o640, IS_ORDINARY), (0o644, True), (0o622, True)])
def test_a_token_that_others_can_read_is_said_to_be(tmp_path: Path, mode: int, is_said: bool) -> None:
    token = tmp_path / "a token"
    token.write_text("ims_x")
    token.chmod(mode)
    done = cli("query", "count", "--portal", f"http://127.0.0.1:{free_port()}", "--token-file", token)
    assert done.returncode == 2
    assert (f"type `chmod 600 '{token}'`" in done.stderr) == is_said


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "found none"),
        (("--store", "S", "--lake", "L"), "found --store and --lake"),
        (("--portal", "http://127.0.0.1:1", "--store", "S", "--lake", "L"), "--store and --portal and --lake"),
        (("--store", "S", "--token-file", "t"), "go with --portal"),
        (("--lake", "L", "--ca", "c.pem"), "go with --portal"),
        (("--store", "S", "--engine", "duckdb"), "go with --lake"),
        (("--store", "S", "--lake-config", "f"), "go with --lake"),
        (("--lake", "L", "--engine", "sqlite"), "--engine 'sqlite'"),
        (("--portal", "http://127.0.0.1:1"), "--token-file FILE, or IMS_TOKEN"),
        (("--store", "S", "--format", "xml"), "--format 'xml'"),
    ],
)
def test_it_is_one_of_three_with_the_options_of_that_one(
    tmp_path: Path, words: tuple[str, ...], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("IMS_TOKEN", raising=False)
    refused(cli("query", "count", *words, cwd=tmp_path), says)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("octets", [b"", b"\n", b"two words", b"\xff\xfe", b"a\x00b", b"x" * 513, b"a\r\nX-Other: b"])
def test_a_file_that_holds_no_token_is_named_and_its_content_is_not(tmp_path: Path, octets: bytes) -> None:
    file = tmp_path / "token"
    file.write_bytes(octets)
    file.chmod(0o600)
    with pytest.raises(ValueError, match=f"^{re.escape(str(file))} holds no token: .*one line") as said:
        open_asked(portal="http://127.0.0.1:1", token_file=file)
    assert len(octets) < 2 or octets.decode("latin-1") not in str(said.value)


class Portal(BaseHTTPRequestHandler):
    """Lets nobody in and notes who asked."""

    asked: ClassVar[list[str | None]] = []

    def do_POST(self) -> None:
        self.asked.append(self.headers.get("Authorization"))
        self.send_error(401)

    do_GET = do_POST  # noqa: N815

    def log_message(self, *words: object) -> None:
        pass


@pytest.mark.parametrize(("in_file", "token"), [("ims_file\r\n", "ims_file"), (None, "ims_environment")])
def test_the_token_is_the_file_s_or_the_environment_s(
    tmp_path: Path, in_file: str | None, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMS_TOKEN", " ims_environment\n")
    Portal.asked.clear()
    file = None
    if in_file is not None:
        file = tmp_path / "token"
        file.write_bytes(in_file.encode())
        file.chmod(0o600)
    with ThreadingHTTPServer(("127.0.0.1", 0), Portal) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with (
            open_asked(portal=f"http://127.0.0.1:{server.server_port}", token_file=file) as telescope,
            pytest.raises(OSError, match="401 Unauthorized"),
        ):
            telescope.count()
        server.shutdown()
    assert set(Portal.asked) == {f"Bearer {token}"}


def test_a_sensor_that_is_in_two_stores_is_said(
    one_store: Path, three_stores: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    with open_asked(store=three_stores):
        assert capsys.readouterr().err == ""
    with open_asked(store=[one_store, three_stores[1]]):
        said = capsys.readouterr().err
    assert said == f"ims: sensor 'a' is in {one_store} and {three_stores[1]}: its rows are taken for one sensor's\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away; CI is root")
def test_a_group_may_read_a_token_of_root_s_and_no_other_s(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    token = tmp_path / "token"
    token.write_text("ims_x")
    token.chmod(0o640)
    for owner, is_said in ((0, False), (65534, True)):
        os.chown(token, owner, 0)
        open_asked(portal="http://127.0.0.1:1", token_file=token).close()
        assert ("can be read by others (mode 0640)" in capsys.readouterr().err) == is_said
