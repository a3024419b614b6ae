"""A telescope: one or more stores, opened for questions. What `ims.open` gives, and what the command line calls."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO

from ims.asked import Asked, StoresAsked
from ims.query.answer import Answer
from ims.query.request import Ranges, Request, make_request
from ims.query.wrong import QuestionError
from ims.store.reader import open_store
from ims.store.store_id import read_store_id
from ims.verb_answers import answer_of
from ims.verb_methods import VerbMethods

if TYPE_CHECKING:
    from ims.extract import ExportReport

WHOLE = 32
"""Digits of a whole signature: one question finds its payloads, or that there are none."""


class Telescope(VerbMethods):
    """Stores opened for questions: `ask` takes them typed, and each verb is a method, of words.

    Rows of one sensor's name in several stores are one sensor's (`shared_names`).

    Raises FileNotFoundError, NotADirectoryError or ValueError where a folder isn't a store, or is a copy of another of
    them.
    """

    def __init__(self, *stores: str | Path, memory_bytes: int | None = None, threads: int | None = None) -> None:
        if not stores:
            raise ValueError("no store given; wanted one or more folders")
        self._paths = [Path(store) for store in stores]
        if len({os.path.realpath(path) for path in self._paths}) < len(self._paths):
            raise ValueError("a store is given twice; its rows would count twice")
        self.shared_names = _shared_names(self._paths)
        """Sensors that several of the stores have, by name: they are taken for one."""

        def begin(request: Request) -> Asked:
            return StoresAsked(self._paths, request, memory_bytes, threads)

        self._begin: Callable[[Request], Asked] = begin

    @classmethod
    def through(cls, begin: Callable[[Request], Asked]) -> Telescope:
        """A telescope whose questions are answered some other way: `begin(request)` begins one."""
        telescope = cls.__new__(cls)
        telescope._begin = begin
        telescope.shared_names = {}
        return telescope

    def ask(self, request: Request) -> Answer:
        """Answer a question, typed. Sources that it hides (`Request.hiding`) are in no `src net` and in no group by
        source; they are counted all the same, and packets have them."""
        with self._begin(request) as asked:
            return answer_of(asked)

    def hiding(self, hidden: Ranges) -> Telescope:
        """As one sees this telescope who may not see some sources. Deprecated: ask `request.hiding(ranges)`."""
        warnings.warn("Telescope.hiding: ask request.hiding(ranges)", DeprecationWarning, stacklevel=2)
        return Telescope.through(lambda request: self._begin(request.hiding(hidden)))

    def write(
        self, request: Request, out: str | Path | BinaryIO, format: str = "pcap", link: str = "raw"
    ) -> ExportReport:
        """As VerbMethods."""
        from ims.extract import export

        with self._begin(request) as asked:
            return export(asked, out, format, link)

    def payload(self, signature: str) -> bytes:
        """As VerbMethods."""
        digits, _, number = signature.lower().partition("/")
        hexadecimal = 6 <= len(digits) <= 32 and all(digit in "0123456789abcdef" for digit in digits)
        if not hexadecimal or (number and re.fullmatch(r"[1-9][0-9]{0,3}", number) is None):
            raise QuestionError(f"signature {signature!r}: wanted 6 to 32 hex digits")
        with self._begin(make_request("payloads", None)) as asked:
            like = [digits] if len(digits) == WHOLE else _signatures_like(asked, digits)
            if not like:
                raise QuestionError(f"no payload is stored whose signature begins with {digits}")
            if len(like) > 1:
                several = ", ".join(like[:10]) + (", ..." if len(like) > 10 else "")
                raise QuestionError(f"several signatures begin with {digits}: {several}")
            rows = asked.run(asked.about("payload_bytes", "signature", [bytes.fromhex(like[0])]))[0].to_pylist()
        if not rows:
            raise QuestionError(f"no payload is stored whose signature begins with {digits}")
        if not number and len(rows) > 1:
            each = " or ".join(f"{like[0]}/{n}" for n in range(1, len(rows) + 1))
            raise QuestionError(f"{len(rows)} payloads share the MD5 {like[0]}: wanted {each}")
        if int(number or 1) > len(rows):
            raise QuestionError(f"no payload {number} has the signature {like[0]}; there are {len(rows)}")
        octets: bytes = rows[int(number or 1) - 1]["payload"]
        return octets

    def close(self) -> None:
        """Nothing is held between questions: each sees the stores as they are when it is asked."""

    def __enter__(self) -> Telescope:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _shared_names(paths: Sequence[Path]) -> dict[str, tuple[Path, ...]]:
    """Sensors that several stores have, and which. Raises ValueError where a store is a copy of another."""
    ids: dict[str, Path] = {}
    having: dict[str, list[Path]] = {}
    for path in paths:
        with open_store(path) as store:
            for sensor in store.sensors:
                having.setdefault(sensor, []).append(path)
        known = read_store_id(path)
        other = ids.setdefault(known, path) if known else path
        if other != path:
            raise ValueError(f"{path} is a copy of {other}, or the other way round; their rows would count twice")
    return {sensor: tuple(stores) for sensor, stores in having.items() if len(stores) > 1}


def _signatures_like(asked: Asked, digits: str) -> list[str]:
    return [row.hex() for row in asked.ask("signatures_like", prefix=digits).column("signature").to_pylist()]
