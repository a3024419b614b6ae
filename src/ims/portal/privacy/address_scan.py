"""Does a payload hold a monitored address? In any of the forms in which packets carry them.

Searched for at every offset: four octets in network order and swapped; dotted decimal, with any one octet between the
numbers (198.51.100.7, 198-51-100-7, the labels of a DNS question), forward and backward (in-addr.arpa), with leading
zeros, in octal and in hexadecimal (0xc6.0x33.0x64.0x07, c6:33:64:07, %c6%33%64%07); the first three numbers of one,
dotted; the number in decimal, of any length, in octal, and in hexadecimal in both orders. Texts are searched as they
are, without their NULs (UTF-16), and without their escapes (escape_kernels.py), up to three times escaped. What is
compressed, encrypted, base64 or otherwise encoded isn't recognised.

A random window of four octets is an address of a /N with probability 2**-N, so of random payloads about
2 * (length - 3) * (addresses watched) / 2**32 are withheld needlessly: of those of 1,000 octets 0.01 % for a /24, 3 %
for a /16 and 98 % for a /8 (tested). `large="quotes"` searches the octets for blocks larger than a /16 only in IPv4
headers.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

import numpy as np
import structlog

from ims.portal.privacy.address_kernels import QUOTES_ONLY, WORD, Darkness, scan
from ims.query.plans.hidden_sources import ranges_of

Array = np.ndarray[Any, Any]
LARGE = 16  # blocks with a prefix shorter than this are large


class AddressScan:
    """Looks for addresses of some prefixes. Thread-safe; made in 1 ms, 70 kB. `failed`: called when a search fails."""

    def __init__(
        self,
        prefixes: Iterable[ipaddress.IPv4Network],
        large: Literal["withhold", "quotes"] = "withhold",
        failed: Callable[[], None] = lambda: None,
    ) -> None:
        networks = sorted(ipaddress.collapse_addresses(prefixes))
        self.ranges = ranges_of(networks)
        self._failed = failed
        self._log: Any = structlog.get_logger()
        self._dark = _darkness(networks, large == "quotes")

    def monitored(self, addresses: Array) -> Array:
        """Of each address, whether it is monitored: bool (n,), of int64 (n,)."""
        if not len(self._dark.first):
            return np.zeros(len(addresses), np.bool_)
        at = np.searchsorted(self._dark.first, addresses, "right") - 1
        return (at >= 0) & (self._dark.last[at] >= addresses)

    def holds(self, payload: bytes) -> bool:
        """Whether a payload holds a monitored address."""
        return bool(self.which([payload])[0])

    def which(self, payloads: Sequence[bytes]) -> Array:
        """Of each payload, whether it holds one: bool (n,). Raises nothing: where the search fails, all count as such,
        it is logged, and `failed` is called."""
        found = np.zeros(len(payloads), np.bool_)
        if not self.ranges or not payloads:
            return found
        try:
            ends = np.zeros(len(payloads) + 1, np.int64)
            np.cumsum([len(payload) for payload in payloads], out=ends[1:])
            octets = np.frombuffer(bytearray(b"".join(payloads) or b"\0"), np.uint8)  # to be written in, as `text` is
            text = np.empty(max(1, *map(len, payloads)), np.uint8)
            scan(octets, ends, text, self._dark, found)
        except Exception:  # of any kind: what wasn't searched is withheld
            self._failed()
            self._log.exception("search failed", payloads=len(payloads))
            found[:] = True
        return found


def _darkness(networks: Sequence[ipaddress.IPv4Network], quotes: bool) -> Darkness:
    """The prefixes as the kernel takes them. `networks`: sorted and disjoint."""
    first = np.array([int(network.network_address) for network in networks], np.int64)
    last = np.array([int(network.broadcast_address) for network in networks], np.int64)
    headers_only = np.array([quotes and network.prefixlen < LARGE for network in networks], np.bool_)
    tops = np.zeros(1 << 16, np.uint8)
    for begin, end, only in zip(first, last, headers_only, strict=True):
        tops[begin >> 16 : (end >> 16) + 1] |= QUOTES_ONLY if only else WORD
    return Darkness(first, last, headers_only, tops)


def load_scanning_kernels() -> None:
    """Compile and load the kernels that look for monitored addresses in payloads."""
    AddressScan([ipaddress.IPv4Network((0, 32))]).holds(b"0.0.0.0")
