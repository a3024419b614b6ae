#!/usr/bin/env bash
# libpcap 1.10.3 (tcpdump 4.99.3): where a capture's packets are cut by the snapshot length, a filter's answer depends on its optimiser. A filter that
# reads an octet that wasn't captured ends at once as "no match", below `not` too: `tcp[14:2] > 18` and its negation both reject the packet. The
# optimiser drops loads whose outcome can't matter, so that by default `tcp[14:2] = 5 or ip` takes packets that `tcpdump -O` rejects; nor is `or`
# commutative under -O (`ip or tcp[14:2] = 5` takes them). Even a condition or its contrary, "A or not A", is all packets or none. Whoever compares an
# own filter with libpcap's on cut packets compares with its optimiser: neither answer is the reference.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
apt-get download -qq tcpdump=4.99.3-1 libpcap0.8=1.10.3-1 libdbus-1-3 libssl3
for package in ./*.deb; do dpkg -x "$package" root; done
PATH=$work/root/usr/bin:$PATH
export LD_LIBRARY_PATH=$work/root/usr/lib/x86_64-linux-gnu:$work/root/usr/lib
python3 - <<'PY'
import struct
tcp = struct.pack(">HHIIBBHHH", 40000, 80, 1, 0, 5 << 4, 2, 1024, 0, 0)
with open("cut.pcap", "wb") as out:  # RAW, 34 of 40 octets captured: TCP's flags are the last octet, its window is missing
    out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 34, 101))
    for n in range(1, 6):
        head = struct.pack(">BBHHHBBH4B4B", 0x45, 0, 40, n, 0, 64, 6, 0, 192, 0, 2, n, 198, 51, 100, 7)
        total = sum(struct.unpack(">10H", head))
        total = (total & 0xFFFF) + (total >> 16)
        data = (head[:10] + struct.pack(">H", ~total & 0xFFFF) + head[12:] + tcp)[:34]
        out.write(struct.pack("<IIII", 1772600400 + n, 0, 34, 40) + data)
PY
status=0
expect() { if [ "$2" = "$3" ]; then echo "seen: $1: $2"; else echo "changed: $1: $2, was $3"; status=1; fi; }
counts() { for way in -n -O; do tcpdump $way -nr cut.pcap "$1" 2>/dev/null | wc -l; done | tr '\n' ' '; }
while IFS=: read -r wanted filter; do
    expect "$filter: packets of 5, by default and with -O" "$(counts "$filter")" "$wanted "
done <<'FILTERS'
5 5:ip
0 0:tcp[14:2] > 18
0 0:not tcp[14:2] > 18
5 0:tcp[14:2] > 18 or not tcp[14:2] > 18
5 0:tcp[14:2] = 5 or ip
5 5:ip or tcp[14:2] = 5
5 0:tcp[14:2] & 0 = 0
5 0:not tcp[14:2] > 18 or not icmp[0:2] = 1024
FILTERS
exit $status
