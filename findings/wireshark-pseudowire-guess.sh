#!/usr/bin/env bash
# Below MPLS nothing says whether an Ethernet frame follows, nor whether a control word is before it. Debian 12's tshark 4.0.17 guesses
# ("pwethheuristic") by the vendors' prefixes of MAC addresses in its list of names, /usr/share/wireshark/manuf. With Intel's both ways to send a frame
# are read; with locally administered ones, as virtual machines, containers and tests have, both the wrong way about (the control word as part of the
# frame, or the frame's first octets as a control word): no IP is seen in a valid packet, and no error told. With 52:54:00, KVM's, or a broadcast's
# ff:ff:ff:ff:ff:ff, a frame without a control word is just data. Where the list isn't there, Intel's without one aren't read any more, and local ones
# with one are: what is in a packet hangs on a table of names, with -n as well. `-d mpls.label==16,pwethcw` (or pwethnocw) says what it is, and is
# always right. Untold, tshark is no judge of these.
# Each tshark runs in namespaces of its own (needs user namespaces, no root), where /usr/share is the package's, or empty.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
export HOME=$work
apt-get download -qq tshark=4.0.17-0+deb12u3 wireshark-common=4.0.17-0+deb12u3 libwireshark16=4.0.17-0+deb12u3 \
    libwireshark-data=4.0.17-0+deb12u3 libwiretap13=4.0.17-0+deb12u3 libwsutil14=4.0.17-0+deb12u3 libpcap0.8=1.10.3-1 libbrotli1 libc-ares2 \
    libdbus-1-3 libglib2.0-0 libicu72 libk5crypto3 libkeyutils1 libkrb5-3 libkrb5support0 liblua5.2-0 libnghttp2-14 libsmi2ldbl libsnappy1v5 libssl3 \
    libxml2
for package in ./*.deb; do dpkg -x "$package" root; done
PATH=$work/root/usr/bin:$PATH
export LD_LIBRARY_PATH=$work/root/usr/lib/x86_64-linux-gnu:$work/root/usr/lib
mkdir empty
python3 - <<'PY'
import struct
udp = struct.pack(">HHHH", 40000, 40001, 16, 0) + b"findings"
head = struct.pack(">BBHHHBBH4B4B", 0x45, 0, 36, 1, 0, 64, 17, 0, 192, 0, 2, 1, 198, 51, 100, 7)
total = sum(struct.unpack(">10H", head))
total = (total & 0xFFFF) + (total >> 16)
packet = head[:10] + struct.pack(">H", ~total & 0xFFFF) + head[12:] + udp
outer = bytes.fromhex("00005e005302 00005e005301 8847") + struct.pack(">I", 16 << 12 | 1 << 8 | 64)
for name, macs in (("intel", "001b21000002 001b21000001"), ("local", "020000000002 020000000001"), ("container", "024200000002 024200000001"),
                   ("kvm", "525400000002 525400000001"), ("broadcast", "ffffffffffff 001b21000001")):
    for way, word in (("without", b""), ("with", b"\0\0\0\1")):
        frame = outer + word + bytes.fromhex(macs) + b"\x08\0" + packet
        with open(f"{name}-{way}.pcap", "wb") as out:
            out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
            out.write(struct.pack("<IIII", 1772600400, 0, len(frame), len(frame)) + frame)
PY
status=0
expect() { if [ "$2" = "$3" ]; then echo "seen: $1: $2"; else echo "changed: $1: $2, was $3"; status=1; fi; }
share=root/usr/share
layers() {
    unshare --map-root-user --mount sh -c 'mount --bind "$0" /usr/share; exec tshark -n "$@" 2>/dev/null' $share \
        -r "$1.pcap" "${@:2}" -T fields -e frame.protocols | sed 's/^eth:ethertype:mpls://; s/pwethheuristic://'
}
plain=pwethnocw:eth:ethertype word=pwethcw:eth:ethertype
expect "Intel's, without a control word" "$(layers intel-without)" $plain:ip:udp:data
expect "Intel's, with one" "$(layers intel-with)" $word:ip:udp:data
for name in local container; do
    expect "$name, without" "$(layers $name-without)" pwethcw:eth:llc:data
    expect "$name, with" "$(layers $name-with)" $plain:data
done
expect "kvm, without" "$(layers kvm-without)" data
expect "kvm, with" "$(layers kvm-with)" $plain:data
expect "broadcast, without" "$(layers broadcast-without)" data
expect "broadcast, with" "$(layers broadcast-with)" $word:ip:udp:data
for name in intel local container kvm broadcast; do
    expect "$name, without, told" "$(layers $name-without -d mpls.label==16,pwethnocw)" eth:ethertype:ip:udp:data
    expect "$name, with, told" "$(layers $name-with -d mpls.label==16,pwethcw)" eth:ethertype:ip:udp:data
done
share=empty
expect "no list: Intel's, without" "$(layers intel-without)" pwethcw:eth:llc:data
expect "no list: Intel's, with" "$(layers intel-with)" $word:ip:udp:data
expect "no list: local, without" "$(layers local-without)" pwethcw:eth:llc:data
expect "no list: local, with" "$(layers local-with)" $word:ip:udp:data
exit $status
