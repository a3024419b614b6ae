"""How kernels compile, and where the compiled ones are cached.

A kernel is a pure function over arrays: it returns a verdict, and never raises, allocates or does I/O.

* `kernel` compiles with bounds checks on. They stay on in production: a bug in a length check then ends in an
  IndexError instead of a read past the buffer. (Measured on decode + key + cache: 14 -> 8.7 Mpps.)
* `inlined` is a `kernel` that is written out wherever it is called.
* `proven` compiles without them, for inner loops whose comment proves that every index was checked before.
  `IMS_BOUNDSCHECK=all` turns the checks on there too; the tests run that way once.
* Neither counts references: kernels allocate nothing, and counting them cost two atomic operations for each array
  handed to a function that is not inlined. (Measured: decoding 119 -> 62 ns a packet, a reply 320 -> 166 ns.)
* `NUMBA_DISABLE_JIT=1` leaves plain Python behind, for tests and debuggers.

Compiled kernels are cached in a folder whose name holds a hash of all kernel sources, of those they import and of
the flags: numba itself looks only at a function's own file, so a caller would keep an old copy of a callee, or of a
constant, that changed in another. The cached files are pickles, so the folder must belong to the user who runs and
to nobody else.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba.extending import overload

from ims.full_disk import naming

F = TypeVar("F", bound=Callable[..., Any])

BOUNDSCHECK_EVERYWHERE = os.environ.get("IMS_BOUNDSCHECK") == "all"
MASK32 = 0xFFFF_FFFF
MASK64 = 0xFFFF_FFFF_FFFF_FFFF


_IMPORT = re.compile(rb"^from ims\.([a-z0-9_.]+) import", re.MULTILINE)


def kernel_sources() -> dict[Path, bytes]:
    """Source files that define kernels, and what they import: its constants are compiled into them."""
    root = Path(__file__).parent
    sources = {path: path.read_bytes() for path in sorted(root.rglob("*.py"))}
    left = [path for path, source in sources.items() if b"from ims.kernels import" in source]
    found: set[Path] = set()
    while left:
        path = left.pop()
        if path in sources and path not in found:
            found.add(path)
            names = _IMPORT.findall(sources[path])
            left += [root.joinpath(*name.decode().split(".")).with_suffix(".py") for name in names]
    return {path: source for path, source in sources.items() if path in found}


def sources_hash() -> str:
    """Hash of numba's version, the flags, and `kernel_sources`."""
    digest = hashlib.blake2b(f"{numba.__version__} {BOUNDSCHECK_EVERYWHERE}".encode(), digest_size=10)
    for source in kernel_sources().values():
        digest.update(source)
    return digest.hexdigest()


def private_folder(folder: Path) -> Path:
    """Make `folder` if it is absent, and return it if only this user can write to it.

    Raises PermissionError where it belongs to someone else or others may write into it: what is unpickled
    from there runs as code.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
        raise PermissionError(
            f"the kernel cache {folder} must be a folder of user {os.geteuid()} that nobody else can write to "
            f"(found owner {status.st_uid}, mode {stat.S_IMODE(status.st_mode):o}); "
            "set IMS_CACHE_DIR to another folder"
        )
    return folder


def cache_folder() -> Path:
    """`$IMS_CACHE_DIR`, else `$XDG_CACHE_HOME/ims`, else `~/.cache/ims`, else a private folder in /tmp."""
    name = f"kernels-{sources_hash()}"
    chosen = os.environ.get("IMS_CACHE_DIR")
    if chosen:
        return private_folder(private_folder(Path(chosen)) / name)
    try:
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        return private_folder(private_folder(home / "ims") / name)
    except (OSError, RuntimeError) as error:
        if isinstance(error, PermissionError) and "kernel cache" in str(error):
            raise
        return private_folder(Path(tempfile.gettempdir()) / f"ims-{os.geteuid()}-{name}")


def _use_cache() -> bool:
    """Tell numba where; whether there is such a folder: a disk that nothing can be written to has none, and then
    kernels are compiled anew in each process."""
    if numba.config.DISABLE_JIT:
        return False
    try:
        numba.config.CACHE_DIR = str(cache_folder())
    except OSError as error:
        if isinstance(error, PermissionError) and "kernel cache" in str(error):
            raise
        return False
    return True


_kernels: list[Any] = []
_cached = _use_cache()


def are_kept() -> bool:
    """Whether what is compiled is there for the next process."""
    return _cached


def _compiled(function: F, **flags: Any) -> F:
    compiled: F = numba.njit(cache=_cached, nogil=True, error_model="numpy", _nrt=False, **flags)(function)
    if _cached:
        _name_cache(compiled._cache)  # type: ignore[attr-defined]
    _kernels.append(compiled)
    return compiled


def _name_cache(cache: Any) -> None:
    """Have the cache of one kernel say where it is when the disk is full."""
    save = cache.save_overload

    def save_or_say(signature: Any, compiled: Any) -> None:
        with naming(f"the kernel cache {numba.config.CACHE_DIR}"):
            save(signature, compiled)

    cache.save_overload = save_or_say


def kernel(function: F) -> F:
    """Compile with bounds checks, cached, without the GIL."""
    return _compiled(function, boundscheck=True)


def inlined(function: F) -> F:
    """As `kernel`, written out wherever it is called: for small ones that are handed many arrays. (A call hands over
    seven numbers for each array, in memory. Measured on simulated SYNs: 270 -> 110 ns.)"""
    return _compiled(function, boundscheck=True, forceinline=True)


def forget_cache() -> None:
    """Neither read nor write cached kernels any more, those of modules that are imported later included: the folder
    belongs to the user we no longer are. What isn't loaded is compiled when it is called."""
    from numba.core.caching import NullCache

    global _cached  # noqa: PLW0603  # a process gives up its privileges once
    _cached = False
    for compiled in _kernels:
        if hasattr(compiled, "_cache"):
            compiled._cache = NullCache()


def proven(function: F) -> F:
    """Compile without bounds checks; the function's comment says why no index can leave its array."""
    return _compiled(function, boundscheck=BOUNDSCHECK_EVERYWHERE)


def add64(a: int, b: int) -> Any:
    """Sum of two uint64, modulo 2**64, the same compiled and in plain Python."""
    import numpy as np

    return np.uint64((int(a) + int(b)) & MASK64)


def mul64(a: int, b: int) -> Any:
    """Product of two uint64, modulo 2**64, the same compiled and in plain Python."""
    import numpy as np

    return np.uint64((int(a) * int(b)) & MASK64)


@overload(add64, inline="always")
def _add64(a, b):  # no annotations: numba compares this signature with the lambda's
    return lambda a, b: a + b


@overload(mul64, inline="always")
def _mul64(a, b):
    return lambda a, b: a * b
