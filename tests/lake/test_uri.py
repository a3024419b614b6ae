"""The URI of a lake opens its place, or is refused in one line that repeats no secret."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyarrow.fs import S3FileSystem

from ims.lake.uri import open_place

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
    "": "expected a folder, or s3://bucket/prefix",
    "ftp://h/x": "unsupported scheme ftp://",
    "file://host/x": "expected file:///FOLDER",
    "file:///x?y=1": "expected file:///FOLDER",
    "s3://": "expected a bucket",
    "s3:///x": "expected a bucket",
    "s3://key:hushhush@bucket/x": "credentials are not allowed in the URI",
    "s3://key@bucket/x": "credentials are not allowed in the URI",
    "s3://b/x?access_key=hushhush": "option 'access_key': expected endpoint_override, region, scheme, once",
    "s3://b/x?allow_bucket_creation=true": "option 'allow_bucket_creation'",
    "s3://b/x?region=": "option 'region'",
    "s3://b/x?region=a&region=b": "option 'region'",
    "s3://b/x?scheme=gopher": "scheme 'gopher': expected http or https",
    "s3://b/x?endpoint_override=http%3A%2F%2Fk%3Ahushhush%40h": "endpoint_override: expected http://HOST:PORT, without",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_place_is_refused_and_no_secret_repeated(text):
    with pytest.raises(ValueError) as raised:
        open_place(text)
    assert REFUSED[text] in str(raised.value)
    assert "hushhush" not in str(raised.value)
    assert "\n" not in str(raised.value)
