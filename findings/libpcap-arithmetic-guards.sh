#!/usr/bin/env bash
# libpcap 1.10.3 (tcpdump 4.99.3): `tcp[12]` holds only for TCP's first fragments: libpcap puts those checks before it by itself, also where it is one
# side of a comparison. But of an arithmetic expression only the leftmost operand's checks stay. The manual's filter for packets with data begins with
# `tcp port 80 and`; without that, it takes UDP, ICMP and later fragments too, and computes with octet 12 of what is no TCP header. The two ways to
# write one inequality, A - B != 0 with IP's length leftmost and B != A with TCP's header leftmost, select different packets; the optimiser has no
# part in that (-O gives the same). A counter of "TCP packets with data" that is written the first way counts backscatter of other protocols.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
apt-get download -qq tcpdump=4.99.3-1 libpcap0.8=1.10.3-1 libdbus-1-3 libssl3
for package in ./*.deb; do dpkg -x "$package" root; done
PATH=$work/root/usr/bin:$PATH
export LD_LIBRARY_PATH=$work/root/usr/lib/x86_64-linux-gnu:$work/root/usr/lib
python3 - <<'PY'
import struct
def packet(protocol, data, place=0):  # 192.0.2.protocol to 198.51.100.7
    head = struct.pack(">BBHHHBBH4B4B", 0x45, 0, 20 + len(data), 1, place, 64, protocol, 0, 192, 0, 2, protocol, 198, 51, 100, 7)
    total = sum(struct.unpack(">10H", head))
    total = (total & 0xFFFF) + (total >> 16)
    return head[:10] + struct.pack(">H", ~total & 0xFFFF) + head[12:] + data
tcp = struct.pack(">HHIIBBHHH", 40000, 80, 1, 0, 5 << 4, 2, 1024, 0, 0)
udp = struct.pack(">HHHH", 40000, 40001, 20, 0) + b"twelve more."
icmp = struct.pack(">BBHHH", 8, 0, 0, 1, 1) + b"echo and so on"
with open("packets.pcap", "wb") as out:
    out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101))
    for n, data in enumerate((packet(6, tcp), packet(6, tcp + b"data"), packet(17, udp), packet(1, icmp), packet(6, b"later " * 5, 5))):
        out.write(struct.pack("<IIII", 1772600400 + n, 0, len(data), len(data)) + data)
PY
status=0
expect() { if [ "$2" = "$3" ]; then echo "seen: $1: $2"; else echo "changed: $1: $2, was $3"; status=1; fi; }
names=(SYN TCP+data UDP ICMP fragment)
taken() { for second in $(tcpdump "$1" -nttr packets.pcap "$2" 2>/dev/null | cut -d. -f1); do echo -n "${names[second - 1772600400]} "; done; }
data='ip[2:2] - ((ip[0] & 0xf) << 2)'
header='(tcp[12] & 0xf0) >> 2'
for way in -n -O; do
    expect "$way, lengths subtracted" "$(taken $way "($data) - ($header) != 0")" "TCP+data UDP ICMP fragment "
    expect "$way, lengths compared, TCP's first" "$(taken $way "($header) != $data")" "TCP+data "
    expect "$way, lengths compared, IP's first" "$(taken $way "$data != ($header)")" "TCP+data "
    expect "$way, subtracted the other way" "$(taken $way "($header) - ($data) != 0")" "TCP+data "
    expect "$way, subtracted, below tcp" "$(taken $way "tcp and ($data) - ($header) != 0")" "TCP+data fragment "
done
exit $status
