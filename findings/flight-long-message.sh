#!/usr/bin/env bash
# A limit on messages (grpc.max_receive_message_length) of pyarrow 26.0.1's Flight client (gRPC 1.81.1) works, but nothing is told of it: where gRPC by
# itself says "resource exhausted" with both lengths, a streamed answer and an action's result both end as cancelled by their client, with an empty
# message, as if somebody had given the call up; and read_all() in the main thread, which takes that for Ctrl-C, raises KeyboardInterrupt, though nobody
# pressed a key. So whoever limits what a server may send reads chunk by chunk, has to take a cancelled call that he didn't cancel for a message that was
# too long, and mustn't call it late, try it again, or end his program.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check pyarrow==26.0.1
cat >long.py <<'PY'
import sys

import pyarrow
import pyarrow.flight as flight

LIMIT = 1 << 16
LONG = pyarrow.table({"octets": pyarrow.array([bytes(2 * LIMIT)])})


class Server(flight.FlightServerBase):
    def do_get(self, context, ticket):
        return flight.RecordBatchStream(LONG)

    def do_action(self, context, action):
        yield flight.Result(bytes(2 * LIMIT))


def told(call):
    try:
        call()
    except (flight.FlightError, KeyboardInterrupt) as error:
        return type(error).__name__, " ".join(str(error).split())[:150]
    return "nothing", ""


with Server("grpc://127.0.0.1:0") as server:
    options = [("grpc.max_receive_message_length", LIMIT)]
    with flight.FlightClient(f"grpc://127.0.0.1:{server.port}", generic_options=options) as client:
        chunks = told(lambda: list(client.do_get(flight.Ticket(b""))))
        whole = told(lambda: client.do_get(flight.Ticket(b"")).read_all())
        action = told(lambda: list(client.do_action(flight.Action("a", b""))))
print("pyarrow", pyarrow.__version__)
print("a stream's message of twice the limit, chunk by chunk:", *chunks)
print("the same with read_all():", *whole)
print("an action's:", *action)
seen = chunks[0] == "FlightCancelledError" and whole[0] == "KeyboardInterrupt" and "larger than" not in chunks[1]
seen = seen and action[0] == "FlightCancelledError" and "larger than" not in action[1]
print("seen: a streamed message that is too long is told as a call that was given up" if seen else "changed")
sys.exit(not seen)
PY
env/bin/python long.py
