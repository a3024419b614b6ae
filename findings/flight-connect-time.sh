#!/usr/bin/env bash
# pyarrow 26.0.1's Flight client (gRPC 1.81.1) with grpc.min_reconnect_backoff_ms = 100, which by its name spaces attempts, gives a connection 100 ms to
# stand, TCP and HTTP/2's first words included: a server whose every word takes 150 ms is never reached, and each call fails at once with "unavailable",
# as if nobody listened. Without the option an attempt may take 20 s, and that server is reached by the first call. So whoever wants to find a server
# again soon sets the first and the longest pause, and leaves the shortest alone, or sets it to what a connection may take. Seen by a relay on loopback
# that holds each piece back.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check pyarrow==26.0.1
cat >reach.py <<'PY'
import asyncio
import os
import sys
import threading

import pyarrow
import pyarrow.flight as flight

DELAY = 0.15
TRIES = 5
SOON = [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 1000)]


class Server(flight.FlightServerBase):
    def list_actions(self, context):
        return []


async def pass_on(source, sink):
    loop = asyncio.get_running_loop()
    while octets := await source.read(65536):
        loop.call_later(DELAY, sink.write, octets)
    loop.call_later(DELAY, sink.close)


async def serve(to, told):
    async def relay(reader, writer):
        far, back = await asyncio.open_connection("127.0.0.1", to)
        await asyncio.gather(pass_on(reader, back), pass_on(far, writer), return_exceptions=True)

    relaying = await asyncio.start_server(relay, "127.0.0.1", 0)
    told.append(relaying.sockets[0].getsockname()[1])
    ready.set()
    await asyncio.Event().wait()


def reached(options):
    """How many of a few new clients are answered within ten seconds, and what the last of the others was told."""
    count, why = 0, ""
    for _ in range(TRIES):
        with flight.FlightClient(f"grpc://127.0.0.1:{port[0]}", generic_options=options) as client:
            try:
                list(client.list_actions(flight.FlightCallOptions(timeout=10)))
                count += 1
            except flight.FlightUnavailableError as error:
                why = str(error).splitlines()[0][:120]
    return count, why


server, ready, port = Server("grpc://127.0.0.1:0"), threading.Event(), []
threading.Thread(target=lambda: asyncio.run(serve(server.port, port)), daemon=True).start()
ready.wait()
print("pyarrow", pyarrow.__version__)
without, _ = reached(SOON)
with_it, why = reached([*SOON, ("grpc.min_reconnect_backoff_ms", 100)])
print(f"{DELAY:g} s away: {without} of {TRIES} clients are answered without grpc.min_reconnect_backoff_ms, {with_it} where it is 100: {why}")
changed = not (without == TRIES and with_it == 0)
print("changed" if changed else "seen: the shortest pause between attempts is the time that one may take")
sys.stdout.flush()
os._exit(changed)
PY
env/bin/python reach.py
