"""Whether a row's columns restore its packet byte for byte, or its bytes have to go to `frames_raw`."""

from __future__ import annotations

from ims.kernels import kernel


@kernel
def is_odd(header_length, total_length, captured, length, ip_exact, transport_exact, reserved_bits, payload_length):
    """True where rebuilding a packet from its columns (store/rebuild.py) would give other octets:

    | odd | why columns can't express it |
    |---|---|
    | IP header of more than 20 octets | IP options have no column |
    | total length 0, or beyond the packet | it is rebuilt as what was captured |
    | cut by the capture | what is missing isn't known |
    | IP checksum not the computed one | rebuilding computes it |
    | transport header broken, cut, or a first fragment's | its checksum can't be computed, lengths aren't trusted |
    | transport checksum not the computed one | rebuilding computes it; so too 0xFFFF where 0 is computed |
    | TCP with a reserved bit set | only nine flags are stored |
    | UDP length other than the IP payload's | it is rebuilt from the payload |
    | payload over 65,535 octets | `payload_length` is clamped |

    `transport_exact` stands for three of these rows: UDP's length, and both of the transport's checksum.
    A later fragment has no transport header: its payload is everything after the IP header.
    """
    return (
        header_length != 20
        or total_length != captured
        or captured != length
        or not ip_exact
        or not transport_exact
        or reserved_bits != 0
        or payload_length > 0xFFFF
    )
