#!/usr/bin/env bash
# pyarrow 26.0.1's Flight server (gRPC's C++ core) with verify_client=True refuses a client without a certificate, or with one of another authority, by
# closing the connection: no TLS alert, neither in TLS 1.3 nor in 1.2. In 1.3 the client's handshake is even finished by then, so a TLS client sees a
# connection that opens and ends, as from a server that is being stopped. Python's own ssl server sends an alert that names the reason ("certificate
# required", "unknown ca"). pyarrow's client raises FlightUnavailableError, "Socket closed", in both cases: the error of a server that is away, so
# whoever retries while a server is unavailable retries for good what can't succeed. The reason stands only on the server's stderr, as an "I" line.
# All connections are on loopback.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check pyarrow==26.0.1 trustme==1.2.1
cat >refusal.py <<'PY'
import contextlib
import socket
import ssl
import sys
import threading

import pyarrow.flight as flight
import trustme

ours, others = trustme.CA(), trustme.CA()
served = ours.issue_cert("127.0.0.1")
ours.cert_pem.write_to_path("ours.pem")
served.private_key_and_cert_chain_pem.write_to_path("served.pem")
clients = {"ours": ours.issue_cert("client"), "another's": others.issue_cert("client"), "none": None}
for name, made in clients.items():
    if made:
        made.private_key_and_cert_chain_pem.write_to_path(f"client-{name}.pem")
chain = b"".join(part.bytes() for part in served.cert_chain_pems)
changed = False


class Server(flight.FlightServerBase):
    def list_actions(self, context):
        return [("question", "an action")]


def seen(what, value, then):
    global changed
    changed |= value != then
    print(f"seen: {what}: {value}" if value == then else f"changed: {what}: {value}, was {then}", flush=True)


def by_tls(port, name, version):
    """What a plain TLS client gets: the handshake's end, then what the server does first."""
    context = ssl.create_default_context(cafile="ours.pem")
    context.set_alpn_protocols(["h2"])
    context.minimum_version = context.maximum_version = version
    if name != "none":
        context.load_cert_chain(f"client-{name}.pem")
    done = "no handshake"
    try:
        with socket.create_connection(("127.0.0.1", port), 20) as plain:
            with context.wrap_socket(plain, server_hostname="127.0.0.1", suppress_ragged_eofs=False) as secured:
                done = "handshake"
                return done + ", data" if secured.recv(1) else done + ", closed"
    except ssl.SSLEOFError:
        return done + ", cut off"
    except ssl.SSLError as problem:
        return f"{done}, {problem.reason}"
    except ConnectionResetError:
        return done + ", cut off"


def by_flight(port, name):
    pems = {}
    if name != "none":
        made = clients[name]
        pems = {"cert_chain": b"".join(part.bytes() for part in made.cert_chain_pems), "private_key": made.private_key_pem.bytes()}
    with flight.FlightClient(f"grpc+tls://127.0.0.1:{port}", tls_root_certs=ours.cert_pem.bytes(), **pems) as client:
        try:
            return f"{len(list(client.list_actions(flight.FlightCallOptions(timeout=20))))} action"
        except flight.FlightError as problem:
            why = [words for words in ("Socket closed", "Connection reset", "Connection refused") if words in str(problem)]
            # Closed or reset: which of the two may hang on what the client had sent by then.
            return type(problem).__name__ + (", ended" if why and why[0] != "Connection refused" else f", {why[0] if why else problem}")


@contextlib.contextmanager
def python_server():
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile="ours.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain("served.pem")
    context.set_alpn_protocols(["h2"])
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve():
            for _ in range(6):
                plain, _ = listening.accept()
                with contextlib.suppress(OSError), context.wrap_socket(plain, server_side=True) as secured:
                    secured.sendall(b"x")

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1]
        thread.join()


versions = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
with python_server() as port:
    for said, version in versions.items():
        begun = "handshake" if said == "1.3" else "no handshake"
        missing = "TLSV13_ALERT_CERTIFICATE_REQUIRED" if said == "1.3" else "SSLV3_ALERT_HANDSHAKE_FAILURE"
        for name, then in (("ours", "handshake, data"), ("another's", f"{begun}, TLSV1_ALERT_UNKNOWN_CA"), ("none", f"{begun}, {missing}")):
            seen(f"Python's server, TLS {said}, certificate: {name}", by_tls(port, name, version), then)
with Server("grpc+tls://127.0.0.1:0", tls_certificates=[(chain, served.private_key_pem.bytes())], verify_client=True,
            root_certificates=ours.cert_pem.bytes()) as server:
    for said, version in versions.items():
        begun = "handshake" if said == "1.3" else "no handshake"
        for name, then in (("ours", "handshake, data"), ("another's", f"{begun}, cut off"), ("none", f"{begun}, cut off")):
            seen(f"Flight's server, TLS {said}, certificate: {name}", by_tls(server.port, name, version), then)
    for name, then in (("ours", "1 action"), ("another's", "FlightUnavailableError, ended"), ("none", "FlightUnavailableError, ended")):
        seen(f"Flight's client, certificate: {name}", by_flight(server.port, name), then)
    port = server.port
seen("Flight's client, no server any more", by_flight(port, "ours"), "FlightUnavailableError, Connection refused")
sys.exit(changed)
PY
status=0
timeout 300 env/bin/python refusal.py 2>log || status=$?
grep -oE "^I.*(peer did not return a certificate|certificate verify failed)" log | sed -E 's/^I[^]]*\] //' | sort | uniq -c || true
exit $status
