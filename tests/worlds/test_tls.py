"""TLS over sockets: blocking, non-blocking and with asyncio, by the ssl module as it is."""

from __future__ import annotations

import asyncio
import functools
import re
import select
import socket
import ssl
import threading
from collections.abc import Callable

import pytest
import trustme

from tests.worlds.stage import PATIENCE, Place, outcome, ready, settle, told, two_worlds


@functools.cache
def authority() -> trustme.CA:
    return trustme.CA(key_type=trustme.KeyType.RSA)


@functools.cache
def server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert(
        "localhost", "127.0.0.1", "::1", key_type=trustme.KeyType.RSA
    ).configure_cert(context)
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


@pytest.fixture(scope="module", autouse=True)
def certificates() -> None:
    """Made once, before the threads that use them."""
    server_context()


def client_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
    authority().configure_trust(context)
    context.set_alpn_protocols(["http/1.1"])
    return context


class Answering(threading.Thread):
    """A server for one caller, in a thread."""

    def __init__(self, place: Place, answer: Callable[[ssl.SSLSocket], object]) -> None:
        super().__init__()
        self.listener = place.listener()
        self.answer = answer
        self.seen: object = "nothing"
        self.start()

    def run(self) -> None:
        conn, _ = self.listener.accept()
        try:
            with server_context().wrap_socket(conn, server_side=True) as sock:
                self.seen = self.answer(sock)
        except OSError as error:
            self.seen = told(error)
            conn.close()

    def result(self) -> object:
        self.join(PATIENCE)
        assert not self.is_alive()
        return self.seen


def echo(sock: ssl.SSLSocket) -> int:
    count = 0
    while data := sock.recv(10000):
        sock.sendall(data)
        count += len(data)
    return count


def called(place: Place, server: Answering, name: str = "localhost") -> ssl.SSLSocket:
    sock = place.stream()
    sock.connect(server.listener.getsockname())
    return place.keep(client_context().wrap_socket(sock, server_hostname=name))


@two_worlds("ipv4", "ipv6")
def test_there_and_back(place: Place) -> object:
    server = Answering(place, echo)
    sock = called(place, server)
    sock.sendall(b"secret")
    seen = sock.recv(100)
    sock.close()
    return seen, server.result()


@two_worlds("ipv4", "ipv6")
def test_what_was_agreed(place: Place) -> object:
    server = Answering(place, echo)
    sock = called(place, server)
    seen = {
        "version": sock.version(),
        "cipher": sock.cipher(),
        "alpn": sock.selected_alpn_protocol(),
        "name": sock.server_hostname,
        "side": sock.server_side,
        "type": type(sock).__name__,
        "socket": isinstance(sock, socket.socket),
        "pending": sock.pending(),
        "subject": sock.getpeercert()["subjectAltName"],  # type: ignore[index]
        "peer": sock.getpeername() == server.listener.getsockname(),
        "fileno": sock.fileno() >= 0,
        "flags": outcome(sock.recv, 1, socket.MSG_PEEK),
        "sendto": outcome(sock.sendto, b"x", place.at(9)),
        "recvmsg": outcome(sock.recvmsg, 1),
        "dup": outcome(sock.dup),
        "compression": sock.compression(),
        "reused": sock.session_reused,
    }
    sock.close()
    server.result()
    return seen


@two_worlds("ipv4", "ipv6")
def test_large_data(place: Place) -> object:
    server = Answering(place, echo)
    sock = called(place, server)
    size = 300_000
    writer = threading.Thread(target=sock.sendall, args=(b"x" * size,))
    writer.start()
    got = 0
    while got < size:
        got += len(sock.recv(70000))
    writer.join()
    sock.close()
    return got, server.result()


@two_worlds("ipv4", "ipv6")
def test_unwrap(place: Place) -> object:
    """Back to plain text on the same connection."""

    def answer(sock: ssl.SSLSocket) -> object:
        assert sock.recv(10) == b"secret"
        plain = sock.unwrap()
        plain.sendall(b"plain")
        plain.close()
        return type(plain).__name__

    server = Answering(place, answer)
    sock = called(place, server)
    sock.sendall(b"secret")
    plain = place.keep(sock.unwrap())
    return plain.recv(10), type(plain).__name__, server.result()


