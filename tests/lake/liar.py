"""A proxy before a real S3 server that lies or refuses: a server as bad as the test wants it."""

from __future__ import annotations

import contextlib
import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Badness:
    """What goes wrong. `alter`: (method, path, octets) -> octets stored or read, for PUTs of objects and GETs;
    `refuse`: (method, path) -> HTTP status or None. `requests`: (method, path) of all that came."""

    def __init__(self):
        self.alter = lambda method, path, octets: octets
        self.refuse = lambda method, path: None
        self.requests = []


@contextlib.contextmanager
def proxy_before(server):
    """(endpoint, Badness) of a proxy before the server at this URL."""
    badness = Badness()
    host, _, port = server.removeprefix("http://").partition(":")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self):
            method, path = self.command, self.path
            badness.requests.append((method, path))
            body = self.body()
            status = badness.refuse(method, path)
            if status is not None:
                code = "AccessDenied" if status == 403 else "InsufficientStorage"
                text = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>no</Message></Error>".encode()
                return self.answer(status, [("Content-Type", "application/xml")], b"" if method == "HEAD" else text)
            headers = {key: value for key, value in self.headers.items() if key.lower() not in CHECKED}
            if method == "PUT":
                plain = unchunked(body) if "aws-chunked" in (self.headers.get("Content-Encoding") or "") else body
                body = badness.alter(method, path, plain)
            # Signatures cover the length; the server behind doesn't check them.
            link = http.client.HTTPConnection(host, int(port))
            link.request(method, path, body, headers | {"Content-Length": str(len(body))})
            reply = link.getresponse()
            content = reply.read()
            if method == "GET" and "list-type" not in path:
                content = badness.alter(method, path, content)
            self.answer(reply.status, reply.getheaders(), content)
            link.close()

        def body(self):
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = []
            while octets := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(octets))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)

        def answer(self, status, headers, content):
            self.send_response(status)
            for key, value in headers:
                if key.lower() not in SAID_ANEW or (key.lower() == "content-length" and self.command == "HEAD"):
                    self.send_header(key, value)
            if self.command != "HEAD":
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_any  # noqa: N815

        def log_message(self, *_):
            pass

    proxy = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    proxy.daemon_threads = True
    thread = threading.Thread(target=proxy.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{proxy.server_address[1]}", badness
    finally:
        proxy.shutdown()
        thread.join()
        proxy.server_close()


SAID_ANEW = ("content-length", "connection", "transfer-encoding", "server", "date")
CHECKED = (
    "content-length", "content-md5", "content-encoding", "x-amz-content-sha256", "x-amz-trailer",
    "x-amz-decoded-content-length", "x-amz-checksum-crc64nvme", "x-amz-checksum-crc32", "transfer-encoding",
    "expect",
)  # fmt: skip


def unchunked(body):
    """The octets of an `aws-chunked` body, without its checksums."""
    parts = []
    while body:
        size, _, rest = body.partition(b"\r\n")
        octets = int(size.partition(b";")[0], 16)
        if not octets:
            break
        parts.append(rest[:octets])
        body = rest[octets + 2 :]
    return b"".join(parts)
