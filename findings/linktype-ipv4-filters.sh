#!/usr/bin/env bash
# A capture of link type 228 (LINKTYPE_IPV4, in tcpdump.org's list) holds the same octets as one of 101 (LINKTYPE_RAW); tcpdump 4.99.3 reads both.
# Debian 12's libtrace 3.0.22 reads 228 as well, until a filter is asked for: `tracestats -f udp` says "pcap does not support this format" and
# "Removing filter from filterlist" on stderr, then prints 0 UDP packets beside a total of 5 and exits with 0: on stdout just a capture without UDP.
# softflowd 1.1.0 ("Unsupported datalink type 228") and ngrep 1.47 ("unsupported interface type 228") refuse it, with 1. All of them read 101.
# So a program that writes IPv4 packets without a link layer is understood more widely if it says 101.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
apt-get download -qq libtrace-tools=3.0.22-0.1 libtrace3=3.0.22-0.1 libpacketdump3=3.0.22-0.1 libwandio1=3.0.22-0.1 softflowd=1.1.0-1+b1 \
    ngrep=1.47+ds1-5+b1 tcpdump=4.99.3-1 libpcap0.8=1.10.3-1 libnet1 libdbus-1-3 libssl3
for package in ./*.deb; do dpkg -x "$package" root; done
PATH=$work/root/usr/bin:$work/root/usr/sbin:$PATH
export LD_LIBRARY_PATH=$work/root/usr/lib/x86_64-linux-gnu:$work/root/usr/lib
python3 - <<'PY'
import struct
def packet(n):  # UDP, 192.0.2.n to 198.51.100.7, port 53
    udp = struct.pack(">HHHH", 40000, 53, 12, 0) + b"data"
    head = struct.pack(">BBHHHBBH4B4B", 0x45, 0, 20 + len(udp), n, 0, 64, 17, 0, 192, 0, 2, n, 198, 51, 100, 7)
    total = sum(struct.unpack(">10H", head))
    total = (total & 0xFFFF) + (total >> 16)
    return head[:10] + struct.pack(">H", ~total & 0xFFFF) + head[12:] + udp
for link in (101, 228):
    with open(f"{link}.pcap", "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link))
        for n in range(1, 6):
            data = packet(n)
            out.write(struct.pack("<IIII", 1772600400 + n, 0, len(data), len(data)) + data)
PY
status=0
expect() { if [ "$2" = "$3" ]; then echo "seen: $1: $2"; else echo "changed: $1: $2, was $3"; status=1; fi; }
run() { local code=0; timeout 60 "$@" >out 2>err || code=$?; echo $code; }
for link in 101 228; do
    expect "tcpdump, $link: exit status" "$(run tcpdump -nr $link.pcap udp)" 0
    expect "tcpdump, $link: packets" "$(wc -l <out)" 5
    expect "tracestats, $link: exit status" "$(run tracestats pcapfile:$link.pcap)" 0
    expect "tracestats, $link: total" "$(awk '$1 == "Total:" {print $2}' out)" 5
done
expect "tracestats -f udp, 101: exit status" "$(run tracestats -f udp pcapfile:101.pcap)" 0
expect "tracestats -f udp, 101: udp" "$(awk '$1 == "udp:" {print $2}' out)" 5
expect "tracestats -f udp, 228: exit status" "$(run tracestats -f udp pcapfile:228.pcap)" 0
expect "tracestats -f udp, 228: udp" "$(awk '$1 == "udp:" {print $2}' out)" 0
expect "tracestats -f udp, 228: total" "$(awk '$1 == "Total:" {print $2}' out)" 5
expect "tracestats -f udp, 228: complaint" "$(grep -o 'pcap does not support this format' err || true)" "pcap does not support this format"
# No collector: the flows go to loopback's port 9, where nobody listens.
expect "softflowd, 101: exit status" "$(run softflowd -d -r 101.pcap -n 127.0.0.1:9)" 0
expect "softflowd, 101: packets" "$(awk '/^Packets processed:/ {print $3}' out)" 5
expect "softflowd, 228: exit status" "$(run softflowd -d -r 228.pcap -n 127.0.0.1:9)" 1
expect "softflowd, 228: complaint" "$(grep -o 'Unsupported datalink type 228' err || true)" "Unsupported datalink type 228"
expect "ngrep, 101: exit status" "$(run ngrep -q -I 101.pcap data udp)" 0
expect "ngrep, 101: packets" "$(grep -c '^U ' out || true)" 5
expect "ngrep, 228: exit status" "$(run ngrep -q -I 228.pcap data udp)" 1
expect "ngrep, 228: complaint" "$(cat out err | grep -o 'unsupported interface type 228' || true)" "unsupported interface type 228"
exit $status