@two_worlds("ipv4", "ipv6")
def test_end_without_close_notify(place: Place) -> object:
    def answer(sock: ssl.SSLSocket) -> object:
        sock.sendall(b"half a")
        sock.shutdown(socket.SHUT_RDWR)
        return None

    server = Answering(place, answer)
    sock = called(place, server)
    seen = [sock.recv(100), outcome(sock.recv, 100)]
    server.result()
    return [str(item).partition("(_ssl")[0] for item in seen]


@two_worlds("ipv4", "ipv6")
def test_wrong_name(place: Place) -> object:
    server = Answering(place, echo)
    error = str(outcome(called, place, server, "elsewhere.example"))
    server.result()
    return error.partition("(_ssl")[0]


@two_worlds("ipv4", "ipv6")
def test_unknown_authority(place: Place) -> object:
    server = Answering(place, echo)
    sock = place.stream()
    sock.connect(server.listener.getsockname())
    context = ssl.create_default_context()
    error = str(outcome(context.wrap_socket, sock, server_hostname="localhost"))
    server.result()
    return error.partition("(_ssl")[0]


@two_worlds("ipv4", "ipv6")
def test_other_side_speaks_no_tls(place: Place) -> object:
    listener = place.listener()

    def answer() -> None:
        conn, _ = listener.accept()
        with conn:
            conn.recv(10000)
            conn.sendall(b"220 hello, this is plain text\r\n")

    server = threading.Thread(target=answer)
    server.start()
    sock = place.stream()
    sock.connect(listener.getsockname())
    error = str(outcome(client_context().wrap_socket, sock, server_hostname="localhost"))
    server.join()
    return error.partition("(_ssl")[0]


@two_worlds("ipv4", "ipv6")
def test_refused(place: Place) -> object:
    sock = place.keep(client_context().wrap_socket(place.stream(), server_hostname="localhost"))
    return outcome(sock.connect, place.at(place.free_port())), sock.version()


@two_worlds("ipv4", "ipv6")
def test_connect_after_wrapping(place: Place) -> object:
    server = Answering(place, echo)
    sock = place.keep(client_context().wrap_socket(place.stream(), server_hostname="localhost"))
    before = (outcome(sock.send, b"x"), outcome(sock.getpeercert))
    sock.connect(server.listener.getsockname())
    sock.sendall(b"late")
    seen = sock.recv(9)
    again = outcome(sock.connect, place.at(9))
    sock.close()
    return before, seen, again, server.result()


@two_worlds("ipv4", "ipv6")
def test_listening_with_tls(place: Place) -> object:
    listener = place.keep(server_context().wrap_socket(place.listener(), server_side=True))
    seen: list[object] = []

    def answer() -> None:
        conn, _ = listener.accept()
        with conn:
            seen.append((type(conn).__name__, conn.recv(9)))
            conn.sendall(b"x")

    server = threading.Thread(target=answer)
    server.start()
    sock = place.stream()
    sock.connect(listener.getsockname())
    with client_context().wrap_socket(sock, server_hostname="localhost") as wrapped:
        wrapped.sendall(b"hello")
        got = wrapped.recv(9)
    server.join()
    return seen, got


@two_worlds("ipv4", "ipv6")
def test_timeouts(place: Place) -> object:
    release = threading.Event()

    def answer(sock: ssl.SSLSocket) -> object:
        release.wait(PATIENCE)
        sock.sendall(b"late")
        return None

    server = Answering(place, answer)
    sock = called(place, server)
    sock.settimeout(0.02)
    late = outcome(sock.recv, 9)
    release.set()
    sock.settimeout(PATIENCE)
    got = sock.recv(9)
    server.result()
    return late, got


@two_worlds("ipv4", "ipv6")
def test_handshake_times_out(place: Place) -> object:
    listener = place.listener()
    sock = place.stream()
    sock.settimeout(0.02)
    sock.connect(listener.getsockname())
    error = outcome(client_context().wrap_socket, sock, server_hostname="localhost")
    return re.sub(r"_ssl.c:\d+: ", "", str(error))  # the place in CPython's source


