"""A prefix of a bucket in an S3-compatible object store.

An object appears when its last octet has arrived and the server confirms it; an incomplete upload is never an object.
Parts of one are invisible but paid for: a bucket's rule for incomplete uploads removes them.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any
from urllib.parse import quote

from ims.lake.object_store import CHUNK, ObjectStore

CONNECT_SECONDS = 10.0
REQUEST_SECONDS = 60.0
ATTEMPTS = 3


class Bucket(ObjectStore):
    """A prefix of a bucket. Raises ValueError for wrong `options` (endpoint_override, region, scheme)."""

    def __init__(self, bucket: str, prefix: str, options: dict[str, str]) -> None:
        import pyarrow.fs

        if not bucket:
            raise ValueError("s3://: expected a bucket, as in s3://bucket/prefix")
        self.root = f"{bucket}/{prefix}" if prefix else bucket
        self._fs: Any = pyarrow.fs
        query = "&".join(f"{key}={quote(value, safe='')}" for key, value in options.items())
        self.uri = f"s3://{self.root}" + (f"?{query}" if query else "")
        endpoint = options.get("endpoint_override")
        scheme = options.get("scheme", "https")
        if endpoint is not None and "://" in endpoint:
            scheme, _, endpoint = endpoint.partition("://")
        if scheme not in ("http", "https"):
            raise ValueError(f"s3://{self.root}: scheme {scheme!r}: expected http or https")
        if endpoint is not None and "@" in endpoint:
            raise ValueError(f"s3://{self.root}: endpoint_override: expected http://HOST:PORT, without credentials")

        filesystem = partial(
            pyarrow.fs.S3FileSystem,
            endpoint_override=endpoint,
            region=options.get("region"),
            scheme=scheme,
            allow_delayed_open=True,  # an object of less than 10 MB is one PUT
            connect_timeout=CONNECT_SECONDS,
            request_timeout=REQUEST_SECONDS,
            retry_strategy=pyarrow.fs.AwsStandardS3RetryStrategy(max_attempts=ATTEMPTS),
        )
        # Written in the background, an upload of which a part failed is never completed: for objects that are replaced.
        # Otherwise writing waits for the network, so that memory stays within a part or two: for large objects.
        self.filesystem = filesystem(background_writes=True)
        self._steady = filesystem(background_writes=False)

    def write(self, name: str, content: bytes) -> None:
        """See ObjectStore."""
        with self.named_errors(name, "written"), self.filesystem.open_output_stream(self.path(name)) as stream:
            stream.write(content)

    def send(self, name: str, chunks: Iterable[bytes]) -> None:
        """See ObjectStore."""
        with self.named_errors(name, "written"):
            stream = self._steady.open_output_stream(self.path(name))
            try:
                for chunk in chunks:
                    stream.write(chunk)
                stream.close()
            except BaseException:
                # An open stream can't be abandoned: it is completed, and the resulting object is removed.
                with contextlib.suppress(OSError):
                    stream.close()
                with contextlib.suppress(OSError):
                    self.filesystem.delete_file(self.path(name))
                raise

    def chunks(self, name: str, octets: int = CHUNK) -> Iterator[bytes]:
        """See ObjectStore."""
        # Where a server sends less than it announced, Arrow takes the buffer's earlier content for the rest: maybe
        # octets that were just sent. So the buffer is ours, and is filled with random octets, as no object is.
        nonsense = (secrets.token_bytes(64) * (octets // 64 + 1))[:octets]
        with self.named_errors(name, "read"), self.filesystem.open_input_stream(self.path(name)) as stream:
            buffer = bytearray(nonsense)
            while length := stream.readinto(buffer):
                yield bytes(buffer[:length])
                buffer[:] = nonsense

    def size(self, name: str) -> int | None:
        """See ObjectStore."""
        with self.named_errors(name, "looked for"):
            info = self.filesystem.get_file_info(self.path(name))
        return info.size if info.type == self._fs.FileType.File else None

    def names(self, folder: str = "", deep: bool = True) -> list[str]:
        """See ObjectStore."""
        selector = self._fs.FileSelector(self.path(folder).rstrip("/"), allow_not_found=True, recursive=deep)
        with self.named_errors(folder, "listed"):
            found = self.filesystem.get_file_info(selector)
        paths = (info.path for info in found if not deep or info.type == self._fs.FileType.File)
        return sorted(path.removeprefix(f"{self.root}/") for path in paths)

    def remove(self, name: str) -> None:
        """See ObjectStore."""
        with contextlib.suppress(FileNotFoundError), self.named_errors(name, "removed"):
            self.filesystem.delete_file(self.path(name))

    def clear(self, begins: str) -> None:
        """See ObjectStore: an incomplete upload is no object."""

    def path(self, name: str) -> str:
        """See ObjectStore."""
        return f"{self.root}/{name}"
