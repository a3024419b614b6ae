"""The contract of a shared place, a directory or an S3-compatible bucket: objects by relative paths, and its errors."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ims.text import quantity

if TYPE_CHECKING:
    import pyarrow.fs

CHUNK = 4 << 20
"""Octets to read at once: Arrow's client of buckets sends a request for each (decision 0046)."""


class ObjectStore(ABC):
    """Where objects are. Each operation raises OSError in one line that names the place, FileNotFoundError where an
    object to be read is missing. An object whose writing failed is missing, or incomplete: `remove` it."""

    uri: str
    """The place as users write it, without credentials."""
    root: str
    """Its path on `filesystem`: an absolute path, or `bucket/prefix`."""
    filesystem: pyarrow.fs.FileSystem

    def read(self, name: str, most: int) -> bytes:
        """An object of at most `most` octets, whole. Raises ValueError where it is larger."""
        content = bytearray()
        for chunk in self.chunks(name):
            content += chunk
            if len(content) > most:
                raise ValueError(f"{self.named(name)} is larger than {quantity(most, 'octet')}")
        return bytes(content)

    @abstractmethod
    def write(self, name: str, content: bytes) -> None:
        """Put or replace an object: readers see the old or the new one, never a part."""

    @abstractmethod
    def send(self, name: str, chunks: Iterable[bytes]) -> None:
        """Put an object that comes in chunks; it appears under its name when it is whole."""

    @abstractmethod
    def chunks(self, name: str, octets: int = CHUNK) -> Iterator[bytes]:
        """An object, in chunks of at most `octets`."""

    @abstractmethod
    def size(self, name: str) -> int | None:
        """Octets of an object; None where there is none."""

    @abstractmethod
    def names(self, folder: str = "", deep: bool = True) -> list[str]:
        """Objects in a folder, and in those below it if `deep`, sorted; else folders too. Empty where it is missing."""

    @abstractmethod
    def remove(self, name: str) -> None:
        """Remove an object; fine where there is none."""

    @abstractmethod
    def clear(self, begins: str) -> None:
        """Remove incomplete objects of killed writers, whose names begin so. No other may be writing those."""

    @abstractmethod
    def path(self, name: str) -> Path | str:
        """An object as `filesystem` knows it: a Path in a directory, else `bucket/key`."""

    @property
    def where(self) -> str:
        """The place in a message to users."""
        return self.uri.partition("?")[0] if self.uri.startswith("s3:") else self.uri

    def named(self, name: str) -> str:
        """An object in a message to users."""
        return f"{self.where.rstrip('/')}/{name}" if name else self.where

    @contextmanager
    def named_errors(self, name: str, what: str) -> Iterator[None]:
        """Inside, an object is read, written, ...: `what`. Raises OSError as one line that names it."""
        try:
            yield
        except FileNotFoundError:
            if what == "read":
                raise FileNotFoundError(f"{self.named(name)}: no such object") from None
            raise
        except OSError as error:
            raise OSError(f"{self.named(name)} can't be {what}: {message_of(error)}") from error


_REFUSALS: Mapping[str, str] = {
    "NO_SUCH_BUCKET": "there is no such bucket",
    "NO_SUCH_KEY|RESOURCE_NOT_FOUND": "it isn't there",
    "ACCESS_DENIED|HTTP status 403": "these credentials may not do so",
    "INVALID_ACCESS_KEY_ID|SIGNATURE_DOES_NOT_MATCH|INVALID_SIGNATURE|INVALID_CLIENT_TOKEN_ID|UNRECOGNIZED_CLIENT|"
    "MISSING_AUTHENTICATION_TOKEN|INCOMPLETE_SIGNATURE|[Nn]o credentials": "its credentials are wrong or missing",
    "REQUEST_TIME_TOO_SKEWED|REQUEST_EXPIRED": "this machine's clock, or the object store's, is wrong",
    "NETWORK_CONNECTION|REQUEST_TIMEOUT|[Tt]imeout": "the object store can't be reached, or breaks off",
    "SLOW_DOWN|THROTTLING": "the object store is asked too much at once",
    "HTTP status 507": "no room is left in the object store",
    "SERVICE_UNAVAILABLE|INTERNAL_FAILURE|HTTP status 5": "the object store is in trouble",
}
"""Pattern in an error of Arrow's S3 client -> its meaning; the first match counts."""
UNKNOWN = "the object store failed; IMS_DEBUG=1 shows what its client says"


def message_of(error: BaseException) -> str:
    """A file system's error as one line: the system's message where it has a number, else ours."""
    if isinstance(error, OSError) and error.strerror:
        return " ".join(error.strerror.split())
    return next((means for pattern, means in _REFUSALS.items() if re.search(pattern, str(error))), UNKNOWN)
