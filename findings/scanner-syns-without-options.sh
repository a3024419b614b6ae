#!/usr/bin/env bash
# The SYNs of Debian 12's masscan 1.3.2 and zmap 2.1.1 carry no TCP options at all: 40 octets, no MSS; nmap 7.93's have 44, with an MSS of 1460. Of the
# signatures of SYNs in p0f 3.09b's p0f.fp none is without options, and none names these two scanners, so p0f says "os = ???" of both, though it knows
# nmap's SYN scan by the very window that masscan sends, 1024, and names it where the MSS is there. A telescope that trusts p0f leaves these scans
# unnamed. What would name them is outside of a p0f signature: zmap's IP ID is 54321, masscan's is destination ^ port ^ sequence number, in 16 bits.
# Seen in a network namespace of its own (needs user namespaces, no root): a pair of interfaces that leads nowhere, one packet from each scanner.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
apt-get download -qq masscan=2:1.3.2+ds1-1 zmap=2.1.1-2+b6 p0f=3.09b-3 libpcap0.8=1.10.3-1 iproute2=6.1.0-3 libbpf1 libdbus-1-3 libelf1 libgmp10 \
    libhiredis0.14 libjson-c5 libmnl0 libssl3 libtirpc3 libxtables12 \
    libbsd0 libmd0 libdb5.3
for package in ./*.deb; do dpkg -x "$package" root; done
PATH=$work/root/usr/bin:$work/root/usr/sbin:$work/root/bin:$work/root/sbin:$PATH
export LD_LIBRARY_PATH=$work/root/usr/lib/x86_64-linux-gnu:$work/root/lib/x86_64-linux-gnu
cat >scans.py <<'PY'
import socket
import struct
import subprocess

near, far = "02:00:00:00:00:01", "02:00:00:00:00:02"
for words in ("link add near address %s type veth peer name far address %s" % (near, far), "link set near up", "link set far up",
              "addr add 192.0.2.1/24 dev near", "neigh add 192.0.2.2 lladdr %s dev near" % far, "route add default via 192.0.2.2"):
    subprocess.run(["ip", *words.split()], check=True)
tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
tap.bind(("far", 0))
tap.settimeout(5)


def syn_of(scanner, *words):
    with open(scanner + ".log", "w") as log:
        running = subprocess.Popen([scanner, *words], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            while True:
                frame = tap.recv(65535)
                if frame[23] == 6 and frame[14 + 20 + 13] == 2:
                    return frame
        finally:
            running.terminate()
            running.wait()


masscan = syn_of("masscan", "203.0.113.7", "-p80", "--rate", "10", "--wait", "0", "--adapter", "near", "--adapter-ip", "192.0.2.1",
                 "--adapter-mac", near, "--router-mac", far)
open("none.conf", "w").close()
zmap = syn_of("zmap", "-p", "80", "-C", "none.conf", "-b", "none.conf", "-S", "192.0.2.1", "-G", far, "-i", "near", "-c", "1", "203.0.113.8/32")
# As nmap's: masscan's with an MSS of 1460 and a TTL of 52 (p0f computes no checksums).
like = bytearray(masscan[:54] + bytes((2, 4, 5, 180)))
like[16:18], like[22], like[46], like[29] = struct.pack(">H", 44), 52, 6 << 4, 2
with open("scans.pcap", "wb") as out:
    out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
    for n, frame in enumerate((masscan[:54], zmap[:54], like)):
        out.write(struct.pack("<IIII", 1772600400 + n, 0, len(frame), len(frame)) + frame)
for name, frame in (("masscan", masscan), ("zmap", zmap)):
    length, identity = struct.unpack(">HH", frame[16:20])
    destination, = struct.unpack(">I", frame[30:34])
    port, sequence = struct.unpack(">HI", frame[36:42])
    if name == "masscan":
        told = "destination ^ port ^ sequence" if identity == (destination ^ port ^ sequence) & 0xFFFF else identity
    else:
        told = identity
    print(f"{name}: {length} octets, TTL {frame[22]}, window {struct.unpack('>H', frame[48:50])[0]}, ID {told}")
PY
unshare --map-root-user --net python3 scans.py >scans
status=0
expect() { if [ "$2" = "$3" ]; then echo "seen: $1: $2"; else echo "changed: $1: $2, was $3"; status=1; fi; }
expect "first SYN" "$(sed -n 1p scans)" "masscan: 40 octets, TTL 255, window 1024, ID destination ^ port ^ sequence"
expect "second SYN" "$(sed -n 2p scans)" "zmap: 40 octets, TTL 255, window 65535, ID 54321"
p0f -f root/etc/p0f/p0f.fp -r scans.pcap >p0f 2>&1
told() { awk -v RS='\n[.]-' -v want="203.0.113.$1/" 'index($0, want)' p0f | sed -nE 's/^\| (os|app) += /\1 = /p' | sed -n "${2:-1}p"; }
expect "p0f about masscan" "$(told 7 1)" "os = ???"
expect "p0f about zmap" "$(told 8)" "os = ???"
expect "p0f about masscan's with an MSS" "$(told 7 2)" "app = NMap SYN scan"
expect "p0f.fp's signatures of SYNs without options" "$(awk -F: '/^\[/ {part = $0} part ~ /^.tcp:request/ && /^sig/ && $6 == ""' root/etc/p0f/p0f.fp | wc -l)" 0
for name in nmap masscan zmap; do
    expect "p0f.fp names $name" "$(grep -ciE "^label.*:$name:" root/etc/p0f/p0f.fp || true)" "$([ $name = nmap ] && echo 2 || echo 0)"
done
exit $status
