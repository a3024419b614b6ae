#!/usr/bin/env bash
# pyarrow 26.0.1's Flight server has one exception for every reason for which it can't listen: ArrowException "Unknown error: Server did not start
# properly", where the port is taken, the address isn't this machine's, and the port is one that only root may open. It is no OSError and has no errno.
# The reason stands on the process's stderr alone, as a line of gRPC's own log, which Python's sys.stderr never sees. (In Arrow's favour: a port that another
# Flight server has is refused, though gRPC by itself lets two servers share a port.) Whoever wants to tell a user why binds a plain socket first.
# All addresses are loopback, and one of a network that is kept for documentation.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check pyarrow==26.0.1
cat >listen.py <<'PY'
import os
import socket
import sys

import pyarrow
import pyarrow.flight as flight

SAID = "Unknown error: Server did not start properly"
changed = False
print("pyarrow", pyarrow.__version__)

taken = socket.create_server(("127.0.0.1", 0))
other = flight.FlightServerBase("grpc://127.0.0.1:0")
cases = {
    "a port that a plain server has": f"127.0.0.1:{taken.getsockname()[1]}",
    "a port that another Flight server has": f"127.0.0.1:{other.port}",
    "an address of another machine": "198.51.100.77:0",
}
lowest = int(open("/proc/sys/net/ipv4/ip_unprivileged_port_start").read())
if os.geteuid() != 0 and lowest > 1:
    cases["a port that only root may open"] = "127.0.0.1:1"


def refused(address):
    """The exception of a server there, and what the process says meanwhile on descriptor 2."""
    read, write = os.pipe()
    kept = os.dup(2)
    os.dup2(write, 2)
    try:
        flight.FlightServerBase(f"grpc://{address}").shutdown()
        found = None
    except Exception as error:
        found = error
    os.dup2(kept, 2)
    os.close(write)
    with open(read, errors="replace") as said:
        return found, said.read()


for what, address in cases.items():
    error, said = refused(address)
    seen = (type(error).__name__, str(error), isinstance(error, OSError), getattr(error, "errno", None))
    same = seen == ("ArrowException", SAID, False, None)
    reason = next((line.rsplit(": ", 1)[-1].strip(" )") for line in said.splitlines() if "Error in bind" in line), "no reason")
    print("seen:" if same else "changed:", what, "->", seen[:2], "on stderr:", reason)
    changed |= not same
other.shutdown()
sys.exit(changed)
PY
env/bin/python listen.py
