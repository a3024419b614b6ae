"""Objects in a folder and in a bucket behave alike: whole or not there, and errors are one line."""

from __future__ import annotations

import errno
import os
import re

import pytest

from ims.lake.folder import Folder
from ims.lake.object_store import UNKNOWN, message_of
from ims.lake.uri import open_place


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


@pytest.mark.parametrize(
    ("words", "means"),
    [
        (
            "When reading object 'x': AWS Error NO_SUCH_BUCKET during GetObject: The bucket\nis not there",
            "no such bucket",
        ),
        ("AWS Error ACCESS_DENIED during PutObject operation: no", "these credentials may not do so"),
        ("AWS Error UNKNOWN (HTTP status 403) during HeadObject operation", "these credentials may not do so"),
        ("AWS Error SIGNATURE_DOES_NOT_MATCH during PutObject operation", "credentials are wrong or missing"),
        ("AWS Error NETWORK_CONNECTION during ListObjectsV2: curlCode: 7", "can't be reached, or breaks off"),
        ("AWS Error UNKNOWN (HTTP status 507)", "no room is left"),
        ("AWS Error UNKNOWN (HTTP status 503)", "is in trouble"),
        ("something that nobody has seen", UNKNOWN),
    ],
)
def test_a_client_s_words_are_said_as_one_short_cause(words, means):
    found = message_of(OSError(words))
    assert means in found
    assert re.search("AWS|HTTP|curl|\n", found) is None


def test_an_error_with_a_number_is_said_in_the_system_s_words():
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/somewhere/x")
    assert message_of(full) == "No space left on device"
    assert message_of(OSError(errno.EIO, "broken\nin two")) == "broken in two"


def test_an_error_names_the_object_and_what_was_to_be_done_and_keeps_its_cause(tmp_path):
    cause = OSError(errno.EIO, "broken")
    place = Folder(tmp_path)
    broken = pytest.raises(OSError, match=f"^{tmp_path}/a/x can't be listed: broken$")
    with broken as raised, place.named_errors("a/x", "listed"):
        raise cause
    assert raised.value.__cause__ is cause
    missing = FileNotFoundError(errno.ENOENT, "none", "elsewhere")
    with pytest.raises(FileNotFoundError, match=f"^{tmp_path}/a/x: no such object$"), place.named_errors("a/x", "read"):
        raise missing
    with pytest.raises(FileNotFoundError) as raised, place.named_errors("a/x", "written"):
        raise missing
    assert raised.value is missing


def test_a_place_is_named_without_its_options(tmp_path, credentials):
    bucket = open_place("s3://bucket/a?region=eu-central-1")
    assert (bucket.named("x/y"), bucket.named(""), bucket.where) == (
        "s3://bucket/a/x/y",
        "s3://bucket/a",
        "s3://bucket/a",
    )
    folder = open_place(tmp_path / "what? a lake")  # in a folder's name it is a letter
    assert folder.named("x") == f"{tmp_path}/what? a lake/x"
