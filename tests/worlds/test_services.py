"""The standard library's own servers and clients, unchanged, talking to each other."""

from __future__ import annotations

import functools
import http.client
import http.server
import socket
import socketserver
import threading
import urllib.error
import urllib.request
import xmlrpc.client
import xmlrpc.server
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.worlds.stage import PATIENCE, Place, outcome, to_the_end, two_worlds


@contextmanager
def serving(server: socketserver.BaseServer) -> Iterator[int]:
    """A server that runs in a thread, and its port."""
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join(PATIENCE)
        server.server_close()


def of_family(kind: type[socketserver.TCPServer], place: Place) -> type[socketserver.TCPServer]:
    """The server class with the place's family."""
    return type(kind.__name__, (kind,), {"address_family": place.family})


class Shout(socketserver.StreamRequestHandler):
    """One line in, one line out."""

    def handle(self) -> None:
        self.wfile.write(self.rfile.readline().upper())


class ShoutDatagram(socketserver.DatagramRequestHandler):
    """One datagram in, one datagram out."""

    def handle(self) -> None:
        self.wfile.write(self.rfile.read().upper())


@two_worlds("ipv4", "ipv6")
@pytest.mark.parametrize("kind", ["TCPServer", "ThreadingTCPServer"])
def test_socketserver(place: Place, kind: str) -> object:
    made = of_family(getattr(socketserver, kind), place)
    seen = []
    with serving(made(place.at(0), Shout)) as port:
        for number in range(3):
            with socket.create_connection(place.at(port)) as sock:
                sock.sendall(b"hello %d\n" % number)
                seen.append(to_the_end(sock))
    return seen, outcome(socket.create_connection, place.at(port))


@two_worlds("ipv4", "ipv6")
@pytest.mark.parametrize("kind", ["UDPServer", "ThreadingUDPServer"])
def test_socketserver_of_datagrams(place: Place, kind: str) -> object:
    made = of_family(getattr(socketserver, kind), place)
    with serving(made(place.at(0), ShoutDatagram)) as port:
        sock = place.datagram()
        sock.sendto(b"hello", place.at(port))
        return sock.recvfrom(100)[0]


@two_worlds("ipv4", "ipv6")
def test_socketserver_one_request(place: Place) -> object:
    with of_family(socketserver.TCPServer, place)(place.at(0), Shout) as server:
        server.timeout = 0.01
        server.handle_request()  # nobody comes
        sock = place.stream()
        sock.connect(server.server_address)
        sock.sendall(b"just one\n")
        server.handle_request()
        return sock.recv(100)


class Page(http.server.BaseHTTPRequestHandler):
    """A web page, and a form."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/missing":
            self.send_error(404)
            return
        self.reply(b"you asked for " + self.path.encode())

    def do_POST(self) -> None:
        self.reply(self.rfile.read(int(self.headers["Content-Length"]))[::-1])

    def reply(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def web(place: Place) -> Iterator[int]:
    with serving(of_family(http.server.ThreadingHTTPServer, place)(place.at(0), Page)) as port:
        yield port


@two_worlds("ipv4", "ipv6")
def test_http_client(place: Place) -> object:
    with web(place) as port:
        connection = http.client.HTTPConnection(place.loopback, port, timeout=PATIENCE)
        seen = []
        for path in ("/", "/page", "/missing"):
            connection.request("GET", path)
            response = connection.getresponse()
            seen.append((response.status, response.reason, len(response.read())))
        connection.request("POST", "/form", body=b"x" * 100_000)
        seen.append(connection.getresponse().read() == b"x" * 100_000)
        connection.close()
        return seen


@two_worlds("ipv4", "ipv6")
def test_urllib(place: Place) -> object:
    host = f"[{place.loopback}]" if place.v6 else place.loopback
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with web(place) as port:
        url = f"http://{host}:{port}"
        with opener.open(f"{url}/page", timeout=PATIENCE) as response:
            seen = [response.status, response.read(), response.headers["Content-Length"]]
        try:
            opener.open(f"{url}/missing", timeout=PATIENCE)
        except urllib.error.HTTPError as error:
            seen.append(error.code)
            error.close()
    try:
        opener.open(url, timeout=PATIENCE)
    except urllib.error.URLError as error:
        seen.append(str(error.reason))
    return seen


@two_worlds()
def test_files_over_http(place: Place) -> object:
    import tempfile
    from pathlib import Path

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "file.txt").write_bytes(b"from a real file")
        handler = functools.partial(Quiet, directory=folder)
        with serving(http.server.HTTPServer(("127.0.0.1", 0), handler)) as port:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
            connection.request("GET", "/file.txt")
            response = connection.getresponse()
            seen = response.status, response.read(), response.getheader("Content-type")
            connection.close()
    return seen


@two_worlds()
def test_xmlrpc(place: Place) -> object:
    server = xmlrpc.server.SimpleXMLRPCServer(("127.0.0.1", 0), logRequests=False)
    server.register_function(pow)
    with serving(server) as port:
        with xmlrpc.client.ServerProxy(f"http://127.0.0.1:{port}") as proxy:
            seen = [proxy.pow(2, 10)]
            try:
                proxy.nonesuch()
            except xmlrpc.client.Fault as fault:
                seen.append(fault.faultCode)
    return seen


@two_worlds("ipv4", "ipv6")
def test_client_that_times_out(place: Place) -> object:
    listener = place.listener()
    connection = http.client.HTTPConnection(place.loopback, listener.getsockname()[1], timeout=0.03)
    connection.request("GET", "/")
    error = outcome(connection.getresponse)
    connection.close()
    return error


@two_worlds("ipv4", "ipv6")
def test_server_that_hangs_up(place: Place) -> object:
    listener = place.listener()

    def hang_up() -> None:
        conn, _ = listener.accept()
        conn.recv(10000)
        conn.close()

    server = threading.Thread(target=hang_up)
    server.start()
    connection = http.client.HTTPConnection(place.loopback, listener.getsockname()[1])
    connection.request("GET", "/")
    error = outcome(connection.getresponse)
    connection.close()
    server.join()
    return error
