"""A lake in a bucket: as another client of it sees it, and what is said where it can't be reached."""

from __future__ import annotations

import socket

import pytest

from ims.cause import beneath
from ims.lake.bucket import Bucket
from ims.lake.uri import open_place
from tests.lake.conftest import s3_client, s3_uri
from tests.lake.liar import proxy_before


def test_another_client_reads_what_was_written_and_the_other_way_round(bucket_uri, bucket, s3_server):
    place, client = open_place(bucket_uri), s3_client(s3_server)
    place.write("x y/é=1", b"ours")
    place.send("large", [b"12345" * 100] * 30)
    keys = [each["Key"] for each in client.list_objects_v2(Bucket=bucket)["Contents"]]
    assert sorted(keys) == ["a/lake/large", "a/lake/x y/é=1"]
    assert client.get_object(Bucket=bucket, Key="a/lake/large")["Body"].read() == b"12345" * 3000
    client.put_object(Bucket=bucket, Key="a/lake/theirs", Body=b"theirs")
    assert place.read("theirs", 6) == b"theirs"
    assert place.names() == ["large", "theirs", "x y/é=1"]


def test_beside_its_prefix_nothing_is_seen_or_cleared(bucket_uri, bucket, s3_server):
    client = s3_client(s3_server)
    for key in ("x", "a/x", "a/lake2/x", "a/lake/x"):
        client.put_object(Bucket=bucket, Key=key, Body=b"")
    place = open_place(bucket_uri)
    assert place.names() == ["x"]
    assert place.names(deep=False) == ["x"]
    place.clear("")
    place.remove("x")
    keys = [each["Key"] for each in client.list_objects_v2(Bucket=bucket)["Contents"]]
    assert [key for key in keys if not key.endswith("/")] == [
        "a/lake2/x",
        "a/x",
        "x",
    ]  # Arrow leaves an empty `a/lake/`


def test_what_a_server_gives_too_little_of_is_not_filled_up_with_what_was_sent(bucket, s3_server):
    """Of an object that was cut off on the way, no octets come back that look like the right ones."""
    with proxy_before(s3_server) as (endpoint, badness):
        place = open_place(s3_uri(bucket, endpoint))
        content = bytes(range(256)) * 40
        place.write("x", content)
        reads = []

        def cut(method, path, octets):
            reads.append(path)
            return octets if len(reads) == 1 else octets[:50]

        badness.alter = cut
        pieces = list(place.chunks("x", 1 << 12))  # each would be as the first
    assert pieces[0] == content[: 1 << 12]
    assert all(content[50:306] not in piece for piece in pieces[1:])


def test_memory_of_an_object_that_is_too_large_is_not_taken(bucket_uri):
    place = open_place(bucket_uri)
    place.write("x", bytes(5000))
    assert len(place.read("x", 5000)) == 5000
    with pytest.raises(ValueError, match="/a/lake/x is larger than 4,999 octets"):
        place.read("x", 4999)


def test_credentials_and_schemes_that_make_no_sense_are_refused():
    for options in (
        {"scheme": "ftp"},
        {"endpoint_override": "gopher://h"},
        {"endpoint_override": "http://key:hushhush@h"},
    ):
        with pytest.raises(ValueError, match=r"^s3://b/p: ") as raised:
            Bucket("b", "p", options)
        assert "hushhush" not in str(raised.value)
    with pytest.raises(ValueError, match="s3://"):
        Bucket("", "p", {})


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
