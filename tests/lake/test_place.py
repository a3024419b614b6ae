"""Objects in a folder and in a bucket behave alike: whole or not there, and errors are one line."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest
from pyarrow.fs import S3FileSystem

from ims.cause import beneath
from ims.lake.place import open_place


def test_objects_are_written_read_listed_and_removed(uri):
    place = open_place(uri)
    assert place.names() == []
    place.write("a/b/one", b"1")
    place.send("a/two", [b"2" * 700, b"", b"3" * 300])
    place.write("a/two", b"22")
    place.send("three", iter([]))
    assert place.names() == ["a/b/one", "a/two", "three"]
    assert place.names("a") == ["a/b/one", "a/two"]
    assert set(place.names(deep=False)) - {"_lake"} == {"a", "three"}
    assert place.read("a/two", 2) == b"22"
    assert [place.size(name) for name in ("a/b/one", "three", "a", "none")] == [1, 0, None, None]
    with pytest.raises(ValueError, match="a/two is larger than 1 octet"):
        place.read("a/two", 1)
    place.remove("a/two")
    place.remove("a/two")
    assert place.size("a/two") is None
    with pytest.raises(FileNotFoundError, match="/lake/a/two: no such object"):
        place.read("a/two", 9)
    with pytest.raises(FileNotFoundError):
        list(place.chunks("a/two"))


def test_an_object_of_many_parts_comes_back_in_pieces(uri):
    place = open_place(uri)
    content = [bytes([i % 251]) * 1_000_003 for i in range(23)]
    place.send("x", content)
    pieces = list(place.chunks("x", 1 << 16))
    assert max(map(len, pieces)) == 1 << 16
    assert b"".join(pieces) == b"".join(content)
    place.write("x", b"".join(content))
    assert place.size("x") == 23 * 1_000_003


@pytest.mark.parametrize("parts", [1, 23])
def test_an_object_whose_source_fails_is_not_there(uri, parts):
    place = open_place(uri)

    def fails():
        for _ in range(parts):
            yield bytes(1_000_000)
        raise ValueError("the source failed")

    with pytest.raises(ValueError, match="the source failed"):
        place.send("a/x", fails())
    assert place.size("a/x") is None
    assert place.names() == []


def test_what_a_killed_writer_left_aside_is_cleared_by_name(tmp_path):
    place = open_place(tmp_path)
    place.write("packets/sensor=a/x", b"")
    aside = tmp_path / "_lake/aside"
    for name in ("packets~sensor=a~x.0123", "packets~sensor=ab~x.0123"):
        (aside / name).touch()
    place.clear("packets/sensor=a/")
    assert [path.name for path in aside.iterdir()] == ["packets~sensor=ab~x.0123"]


PATHS = {"rel": "rel", "/abs": "/abs", "file:///a/b%20c": "/a/b c", "file://localhost/a": "/a"}


@pytest.mark.parametrize("text", PATHS)
def test_folders(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert open_place(text).root == str(tmp_path / PATHS[text])
    assert open_place(Path("x")).path("y") == tmp_path / "x/y"
    assert list(tmp_path.iterdir()) == []


def test_buckets(credentials):
    place = open_place("s3://bucket/a%20b/c/?region=eu-central-1&endpoint_override=http%3A%2F%2F127.0.0.1%3A9")
    assert place.root == "bucket/a b/c"
    assert place.path("x/y") == "bucket/a b/c/x/y"
    assert place.where == "s3://bucket/a b/c"
    assert isinstance(place.filesystem, S3FileSystem)
    assert place.filesystem.region == "eu-central-1"


def test_the_uri_of_a_place_opens_the_same_place(uri):
    place = open_place(uri)
    place.write("x", b"1")
    assert open_place(place.uri).uri == place.uri
    assert open_place(place.uri).read("x", 1) == b"1"


REFUSED = {
    "": "wanted a folder, or s3://bucket/prefix",
    "ftp://h/x": "no lake can be at ftp://",
    "file://host/x": "wanted file:///FOLDER",
    "file:///x?y=1": "wanted file:///FOLDER",
    "s3://": "wanted a bucket",
    "s3:///x": "wanted a bucket",
    "s3://key:hushhush@bucket/x": "credentials don't belong into the URI",
    "s3://key@bucket/x": "credentials don't belong into the URI",
    "s3://b/x?access_key=hushhush": "option 'access_key': wanted endpoint_override, region, scheme, once",
    "s3://b/x?allow_bucket_creation=true": "option 'allow_bucket_creation'",
    "s3://b/x?region=": "option 'region'",
    "s3://b/x?region=a&region=b": "option 'region'",
    "s3://b/x?scheme=gopher": "scheme 'gopher': wanted http or https",
    "s3://b/x?endpoint_override=http%3A%2F%2Fk%3Ahushhush%40h": "endpoint_override: wanted http://HOST:PORT, without",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_place_is_refused_and_no_secret_repeated(text):
    with pytest.raises(ValueError) as raised:
        open_place(text)
    assert REFUSED[text] in str(raised.value)
    assert "hushhush" not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_errors_are_one_line_that_names_the_object(tmp_path, bucket_uri, bucket):
    (tmp_path / "file").touch()
    place = open_place(tmp_path / "file")
    gone = open_place(bucket_uri.replace(bucket, "no-such-bucket"))
    for do, says in (
        (lambda: place.write("x", b""), f"{tmp_path}/file/x can't be written: "),
        (lambda: gone.write("x", b""), "s3://no-such-bucket/a/lake/x can't be written: "),
        (lambda: gone.send("x", [b"1"]), "s3://no-such-bucket/a/lake/x can't be written: there is no such bucket$"),
    ):
        with pytest.raises(OSError, match=says) as raised:
            do()
        assert "\n" not in str(raised.value)
        assert re.search("Request ID|AWS|curl|When ", str(raised.value)) is None


def test_an_object_store_that_is_not_there_is_said_to_be_so(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    monkeypatch.setattr("ims.lake.bucket.ATTEMPTS", 1)
    with socket.socket() as closed:  # bound, and not listening
        closed.bind(("127.0.0.1", 0))
        place = open_place(f"s3://b/x?endpoint_override=http%3A%2F%2F127.0.0.1%3A{closed.getsockname()[1]}")
        with pytest.raises(OSError, match="looked for") as raised:
            place.size("o")
    assert str(raised.value) == "s3://b/x/o can't be looked for: the object store can't be reached, or breaks off"
    assert "AWS" in beneath(raised.value)
