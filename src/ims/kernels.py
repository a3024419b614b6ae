"""How kernels compile, and where the compiled ones are cached.

A kernel is a pure function over arrays: it returns a verdict, and never raises, allocates or does I/O.

* `kernel` compiles with bounds checks on. They stay on in production: a bug in a length check then ends in an
  IndexError instead of a read past the buffer. (Measured on decode + key + cache: 14 -> 8.7 Mpps.)
* `inlined` is a `kernel` that is inlined wherever it is called.
* `proven` compiles without them, for inner loops whose comment proves that every index was checked before.
  `IMS_BOUNDSCHECK=all` turns the checks on there too; the tests run that way once.
* None counts references: kernels allocate nothing, and counting costs two atomic operations for each array passed to a
  function that isn't inlined. (Measured: decoding 119 -> 62 ns a packet, a reply 320 -> 166 ns.)
* `NUMBA_DISABLE_JIT=1` leaves plain Python, for tests and debuggers.

Compiled kernels are cached in a folder whose name holds a hash of the flags, of all kernel sources and of what they
import: Numba itself checks only a function's own file, so a caller would keep an old copy of a callee or constant that
changed in another. `kernel_cache` says where, and whom it trusts.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba
import numpy as np
from numba.extending import overload

from ims import kernel_cache  # so that `kernel_sources` leaves it out: nothing of it is compiled into kernels

F = TypeVar("F", bound=Callable[..., Any])

BOUNDSCHECK_EVERYWHERE = os.environ.get("IMS_BOUNDSCHECK") == "all"
MASK32 = 0xFFFF_FFFF
MASK64 = 0xFFFF_FFFF_FFFF_FFFF
_IMPORT = re.compile(rb"^from ims\.([a-z0-9_.]+) import (?:\(([^)]*)\)|(.*))", re.MULTILINE)


def kernel_sources() -> dict[Path, bytes]:
    """Source files that define kernels, and what they import: its constants are compiled into them."""
    root = Path(__file__).parent
    sources = {path: path.read_bytes() for path in sorted(root.rglob("*.py"))}
    left = [path for path, source in sources.items() if any(each[0] == b"kernels" for each in _IMPORT.findall(source))]
    found: set[Path] = set()
    while left:
        path = left.pop()
        if path in sources and path not in found:
            found.add(path)
            for name, *listed in _IMPORT.findall(sources[path]):
                module = root.joinpath(*name.decode().split("."))
                modules = re.findall("[a-z0-9_]+", b" ".join(listed).decode())  # those of a package, if it is one
                left += [module.with_suffix(".py"), *(module / f"{each}.py" for each in modules)]
    return {path: source for path, source in sources.items() if path in found}


def sources_hash() -> str:
    """Hash of numba's version, the flags, and `kernel_sources`."""
    digest = hashlib.blake2b(f"{numba.__version__} {BOUNDSCHECK_EVERYWHERE}".encode(), digest_size=10)
    for source in kernel_sources().values():
        digest.update(source)
    return digest.hexdigest()


_places = None if numba.config.DISABLE_JIT else kernel_cache.Places(f"kernels-{sources_hash()}")


def cache_folder() -> Path | None:
    """Where compiled kernels are kept; None where nowhere."""
    return None if _places is None else _places.own()


def are_kept() -> bool:
    """Whether the next process finds the compiled kernels."""
    return _places is not None and (_places.forgotten or _places.own() is not None)


def why_compiled() -> str:
    """Why kernels are compiled although there is a system folder of compiled ones; empty where there is none."""
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
    """As `kernel`, inlined wherever it is called: for small ones with many arrays. (A call passes seven numbers an
    array, in memory. Measured on simulated SYNs: 270 -> 110 ns.)"""
    return _compiled(function, boundscheck=True, forceinline=True)


def forget_cache() -> None:
    """Stop using the private folder: it belongs to the user that this process was. The system folder is still read, and
    what it lacks is compiled when it is called."""
    if _places is not None:
        _places.forget()


def proven(function: F) -> F:
    """Compile without bounds checks; the function's comment says why no index can leave its array."""
    return _compiled(function, boundscheck=BOUNDSCHECK_EVERYWHERE)


def add64(a: int, b: int) -> Any:
    """Sum of two uint64, modulo 2**64, the same compiled and in plain Python."""
    return np.uint64((int(a) + int(b)) & MASK64)


def mul64(a: int, b: int) -> Any:
    """Product of two uint64, modulo 2**64, the same compiled and in plain Python."""
    return np.uint64((int(a) * int(b)) & MASK64)


@overload(add64, inline="always")
def _add64(a, b):  # no annotations: numba compares this signature with the lambda's
    return lambda a, b: a + b


@overload(mul64, inline="always")
def _mul64(a, b):
    return lambda a, b: a * b
