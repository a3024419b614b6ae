"""Sends one frame, and prints the first that comes back from a dark address, as hex.

    python -m tests.sensor.raw_peer packet|tun INTERFACE HEX SECONDS

`tun`: the frame is an IP packet that comes out of the tun device INTERFACE. VLAN tags that the kernel strips from what
it hands over are put back.
"""

from __future__ import annotations

import fcntl
import os
import select
import socket
import struct
import sys

ETH_P_ALL, SOL_PACKET, PACKET_AUXDATA = 3, 263, 8
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000
VLAN_VALID, VLAN_TPID_VALID = 1 << 4, 1 << 6
DARK = bytes([198, 51, 100])


def from_packet_socket(interface: str, frame: bytes, seconds: float) -> bytes | None:
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)) as wire:
        wire.bind((interface, ETH_P_ALL))
        wire.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        wire.settimeout(seconds)
        wire.send(frame)
        while True:
            try:
                got, auxiliary, _, address = wire.recvmsg(4096, 256)
            except TimeoutError:
                return None
            for _, kind, data in auxiliary:
                if kind == PACKET_AUXDATA:
                    status, _, _, _, _, tci, tpid = struct.unpack("IIIHHHH", data[:20])
                    if status & VLAN_VALID:
                        tag = struct.pack(">HH", tpid if status & VLAN_TPID_VALID else 0x8100, tci)
                        got = got[:12] + tag + got[12:]
            if address[2] != socket.PACKET_OUTGOING and DARK in got[:60] and got != frame:
                return got


def from_tun(interface: str, packet: bytes, seconds: float) -> bytes | None:
    device = os.open("/dev/net/tun", os.O_RDWR)
    try:
        fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", interface.encode(), IFF_TUN | IFF_NO_PI))
        os.write(device, packet)
        while select.select([device], [], [], seconds)[0]:
            got = os.read(device, 4096)
            if got[12:15] == DARK:
                return got
    finally:
        os.close(device)
    return None


if __name__ == "__main__":
    kind, name, octets, limit = sys.argv[1:5]
    found = (from_tun if kind == "tun" else from_packet_socket)(name, bytes.fromhex(octets), float(limit))
    sys.exit("nothing came back" if found is None else print(found.hex()))
