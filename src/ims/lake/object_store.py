"""The contract of a shared place, a directory or an S3-compatible bucket: objects by relative paths, and its errors."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow.fs

CHUNK = 1 << 20


class ObjectStore(ABC):
    """Where objects lie. Each operation raises OSError in one line that names the place, FileNotFoundError where an
    object to be read isn't there. What was being written when one fails isn't there, or not whole: `remove` it."""

    uri: str
    """The place as people write it, without credentials."""
    root: str
    """Its path on `filesystem`: an absolute path, or `bucket/prefix`."""
    filesystem: pyarrow.fs.FileSystem

    @abstractmethod
    def read(self, name: str, most: int) -> bytes:
        """An object of at most `most` octets, whole. Raises ValueError where it is larger."""

    @abstractmethod
    def write(self, name: str, content: bytes) -> None:
        """Put or replace an object: readers see the old or the new one, never a part."""

    @abstractmethod
    def send(self, name: str, chunks: Iterable[bytes]) -> None:
        """Put an object that comes in pieces; it appears under its name when it is whole."""

    @abstractmethod
    def chunks(self, name: str, octets: int = CHUNK) -> Iterator[bytes]:
        """An object as it lies there, in pieces of at most `octets`."""

    @abstractmethod
    def size(self, name: str) -> int | None:
        """Octets of an object; None where there is none."""

    @abstractmethod
    def names(self, folder: str = "", deep: bool = True) -> list[str]:
        """Objects in a folder, and in those below it if `deep`, sorted; without `deep`, folders too. None where there
        is no such folder."""

    @abstractmethod
    def remove(self, name: str) -> None:
        """Remove an object; fine where there is none."""

    @abstractmethod
    def clear(self, begins: str) -> None:
        """Remove what killed writers left aside, of objects whose names begin so. No other may be writing those."""

    @abstractmethod
    def path(self, name: str) -> Path | str:
        """An object as `filesystem` knows it: a Path in a directory, else `bucket/key`."""

    @property
    def where(self) -> str:
        """The place in a message to people."""
        return self.uri.partition("?")[0] if self.uri.startswith("s3:") else self.uri

    def named(self, name: str) -> str:
        """An object in a message to people."""
        return f"{self.where.rstrip('/')}/{name}" if name else self.where


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
"""What is in the words of Arrow's client of object stores -> what they mean; the first that fits."""
UNKNOWN = "the object store failed; IMS_DEBUG=1 shows what its client says"


def said(error: BaseException) -> str:
    """What is wrong by a file system's error: the system's words where it has a number, else ours."""
    if isinstance(error, OSError) and error.strerror:
        return " ".join(error.strerror.split())
    return next((means for words, means in _REFUSALS.items() if re.search(words, str(error))), UNKNOWN)


def told(place: ObjectStore, name: str, what: str, do: Callable[[], Any]) -> Any:
    """Do it; raise its OSError as one line that names the object."""
    try:
        return do()
    except FileNotFoundError:
        if what == "read":
            raise FileNotFoundError(f"{place.named(name)}: no such object") from None
        raise
    except OSError as error:
        raise OSError(f"{place.named(name)} can't be {what}: {said(error)}") from error
