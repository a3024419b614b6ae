"""Compiled kernels on disk: a folder that only root can write and every user reads, and a private one of the user.

Numba stores what it compiled as pickles, and loading a pickle runs code. So files are read only where nobody but root,
or the user who runs, can have written them: from `SYSTEM`, which `make install` fills, if it and each folder above it
are root's alone; and from a folder of the user's own. Owners are those of the opened file. What `SYSTEM` lacks (another
processor, version or source) is compiled into the private folder, or in memory, where root's command acts as another
user (process/store_owner.py).

Measured on 2 busy cores: a sensor's kernels are loaded from `SYSTEM` within 3.2 s, and compiled within 82 s; a query
daemon listens after 2.7 s, not 4.6 s.

The layout isn't Numba's, whose locators have to write and use the checkout's path: a module's dotted name below a
folder whose name holds a hash of all sources (`kernels.sources_hash`).
"""

from __future__ import annotations

import errno
import os
import pickle
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from numba.core import caching

from ims.full_disk import naming
from ims.kernel_folder import OTHERS_MAY_WRITE, own_folder, refusal_at, refusal_of

SYSTEM = Path("/var/cache/ims")
ABSENT = (errno.ENOENT, errno.ELOOP, errno.ENOTDIR, errno.EACCES)


class Places:
    """Where kernels with these sources are read from and written to. Raises PermissionError where a private folder is
    needed at once and isn't private."""

    def __init__(self, name: str, system: Path = SYSTEM) -> None:
        self._name = name
        self._own: Path | None = None
        self._looked = False
        self.forgotten = False
        self.reason = ""
        """why kernels are compiled although there is a system folder, as a message; empty where there is none"""
        self.system = self._system(system)
        if self.system is None:
            self.own()

    def _system(self, system: Path) -> Path | None:
        folder = system / self._name
        try:
            refusal = refusal_of(system)
            if refusal is None:
                self.reason = f"{system} has none of this version"
                refusal = refusal_of(folder)
                with os.scandir(folder) as modules:
                    refusal = refusal or next(filter(None, (refusal_at(Path(module)) for module in modules)), None)
        except OSError:  # absent, or being filled
            return None
        if refusal is not None:
            self.reason = f"{system} is not used: {refusal}"
            return None
        self.reason = f"{system} holds those of services alone"
        return folder

    def own(self) -> Path | None:
        """The private folder, made at the first call. None where nothing can be written, or after `forget`."""
        if not self._looked:
            self._looked = True
            try:
                self._own = own_folder(self._name)
            except OSError as error:
                if isinstance(error, PermissionError) and "kernel cache" in str(error):
                    raise
        return self._own

    def forget(self) -> None:
        """Give up the private folder: it belongs to a user that this process no longer is."""
        self._looked, self._own, self.forgotten = True, None, True


class KernelCache(caching._Cache):  # type: ignore[misc]
    """The cache of one kernel, for Numba's dispatcher: loads from the system folder, then from the private one, where
    it saves."""

    def __init__(self, function: Callable[..., Any], places: Places) -> None:
        self._function, self._places = function, places
        self._enabled = True
        self._folders: dict[Path, _Folder] = {}

    @property
    def cache_path(self) -> str:
        """Where it saves."""
        return str(self._places.own() or "")

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The compiled kernel with that signature, or None."""
        found = None
        if self._enabled and self._places.system is not None:
            system = self._folder(self._places.system, owner=0)
            found = system.load_overload(sig, target_context)
            if found is None and system.has_other_processor(sig, target_context.codegen()):
                self._places.reason = f"{self._places.system.parent} has none for this processor"
        if self._enabled and found is None and (own := self._places.own()) is not None:
            found = self._folder(own, owner=os.geteuid()).load_overload(sig, target_context)
        return found

    def save_overload(self, sig: Any, data: Any) -> None:
        """Save a compiled kernel. Raises OSError where the disk is full, with the folder's name."""
        if self._enabled and (own := self._places.own()) is not None:
            # Where somebody removes the folder at this moment, this kernel is compiled another time.
            with suppress(FileNotFoundError), naming(f"the kernel cache {own}"):
                self._folder(own, owner=os.geteuid()).save_overload(sig, data)

    def enable(self) -> None:
        """Load and save."""
        self._enabled = True

    def disable(self) -> None:
        """Neither load nor save."""
        self._enabled = False

    def flush(self) -> None:
        """Empty the private folder's index of this kernel."""
        if (own := self._places.own()) is not None:
            self._folder(own, owner=os.geteuid()).flush()

    def _folder(self, folder: Path, owner: int) -> _Folder:
        if folder not in self._folders:
            self._folders[folder] = _Folder(self._function, folder, owner)
        return self._folders[folder]


