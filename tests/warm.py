"""Compile the kernels that nearly all tests use, on both cores, before any test runs: `python -m tests.warm`. Else each
of pytest's workers, and each process that they start, would compile them for itself."""

from __future__ import annotations

import sys
from multiprocessing import get_context


def stored() -> None:
    """Those that read, decode, sign and store; and what answers import."""
    from ims.process.warm_up import compile_all

    compile_all("answers", "scans", "stages")


def played() -> None:
    """Those that make traffic and those that answer."""
    from .respond.answers import Desk
    from .simulate.output.test_capture import digest

    digest(1)
    desk = Desk()
    desk.answer(bytes(60))
    desk.answer(bytes(60), arp=True)


def main() -> int:
    """Run both; 1 if one fails."""
    context = get_context("spawn")
    at_work = [context.Process(target=work) for work in (stored, played)]
    for process in at_work:
        process.start()
    for process in at_work:
        process.join()
    return int(any(process.exitcode for process in at_work))


if __name__ == "__main__":
    sys.exit(main())
