#!/usr/bin/env bash
# pyarrow 26.0.1's Flight client (gRPC 1.81.1) whose server's name had no address for a minute goes on failing after DNS is back, with "errors
# resolving …" of before: it asks DNS again on a schedule of its own, whose gaps grow to tens of seconds, and each call meanwhile is answered at once
# from the last failure. grpc.max_reconnect_backoff_ms = 1000, which holds for connections, changes nothing about it, nor do more calls. A client that is
# made at that moment is answered at once. So whoever polls peers by name makes a new client after such a failure, or is blind for longer than the
# outage was. Seen by a DNS server of the script's own, on loopback in a network namespace, and the times at which it was asked.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check pyarrow==26.0.1
cat >watch.py <<'PY'
import socket
import sys
import threading
import time

import pyarrow
import pyarrow.flight as flight

NAME, OUTAGE, LIMIT = "sensor.example.net", 60.0, 120.0
asked = []
back = threading.Event()


def answer():
    """A DNS server that knows one name's address, once it is back; until then it says SERVFAIL."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 53))
        while True:
            query, peer = server.recvfrom(512)
            end = query.index(0, 12) + 5
            kind = int.from_bytes(query[end - 4 : end - 2], "big")
            if kind == 1:
                asked.append(time.monotonic())
            if not back.is_set():
                server.sendto(query[:2] + b"\x81\x82" + query[4:6] + bytes(6) + query[12:end], peer)
                continue
            found = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x01\x00\x04" + socket.inet_aton("127.0.0.1") if kind == 1 else b""
            counts = query[4:6] + (1 if found else 0).to_bytes(2, "big") + bytes(4)
            server.sendto(query[:2] + b"\x81\x80" + counts + query[12:end] + found, peer)


class Server(flight.FlightServerBase):
    def list_actions(self, context):
        return []


def works(client):
    try:
        list(client.list_actions(flight.FlightCallOptions(timeout=5)))
    except pyarrow.ArrowException as error:
        assert "errors resolving" in str(error), error
        return False
    return True


threading.Thread(target=answer, daemon=True).start()
server = Server("grpc://127.0.0.1:0")
options = [("grpc.max_reconnect_backoff_ms", 1000), ("grpc.initial_reconnect_backoff_ms", 100)]
address = f"grpc://{NAME}:{server.port}"
client = flight.FlightClient(address, generic_options=options)
print("pyarrow", pyarrow.__version__)
begin = time.monotonic()
while time.monotonic() < begin + OUTAGE:
    assert not works(client)
    time.sleep(0.25)
back.set()
returned = time.monotonic()
fresh = flight.FlightClient(address, generic_options=options)
assert works(fresh)
new = time.monotonic() - returned
while not works(client) and time.monotonic() < returned + LIMIT:
    time.sleep(0.25)
old = time.monotonic() - returned
gaps = [after - before for before, after in zip(asked, asked[1:]) if after < returned]
longest = max(gap for gap in gaps)
print(f"DNS was asked by the first client after gaps of {', '.join(f'{gap:.0f}' for gap in gaps if gap > 0.5)} s")
print(f"a new client was answered {new:.1f} s after DNS was back, the first one {old:.1f} s")
changed = not (longest > 10 and new < 2 and old > new + 2)
print("changed" if changed else "seen: the first client's gaps are DNS's own, whatever the limit of reconnecting is")
sys.exit(changed)
PY
cat >inside.sh <<'SH'
set -eu
ip link set lo up
echo "nameserver 127.0.0.1" >resolv.conf
echo "hosts: dns" >nsswitch.conf
mount --bind resolv.conf /etc/resolv.conf
mount --bind nsswitch.conf /etc/nsswitch.conf
exec env/bin/python watch.py
SH
unshare --user --map-root-user --net --mount sh inside.sh
