#!/usr/bin/env bash
# tcpdump 4.99.3 and tshark 4.0.17 (Debian 12) as judges of encapsulations: neither's "IP" covers the other's. One UDP packet to 198.51.100.7, below
# layers as their specifications have them, and who prints that address:
# - only tcpdump: VLAN tags of the old QinQ type 0x9200 (0x9100 both), and the link types of switch chips' tags, 281 and 282 (Broadcom), 284 and 285
#   (Marvell's DSA and EDSA), which tshark refuses, with 2, as "unknown or unsupported".
# - only tshark: FabricPath 0x8903, Cisco MetaData 0x8909, VN-tag 0x8926, E-tag 0x893f, PBB 0x88e7, all in tcpdump just "ethertype Unknown" and octets
#   in hexadecimal, and Ethernet pseudowires below MPLS.
# - none: link type 219, MPLS without Ethernet, although tcpdump names it ("MPLS with label as link-layer header") and then says UNSUPPORTED.
# With tcpdump all of them end with 0, so a comparison that goes by exit statuses sees nothing.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
export HOME=$work
apt-get download -qq tcpdump=4.99.3-1 tshark=4.0.17-0+deb12u3 wireshark-common=4.0.17-0+deb12u3 libwireshark16=4.0.17-0+deb12u3 \
    libwiretap13=4.0.17-0+deb12u3 libwsutil14=4.0.17-0+deb12u3 libpcap0.8=1.10.3-1 libbrotli1 libc-ares2 \
    libdbus-1-3 libglib2.0-0 libicu72 libk5crypto3 libkeyutils1 libkrb5-3 libkrb5support0 liblua5.2-0 libnghttp2-14 libsmi2ldbl libsnappy1v5 libssl3 \
    libxml2
for package in ./*.deb; do dpkg -x "$package" root; done
PATH=$work/root/usr/bin:$PATH
export LD_LIBRARY_PATH=$work/root/usr/lib/x86_64-linux-gnu:$work/root/usr/lib
cat >frames.py <<'PY'
import struct

udp = struct.pack(">HHHH", 40000, 40001, 16, 0) + b"findings"
head = struct.pack(">BBHHHBBH4B4B", 0x45, 0, 36, 1, 0, 64, 17, 0, 192, 0, 2, 1, 198, 51, 100, 7)
total = sum(struct.unpack(">10H", head))
total = (total & 0xFFFF) + (total >> 16)
packet = head[:10] + struct.pack(">H", ~total & 0xFFFF) + head[12:] + udp
macs = bytes.fromhex("00005e005302 00005e005301")  # of the block for documentation


def ethernet(kind, data):
    return macs + struct.pack(">H", kind) + data


ip = b"\x08\0" + packet
plain = ethernet(0x0800, packet)
label = struct.pack(">I", 16 << 12 | 1 << 8 | 64)  # label 16, bottom of the stack, TTL 64
frames = {
    "Ethernet": (1, plain),
    "VLAN 0x8100": (1, ethernet(0x8100, b"\0\7" + ip)),
    "VLAN 0x9100": (1, ethernet(0x9100, b"\0\7" + ip)),
    "VLAN 0x9200": (1, ethernet(0x9200, b"\0\7" + ip)),
    "MACsec, not encrypted": (1, ethernet(0x88E5, b"\x20\x26\0\0\0\1" + macs[6:] + b"\0\1" + ip + bytes(16))),
    "NSH": (1, ethernet(0x894F, struct.pack(">HBBI", 0x0FC6, 1, 1, 0x1FF) + bytes(16) + packet)),
    "FabricPath": (1, macs + b"\x89\x03\x04\x60" + plain),
    "Cisco MetaData": (1, ethernet(0x8909, b"\1\1\0\1\0\7" + ip)),
    "VN-tag": (1, ethernet(0x8926, b"\x80\0\0\1" + ip)),
    "E-tag": (1, ethernet(0x893F, b"\0\0\0\x10\0\0" + ip)),
    "PBB": (1, ethernet(0x88E7, b"\0\0\0\5" + plain)),
    "MPLS": (1, ethernet(0x8847, label + packet)),
    "MPLS alone": (219, label + packet),
    "Broadcom's tag": (281, macs + b"\0\0\0\1" + ip),
    "Broadcom's tag, in front": (282, b"\0\0\0\1" + plain),
    "DSA": (284, macs + b"\xc0\x20\0\0" + ip),
    "EDSA": (285, macs + b"\xda\xda\0\0\xc0\x20\0\0" + ip),
    "pseudowire": (1, ethernet(0x8847, label + b"\0\0\0\1" + bytes.fromhex("001b21000002 001b21000001") + ip)),
}
for name, (link, frame) in frames.items():
    with open(f"{name}.pcap", "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link))
        out.write(struct.pack("<IIII", 1772600400, 0, len(frame), len(frame)) + frame)
PY
python3 frames.py
status=0
while IFS=: read -r name wanted; do
    code=0; tcpdump -nr "$name.pcap" >out 2>err || code=$?
    one=no; grep -q '198\.51\.100\.7' out && one=yes; [ $code = 0 ] || one="$one ($code)"
    code=0; tshark -nr "$name.pcap" -T fields -e ip.dst >out 2>err || code=$?
    two=no; grep -qx '198\.51\.100\.7' out && two=yes; [ $code = 0 ] || two="$two ($code)"
    if [ "$one, $two" = "$wanted" ]; then word=seen; else word="changed (was $wanted)"; status=1; fi
    printf '%s: %-24s tcpdump %-4s tshark %s\n' "$word" "$name" "$one" "$two"
done <<'MATRIX'
Ethernet:yes, yes
VLAN 0x8100:yes, yes
VLAN 0x9100:yes, yes
VLAN 0x9200:yes, no
MACsec, not encrypted:yes, yes
NSH:yes, yes
FabricPath:no, yes
Cisco MetaData:no, yes
VN-tag:no, yes
E-tag:no, yes
PBB:no, yes
MPLS:yes, yes
MPLS alone:no, no (2)
Broadcom's tag:yes, no (2)
Broadcom's tag, in front:yes, no (2)
DSA:yes, no (2)
EDSA:yes, no (2)
pseudowire:no, yes
MATRIX
tcpdump -nr "MPLS alone.pcap" 2>/dev/null | head -1 | cut -d' ' -f2-
exit $status
