"""The service `http`: the standard library's web server, set up as a program on a host.

`GET /` tells where it runs, `GET /octets/N` sends N octets, `POST` and `PUT` anywhere send back what came.
Run as `python -m trunkline.services.http [PORT]`, or `services = ["http"]` in a lab. HTTP/1.1, RFC 9112.
"""

from __future__ import annotations

import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

PORT: Final = 80
PIECE: Final = bytes(range(256)) * 256


class Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"
    server_version = "Trunkline"
    sys_version = ""

    def do_GET(self) -> None:
        """A page, or as many octets as are asked for."""
        _, _, count = self.path.partition("/octets/")
        if self.path == "/":
            caller = self.client_address[0].removeprefix("::ffff:")  # RFC 4291 §2.5.5.2
            text = f"This is {socket.gethostname()}. You are {caller}.\n"
            self._answer(text.encode(), "text/plain; charset=utf-8")
        elif count.isascii() and count.isdigit():
            self._octets(int(count))
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        """What came goes back."""
        length = int(self.headers.get("Content-Length", "0"))
        self._answer(self.rfile.read(length), self.headers.get_content_type())

    do_PUT = do_POST
    do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the output is the lab's."""

    def _answer(self, body: bytes, content_type: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _octets(self, count: int) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(count))
        self.end_headers()
        while count > 0 and self.command != "HEAD":
            self.wfile.write(PIECE[:count])
            count -= len(PIECE)


class Server(ThreadingHTTPServer):
    """For both families at once."""

    address_family = socket.AF_INET6
    daemon_threads = True
    request_queue_size = 128

    def server_bind(self) -> None:
        """Without the look-up of our own name that the library's own does."""
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name = socket.gethostname()
        self.server_port = self.server_address[1]


def main(arguments: list[str]) -> None:
    """Serve for ever."""
    port = int(arguments[0]) if arguments else PORT
    Server(("::", port), Handler).serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
