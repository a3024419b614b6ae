#!/usr/bin/env bash
# Debian 12's editcap 4.0.17 lists erf among the formats it writes, but writes none: `editcap -F erf` of a pcap of Ethernet, Cisco HDLC or PPP fails
# with 2, "Record 1 … has a record type that can't be saved", and leaves a file that looks like a capture: 128 octets, which capinfos and tshark
# read without complaint as one packet, ERF's provenance record, at 1970-01-01. tshark -F erf does the same. Even an ERF file that it reads can't be
# written as ERF: that leaves 0 octets. Where the link type has no place in ERF (RAW, 802.11), it says so first and leaves nothing. So the file's
# being there means nothing, and whoever needs an ERF file to test with has to make it otherwise (libtrace does).
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
export HOME=$work
apt-get download -qq tshark=4.0.17-0+deb12u3 wireshark-common=4.0.17-0+deb12u3 libwireshark16=4.0.17-0+deb12u3 libwiretap13=4.0.17-0+deb12u3 \
    libwsutil14=4.0.17-0+deb12u3 libpcap0.8=1.10.3-1 libbrotli1 libc-ares2 libdbus-1-3 libglib2.0-0 libicu72 libk5crypto3 libkeyutils1 libkrb5-3 \
    libkrb5support0 liblua5.2-0 libnghttp2-14 libsmi2ldbl libsnappy1v5 libssl3 libxml2
for package in ./*.deb; do dpkg -x "$package" root; done
PATH=$work/root/usr/bin:$PATH
export LD_LIBRARY_PATH=$work/root/usr/lib/x86_64-linux-gnu:$work/root/usr/lib
python3 - <<'PY'
import struct
udp = struct.pack(">HHHH", 40000, 40001, 16, 0) + b"findings"
head = struct.pack(">BBHHHBBH4B4B", 0x45, 0, 36, 1, 0, 64, 17, 0, 192, 0, 2, 1, 198, 51, 100, 7)
total = sum(struct.unpack(">10H", head))
total = (total & 0xFFFF) + (total >> 16)
packet = head[:10] + struct.pack(">H", ~total & 0xFFFF) + head[12:] + udp
ethernet = bytes.fromhex("020000000001 020000000002 0800") + packet
wifi = bytes.fromhex("0801") + bytes(22) + bytes.fromhex("aaaa03 000000 0800") + packet
for name, link, frame in (("ethernet", 1, ethernet), ("hdlc", 104, b"\x0f\0\x08\0" + packet), ("ppp", 50, b"\xff\3\0\x21" + packet),
                          ("raw", 101, packet), ("wifi", 105, wifi)):
    with open(f"{name}.pcap", "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link))
        for n in range(3):
            out.write(struct.pack("<IIII", 1772600400 + n, 0, len(frame), len(frame)) + frame)
# ERF, type 2: time (32.32, little-endian), type, flags (4: varying lengths), record's length, lost, length on the wire with the check sequence, two
# octets of padding
with open("erf.pcap", "wb") as out:
    for n in range(3):
        out.write(struct.pack("<Q", 1772600400 + n << 32))
        out.write(struct.pack(">BBHHHH", 2, 4, 18 + len(ethernet), 0, len(ethernet) + 4, 0) + ethernet)
PY
status=0
expect() { if [ "$2" = "$3" ]; then echo "seen: $1: $2"; else echo "changed: $1: $2, was $3"; status=1; fi; }
run() { local code=0; "$@" >out 2>err || code=$?; echo $code; }
said() { grep -oE "has a record type that can't be saved|can't be written as a \"erf\" file" err || true; }
expect "erf among editcap's formats" "$({ editcap -F 2>&1 || true; } | grep -cE '^ +erf - ')" 1
for name in ethernet hdlc ppp; do
    expect "editcap, $name: exit status" "$(run editcap -F erf $name.pcap $name.out)" 2
    expect "editcap, $name: complaint" "$(said)" "has a record type that can't be saved"
    expect "editcap, $name: octets left" "$(wc -c <$name.out)" 128
    expect "capinfos of them: exit status" "$(run capinfos -Mctr $name.out)" 0
    expect "capinfos of them: packets" "$(awk '/^Number of packets/ {print $4}' out)" 1
    expect "tshark of them: time, type" "$(tshark -r $name.out -T fields -e frame.time_epoch -e erf.types.type 2>/dev/null | tr '\t' ' ')" "0.000000000 27"
done
expect "tshark -F erf: exit status" "$(run tshark -r ethernet.pcap -F erf -w tshark.out)" 2
expect "tshark -F erf: octets left" "$(wc -c <tshark.out)" 128
expect "tshark reads the ERF file: packets" "$(tshark -r erf.pcap udp 2>/dev/null | wc -l)" 3
expect "editcap, ERF to ERF: exit status" "$(run editcap -F erf erf.pcap erf.out)" 2
expect "editcap, ERF to ERF: complaint" "$(said)" "has a record type that can't be saved"
expect "editcap, ERF to ERF: octets left" "$(wc -c <erf.out)" 0
for name in raw wifi; do
    expect "editcap, $name: exit status" "$(run editcap -F erf $name.pcap $name.out)" 2
    expect "editcap, $name: complaint" "$(said)" "can't be written as a \"erf\" file"
    expect "editcap, $name: a file" "$([ -e $name.out ] && echo left || echo none)" none
done
exit $status
