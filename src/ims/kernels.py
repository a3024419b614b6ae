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
constant, that changed in another. `kernel_cache` says where, and whom it trusts.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba.extending import overload

from ims import kernel_cache  # so that `kernel_sources` leaves it out: nothing of it is compiled into kernels

F = TypeVar("F", bound=Callable[..., Any])

BOUNDSCHECK_EVERYWHERE = os.environ.get("IMS_BOUNDSCHECK") == "all"
MASK32 = 0xFFFF_FFFF
MASK64 = 0xFFFF_FFFF_FFFF_FFFF


_IMPORT = re.compile(rb"^from ims\.([a-z0-9_.]+) import", re.MULTILINE)


def kernel_sources() -> dict[Path, bytes]:
    """Source files that define kernels, and what they import: its constants are compiled into them."""
    root = Path(__file__).parent
    sources = {path: path.read_bytes() for path in sorted(root.rglob("*.py"))}
    left = [path for path, source in sources.items() if b"kernels" in _IMPORT.findall(source)]
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


_places = None if numba.config.DISABLE_JIT else kernel_cache.Places(f"kernels-{sources_hash()}")


def cache_folder() -> Path | None:
    """Where what is compiled is kept; None where it can't be."""
    return None if _places is None else _places.own()


def are_kept() -> bool:
    """Whether what is compiled is there for the next process."""
    return _places is not None and (_places.forgotten or _places.own() is not None)


def why_compiled() -> str:
    """Why something is compiled although there is a system folder of compiled kernels; empty where there is none."""
    return "" if _places is None else _places.reason


def _compiled(function: F, **flags: Any) -> F:
    compiled: F = numba.njit(nogil=True, error_model="numpy", _nrt=False, **flags)(function)
    if _places is not None:
        compiled._cache = kernel_cache.KernelCache(function, _places)  # type: ignore[attr-defined]
    return compiled


def kernel(function: F) -> F:
    """Compile with bounds checks, cached, without the GIL."""
    return _compiled(function, boundscheck=True)


def inlined(function: F) -> F:
    """As `kernel`, written out wherever it is called: for small ones that are handed many arrays. (A call hands over
    seven numbers for each array, in memory. Measured on simulated SYNs: 270 -> 110 ns.)"""
    return _compiled(function, boundscheck=True, forceinline=True)


def forget_cache() -> None:
    """Neither read nor write the private folder any more: it belongs to the user we no longer are. The system folder
    serves on; what neither has is compiled when it is called."""
    if _places is not None:
        _places.forget()


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
