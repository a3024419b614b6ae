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
    ("test_siphash sign/test_digest sign/test_cache sign/test_gather sign/test_batch sign/test_signer store/test_rowkey store/test_rebuild "
     "store/test_first_seen_table",
     "not real_captures"),
    ("simulate/kernels/test_frame_buffer simulate/kernels/test_order simulate/kernels/test_hosts simulate/kernels/test_tally "
     "simulate/output/test_capture simulate/kernels/test_client player/test_transmit",
     "not another_seed"),
    ("query/distinct/test_bitmap query/distinct/test_sort_kernels query/distinct/test_radix_sort query/distinct/test_sorted_runs query/distinct/test_pair_set query/distinct/test_near_totals", ""),
    ("capture/test_pcap capture/test_pcapng capture/test_erf capture/test_pcap_walk capture/test_pcapng_walk capture/test_erf_walk capture/test_ring_walk", "written or walk or nanosecond"),
    ("sensor/test_spans", ""),
    ("respond/test_reply respond/test_arp respond/test_link_header respond/test_policy respond/test_segment respond/test_reconstruction", ""),
    ("packet/test_checksum packet/test_ipv4 packet/test_transport packet/test_tcp packet/test_udp packet/test_icmp packet/test_octets packet/test_ethernet packet/test_tcp_options", ""),
    ("decode/test_frames decode/test_raw decode/test_verdict decode/test_ethernet decode/test_ppp decode/test_wan_link decode/test_host_link decode/test_radio "
     "decode/test_rare_link decode/test_juniper_link "
     "decode/test_link decode/test_tunnel decode/test_ipv4 decode/test_transport decode/test_cut_header decode/test_lengths "
     "decode/test_category decode/test_recent_syns", ""),
    ("portal/privacy/test_address_kernels portal/privacy/test_escape_kernels", ""),
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
