"""Tests of kernels once more: as plain Python, where whatever overflows is an error, and with every bounds check on, so
that none reads or writes past a buffer: `python -m tests.modes` (`make test-modes`)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from .skipped import SKIP_NOTHING

TESTS = Path(__file__).parent
MODES = {"pure": {"NUMBA_DISABLE_JIT": "1"}, "checked": {"IMS_BOUNDSCHECK": "all"}}
KERNELS = (
    # files, and what is chosen among their tests, as pytest's -k does
    ("test_siphash sign/test_digest sign/test_cache sign/test_gather sign/test_signer store/test_rowkey store/test_rebuild",
     "not real_captures"),
    ("simulate/test_draft simulate/test_order simulate/test_bytes simulate/test_client player/test_hand_out",
     "not another_seed"),
    ("query/test_marks query/test_hashed", ""),
    ("capture/test_pcap capture/test_pcapng capture/test_erf capture/test_hostile", "written or walk or nanosecond"),
    ("sensor/test_spans", ""),
    ("respond/test_reply", ""),
    ("packet/test_checksum packet/test_ipv4 packet/test_transport packet/test_ethernet packet/test_tcp_options", ""),
    ("decode/test_books decode/test_ethernet decode/test_ppp decode/test_wan_link decode/test_host_link decode/test_radio "
     "decode/test_rare_link decode/test_juniper_link "
     "decode/test_link decode/test_tunnel decode/test_ipv4 decode/test_transport decode/test_cut_header decode/test_lengths "
     "decode/test_category decode/test_recent_syns", ""),
)  # fmt: skip


def main() -> int:
    """Run them, with pytest's words handed on; 1 if anything failed."""
    failed = 0
    for mode, settings in MODES.items():
        # Some are too slow in plain Python; all were run compiled.
        inherited = {name: value for name, value in os.environ.items() if name not in ("CI", SKIP_NOTHING)}
        for files, only in KERNELS:
            print(f"{mode}: {files} {only and f'-k {only!r}'}", flush=True)
            words = ["-k", only, *sys.argv[1:], *(str(TESTS / f"{name}.py") for name in files.split())]
            environment = inherited | {"PYTHONWARNINGS": "error"} | settings
            failed |= subprocess.run(
                [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *words],
                env=environment, cwd=TESTS.parent, check=False,
            ).returncode != 0  # fmt: skip
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
