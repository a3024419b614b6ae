#!/usr/bin/env bash
# pyarrow 26.0.1's S3FileSystem: open_input_stream(...) doesn't read ahead and doesn't keep one response open: each read(n) is a GET with a Range of n
# octets. An object of 8 MiB read in sequence is 8 requests in pieces of 1 MiB, and 128 in pieces of 64 KiB; with buffer_size = 2 MiB it is 4, however
# small the pieces are. obstore 0.12.1 streams the same object from one GET. So who hashes objects of a bucket in small pieces pays a round trip for
# each (and most object stores bill by request): read large pieces, or give a buffer_size. Seen by a server on loopback that counts requests.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check pyarrow==26.0.1 obstore==0.12.1
cat >count.py <<'PY'
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import obstore
import pyarrow
from obstore.store import S3Store
from pyarrow.fs import S3FileSystem

os.environ.update(AWS_ACCESS_KEY_ID="example", AWS_SECRET_ACCESS_KEY="example", AWS_EC2_METADATA_DISABLED="true")
CONTENT = os.urandom(8 << 20)
asked = []


class Bucket(BaseHTTPRequestHandler):
    """One object, whole or a range of it."""

    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self.answer(body=False)

    def do_GET(self):
        self.answer(body=True)

    def answer(self, body):
        asked.append(self.command)
        first, last = 0, len(CONTENT) - 1
        if wanted := self.headers.get("Range"):
            begin, _, end = wanted.removeprefix("bytes=").partition("-")
            first, last = int(begin), min(int(end or last), last)
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(last - first + 1))
        if wanted:
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(CONTENT)}")
        self.send_header("ETag", '"1"')
        self.send_header("Last-Modified", "Mon, 30 Nov 2026 00:00:00 GMT")
        self.end_headers()
        if body:
            self.wfile.write(CONTENT[first : last + 1])

    def log_message(self, *_words):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Bucket)
threading.Thread(target=server.serve_forever, daemon=True).start()
place = f"127.0.0.1:{server.server_port}"


def by_arrow(piece, **words):
    """GETs for reading the object once, in pieces."""
    asked.clear()
    with S3FileSystem(endpoint_override=place, scheme="http", region="us-east-1").open_input_stream("bucket/object", **words) as stream:
        octets = b"".join(iter(lambda: stream.read(piece), b""))
    assert octets == CONTENT
    return asked.count("GET")


def by_obstore(piece):
    asked.clear()
    store = S3Store("bucket", endpoint=f"http://{place}", region="us-east-1", client_options={"allow_http": True})
    octets = b"".join(bytes(each) for each in obstore.get(store, "object").stream(min_chunk_size=piece))
    assert octets == CONTENT
    return asked.count("GET")


seen = {
    "Arrow, read(1 MiB)": by_arrow(1 << 20),
    "Arrow, read(64 KiB)": by_arrow(1 << 16),
    "Arrow, buffer_size 2 MiB, read(64 KiB)": by_arrow(1 << 16, buffer_size=2 << 20),
    "obstore, pieces of 64 KiB": by_obstore(1 << 16),
}
print("pyarrow", pyarrow.__version__, "obstore", obstore.__version__)
for name, requests in seen.items():
    print(f"{name}: {requests} GETs for 8 MiB")
changed = list(seen.values()) != [8, 128, 4, 1]
print("changed" if changed else "seen: Arrow sends a request for each read, obstore one for the object")
raise SystemExit(changed)
PY
env/bin/python count.py
