#!/usr/bin/env bash
# Debian 12's libtrace 3.0.22, traceconvert (a wrapper around tracesplit), from pcap to ERF and back:
# - Each round trip takes a microsecond from every packet's time: its reader cuts off ERF's 32.32 fixed point where it should round it. After four
#   trips .123456 is .123452. The ERF file itself is right to a nanosecond, tshark 4.0.17 reads .123456 from it: reader and writer of one library.
# - What it writes is gzip, whatever the name says, pcap too, and neither its usage nor its manual has a hint of it (the wrapper passes -z 1 -Z gzip):
#   tcpdump answers "unknown file format". `tracesplit -Z none` writes plain files.
# - An Ethernet frame's length on the wire is 4 more in the ERF file (the check sequence that a DAG card would have counted): tshark shows 58 where
#   the pcap says 54. It takes the 4 off on the way back, so its own round trip hides it. tracestats counts those 4 for plain pcap files too: 410
#   bytes where capinfos says 390.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
export HOME=$work
apt-get download -qq libtrace-tools=3.0.22-0.1 libtrace3=3.0.22-0.1 libpacketdump3=3.0.22-0.1 libwandio1=3.0.22-0.1 tcpdump=4.99.3-1 \
    tshark=4.0.17-0+deb12u3 wireshark-common=4.0.17-0+deb12u3 libwireshark16=4.0.17-0+deb12u3 libwiretap13=4.0.17-0+deb12u3 \
    libwsutil14=4.0.17-0+deb12u3 libpcap0.8=1.10.3-1 libbrotli1 libc-ares2 libdbus-1-3 libglib2.0-0 libicu72 libk5crypto3 libkeyutils1 libkrb5-3 \
    libkrb5support0 liblua5.2-0 libnghttp2-14 libsmi2ldbl libsnappy1v5 libssl3 libxml2
for package in ./*.deb; do dpkg -x "$package" root; done
PATH=$work/root/usr/bin:$PATH
export LD_LIBRARY_PATH=$work/root/usr/lib/x86_64-linux-gnu:$work/root/usr/lib
python3 - <<'PY'
import struct
def frame(n):  # Ethernet, UDP, 192.0.2.n to 198.51.100.7
    udp = struct.pack(">HHHH", 40000, 40001, 8 + 12 * n, 0) + b"data" * 3 * n
    head = struct.pack(">BBHHHBBH4B4B", 0x45, 0, 20 + len(udp), n, 0, 64, 17, 0, 192, 0, 2, n, 198, 51, 100, 7)
    total = sum(struct.unpack(">10H", head))
    total = (total & 0xFFFF) + (total >> 16)
    return bytes.fromhex("020000000001 020000000002 0800") + head[:10] + struct.pack(">H", ~total & 0xFFFF) + head[12:] + udp
with open("0.pcap", "wb") as out:
    out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
    for n in range(1, 6):
        out.write(struct.pack("<IIII", 1772600400 + n, 123456, len(frame(n)), len(frame(n))) + frame(n))
PY
status=0
expect() { if [ "$2" = "$3" ]; then echo "seen: $1: $2"; else echo "changed: $1: $2, was $3"; status=1; fi; }
fields() { tshark -r "$1" -T fields -e "$2" 2>/dev/null | tr '\n' ' '; }
kind() { head -c 2 "$1" | od -An -tx1 | tr -d ' '; }
for trip in 1 2 3 4; do
    traceconvert "pcapfile:$((trip - 1)).pcap" "erf:$trip.erf"
    traceconvert "erf:$trip.erf" "pcapfile:$trip.pcap"
    expect "microseconds after trip $trip" "$(fields $trip.pcap frame.time_epoch | grep -o '\.[0-9]*' | sort -u)" ".12345$((6 - trip))000"
done
expect "microseconds that tshark reads from the first ERF file" "$(fields 1.erf frame.time_epoch | grep -o '\.[0-9]*' | sort -u)" .123456000
expect "first two octets, .erf (1f8b: gzip)" "$(kind 1.erf)" 1f8b
expect "first two octets, .pcap" "$(kind 1.pcap)" 1f8b
expect "tcpdump of that pcap" "$(tcpdump -nr 1.pcap 2>&1 | tail -1)" "tcpdump: unknown file format"
tracesplit -Z none pcapfile:0.pcap pcapfile:plain.pcap
expect "first two octets, tracesplit -Z none" "$(kind plain.pcap)" d4c3
expect "lengths, pcap" "$(fields 0.pcap frame.len)" "54 66 78 90 102 "
expect "lengths, ERF" "$(fields 1.erf frame.len)" "58 70 82 94 106 "
expect "lengths, pcap again" "$(fields 1.pcap frame.len)" "54 66 78 90 102 "
expect "tracestats of the pcap, bytes" "$(tracestats pcapfile:0.pcap 2>/dev/null | awk '$1 == "Total:" {print $3}')" 410
expect "capinfos of the pcap, bytes" "$(capinfos -Mdr 0.pcap | awk '/^Data size/ {print $3}')" 390
exit $status
