"""A place that is a prefix of a bucket in an S3-compatible object store.

An object appears when its last octet has arrived and the server says so; what a killed writer has sent of it is never
an object. Parts of an upload that was cut off are invisible but paid for: a bucket's rule for incomplete uploads takes
them away.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote

from ims.lake.object_store import CHUNK, ObjectStore, told
from ims.text import quantity

CONNECT_SECONDS = 10.0
REQUEST_SECONDS = 60.0
ATTEMPTS = 3


class Bucket(ObjectStore):
    """A Place in `bucket` under `prefix`; `options`: endpoint_override, region, scheme.

    Raises ValueError where they make no sense.
    """

    def __init__(self, bucket: str, prefix: str, options: dict[str, str]) -> None:
        import pyarrow.fs
        from pyarrow.fs import AwsStandardS3RetryStrategy, S3FileSystem

        if not bucket:
            raise ValueError("s3://: expected a bucket, as in s3://bucket/prefix")
        self.root = f"{bucket}/{prefix}" if prefix else bucket
        self._selector: Any = pyarrow.fs.FileSelector
        self._file_type: Any = pyarrow.fs.FileType
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

        def made(background: bool) -> Any:
            return S3FileSystem(
                endpoint_override=endpoint,
                region=options.get("region"),
                scheme=scheme,
                background_writes=background,
                allow_delayed_open=True,  # an object of less than 10 MB is one PUT
                connect_timeout=CONNECT_SECONDS,
                request_timeout=REQUEST_SECONDS,
                retry_strategy=AwsStandardS3RetryStrategy(max_attempts=ATTEMPTS),
            )

        # In the background, an upload of which a part failed is never completed: for what is replaced. Otherwise
        # writing waits for the network, so that memory stays within a part or two: for what is large.
        self.filesystem = made(True)
        self._steady = made(False)

    def read(self, name: str, most: int) -> bytes:
        """See Place."""
        parts: list[bytes] = []
        left = most
        for chunk in self.chunks(name):
            left -= len(chunk)
            if left < 0:
                raise ValueError(f"{self.named(name)} is larger than {quantity(most, 'octet')}")
            parts.append(chunk)
        return b"".join(parts)

    def write(self, name: str, content: bytes) -> None:
        """See Place."""

        def put() -> None:
            with self.filesystem.open_output_stream(self.path(name)) as stream:
                stream.write(content)

        told(self, name, "written", put)

    def send(self, name: str, chunks: Iterable[bytes]) -> None:
        """See Place."""
        told(self, name, "written", lambda: self._send(name, chunks))

    def _send(self, name: str, chunks: Iterable[bytes]) -> None:
        stream = self._steady.open_output_stream(self.path(name))
        try:
            for chunk in chunks:
                stream.write(chunk)
            stream.close()
        except BaseException:
            # An open stream can't be abandoned: it is completed, and what that makes is removed.
            with contextlib.suppress(OSError):
                stream.close()
            with contextlib.suppress(OSError):
                self.filesystem.delete_file(self.path(name))
            raise

    def chunks(self, name: str, octets: int = CHUNK) -> Iterator[bytes]:
        """See Place."""
        # Where a server sends less than it said the object has, Arrow takes what the buffer held for the rest: what was
        # sent a moment ago, as likely as not. So the buffer is ours, and holds what no object does.
        nonsense = secrets.token_bytes(64) * (octets // 64 + 1)
        with told(self, name, "read", lambda: self.filesystem.open_input_stream(self.path(name))) as stream:
            buffer = bytearray(nonsense[:octets])
            while length := told(self, name, "read", lambda: stream.readinto(buffer)):
                yield bytes(buffer[:length])
                buffer[:] = nonsense[:octets]

    def size(self, name: str) -> int | None:
        """See Place."""
        info = told(self, name, "looked for", lambda: self.filesystem.get_file_info(self.path(name)))
        return info.size if info.type == self._file_type.File else None

    def names(self, folder: str = "", deep: bool = True) -> list[str]:
        """See Place."""
        wanted = self._selector(self.path(folder).rstrip("/"), allow_not_found=True, recursive=deep)
        found = told(self, folder, "listed", lambda: self.filesystem.get_file_info(wanted))
        return sorted(
            info.path.removeprefix(f"{self.root}/") for info in found if not deep or info.type == self._file_type.File
        )

    def remove(self, name: str) -> None:
        """See Place."""
        with contextlib.suppress(FileNotFoundError):
            told(self, name, "removed", lambda: self.filesystem.delete_file(self.path(name)))

    def clear(self, begins: str) -> None:
        """See Place: nothing of a killed upload is an object."""

    def path(self, name: str) -> str:
        """See Place."""
        return f"{self.root}/{name}"