@two_worlds("ipv4", "ipv6")
def test_non_blocking(place: Place) -> object:
    server = Answering(place, echo)
    sock = place.stream()
    sock.connect(server.listener.getsockname())
    sock.setblocking(False)
    wrapped = place.keep(
        client_context().wrap_socket(
            sock, server_hostname="localhost", do_handshake_on_connect=False
        )
    )
    while True:
        try:
            wrapped.do_handshake()
            break
        except ssl.SSLWantReadError:
            select.select([wrapped], [], [], PATIENCE)
    empty = str(outcome(wrapped.recv, 9)).partition(":")[0]
    wrapped.send(b"x")
    got: object = "SSLWantReadError"
    while isinstance(got, str):
        select.select([wrapped], [], [], PATIENCE)
        got = outcome(wrapped.recv, 9)
    wrapped.close()
    return empty, got, server.result()


@two_worlds("ipv4", "ipv6")
def test_what_is_pending_inside(place: Place) -> object:
    """One record read in two pieces: the rest is in the object, and the socket has nothing."""
    server = Answering(place, echo)
    sock = called(place, server)
    sock.sendall(b"one record")
    first = sock.recv(3)
    settle()
    seen = first, sock.pending(), ready(sock), sock.recv(99), sock.pending()
    sock.close()
    server.result()
    return seen


@two_worlds("ipv4", "ipv6")
def test_files_over_tls(place: Place) -> object:
    server = Answering(place, echo)
    sock = called(place, server)
    with sock.makefile("rwb") as file:
        file.write(b"line one\nline two\n")
        file.flush()
        lines = [file.readline(), file.readline()]
    sock.close()
    return lines, server.result()


@two_worlds("ipv4", "ipv6")
def test_wrapping_wrong_things(place: Place) -> object:
    context = client_context()
    near, _ = place.pair()
    closed = place.stream()
    closed.close()
    return [
        outcome(context.wrap_socket, place.datagram(), server_hostname="localhost"),
        outcome(context.wrap_socket, place.stream()),
        outcome(context.wrap_socket, near, server_side=True, server_hostname="localhost"),
        outcome(server_context().wrap_socket, near),
        outcome(context.wrap_socket, closed, server_hostname="localhost"),
        outcome(ssl.SSLSocket),
    ]


@two_worlds("ipv4", "ipv6")
def test_asyncio(place: Place) -> object:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readline())
        await writer.drain()
        writer.close()

    async def talk() -> object:
        server = await asyncio.start_server(answer, place.loopback, 0, ssl=server_context())
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection(
            place.loopback, port, ssl=client_context(), server_hostname="localhost"
        )
        writer.write(b"secret\n")
        seen = await reader.read()
        info = writer.get_extra_info("ssl_object")
        agreed = (info.version(), info.selected_alpn_protocol())
        writer.close()
        await writer.wait_closed()
        server.close()
        await server.wait_closed()
        return seen, agreed

    return asyncio.run(asyncio.wait_for(talk(), PATIENCE))


@two_worlds("ipv4", "ipv6")
def test_asyncio_start_tls(place: Place) -> object:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readline() == b"STARTTLS\n"
        writer.write(b"go\n")
        await writer.drain()
        await writer.start_tls(server_context())
        writer.write(await reader.readline())
        await writer.drain()
        writer.close()

    async def talk() -> object:
        server = await asyncio.start_server(answer, place.loopback, 0)
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection(place.loopback, port)
        writer.write(b"STARTTLS\n")
        go = await reader.readline()
        await writer.start_tls(client_context(), server_hostname="localhost")
        writer.write(b"secret\n")
        seen = await reader.readline()
        writer.close()
        await writer.wait_closed()
        server.close()
        await server.wait_closed()
        return go, seen

    return asyncio.run(asyncio.wait_for(talk(), PATIENCE))


@two_worlds("ipv4", "ipv6")
@pytest.mark.parametrize("name", ["elsewhere.example", "localhost"])
def test_asyncio_checks_names(place: Place, name: str) -> object:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async def talk() -> object:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda *_: None)  # the server's side of a refused handshake
        server = await asyncio.start_server(answer, place.loopback, 0, ssl=server_context())
        port = server.sockets[0].getsockname()[1]
        try:
            _, writer = await asyncio.open_connection(
                place.loopback, port, ssl=client_context(), server_hostname=name
            )
        except ssl.SSLError as error:
            return told(error).partition("(_ssl")[0]
        else:
            writer.close()
            await writer.wait_closed()
            return "agreed"
        finally:
            server.close()
            await server.wait_closed()

    return asyncio.run(asyncio.wait_for(talk(), PATIENCE))