class _Folder(caching.FunctionCache):  # type: ignore[misc]
    """Numba's cache of one kernel, in one folder."""

    def __init__(self, function: Callable[..., Any], folder: Path, owner: int) -> None:
        self._impl_class = lambda function: _Files(function, folder)
        super().__init__(function)
        base = self._impl.filename_base
        self._cache_file = _Owned(self._cache_path, base, self._impl.locator.get_source_stamp(), owner)

    def has_other_processor(self, sig: Any, codegen: Any) -> bool:
        """Whether that signature is there, compiled for another processor."""
        processor = codegen.magic_tuple()
        return any(key[0] == sig and key[1] != processor for key in self._cache_file._load_index())


class _Files(caching.CompileResultCacheImpl):  # type: ignore[misc]
    """Names of the files of one kernel."""

    def __init__(self, function: Callable[..., Any], folder: Path) -> None:  # not Numba's, which searches a locator
        self._lineno = function.__code__.co_firstlineno
        self._locator = _Locator(function, folder)
        name = f"{function.__module__.rpartition('.')[2]}.{function.__qualname__}"
        self._filename_base = self.get_filename_base(name, getattr(sys, "abiflags", ""))


class _Locator(caching._SourceFileBackedLocatorMixin, caching._CacheLocator):  # type: ignore[misc]
    """Where these files are, and the stamp of the source that they were compiled from."""

    def __init__(self, function: Callable[..., Any], folder: Path) -> None:
        self._py_file = function.__code__.co_filename
        self._lineno = function.__code__.co_firstlineno
        self._path = folder / function.__module__

    def get_cache_path(self) -> str:
        """A folder for each module."""
        return str(self._path)

    def ensure_cache_path(self) -> None:
        """Make it before a file is saved, closed to others whatever the umask. Its parent may have been removed since
        this process began."""
        self._path.parent.mkdir(mode=0o700, exist_ok=True)
        self._path.mkdir(mode=0o700, exist_ok=True)


class _Owned(caching.IndexDataCacheFile):  # type: ignore[misc]
    """A kernel's index and data. A file of another owner, a link or no regular file, or one of root's that others may
    write, counts as absent: it isn't unpickled."""

    def __init__(self, cache_path: str, filename_base: str, source_stamp: Any, owner: int) -> None:
        super().__init__(cache_path, filename_base, source_stamp)
        self._owner = owner

    def _load_index(self) -> Any:
        """As Numba's: signature, processor and hash -> file's name."""
        try:
            octets = self._octets(self._index_path)
        except FileNotFoundError:
            return {}
        version = pickle.loads(octets)  # noqa: S301  # its owner was checked
        if version != self._version:
            return {}
        stamp, overloads = pickle.loads(octets[len(pickle.dumps(version, protocol=-1)) :])  # noqa: S301
        return overloads if stamp == self._source_stamp else {}

    def _load_data(self, name: str) -> Any:
        return pickle.loads(self._octets(self._data_path(name)))  # noqa: S301  # its owner was checked

    def _octets(self, path: str) -> bytes:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno not in ABSENT:
                raise
            raise FileNotFoundError(error.errno, error.strerror, path) from error
        with open(descriptor, "rb") as file:  # noqa: PTH123  # a descriptor
            status = os.fstat(descriptor)
            writable = self._owner == 0 and status.st_mode & OTHERS_MAY_WRITE
            if not stat.S_ISREG(status.st_mode) or status.st_uid != self._owner or writable:
                raise FileNotFoundError(f"{path} is not user {self._owner}'s alone")
            return file.read()
