"""asyncio as it is, over our sockets: streams, datagrams, servers, the loop's own socket calls."""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import socket
import tempfile
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tests.worlds.stage import PATIENCE, Place, linger, told, two_worlds

Body = Callable[..., Coroutine[Any, Any, object]]


def in_a_loop(body: Body) -> Callable[..., object]:
    """A coroutine function as a body: it gets an event loop of its own."""

    @functools.wraps(body)
    def run(place: Place, **chosen: Any) -> object:
        return asyncio.run(asyncio.wait_for(body(place, **chosen), PATIENCE))

    return run


async def attempt(awaitable: Any) -> object:
    """What it gives, or the error as text."""
    try:
        return await awaitable
    except Exception as error:
        return told(error)


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Give back what comes until the end."""
    try:
        while data := await reader.read(10000):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    writer.close()


def port_of(server: asyncio.Server) -> int:
    port: int = server.sockets[0].getsockname()[1]
    return port


# ---------------------------------------------------------------- streams


@two_worlds("ipv4", "ipv6")
@in_a_loop
async def test_streams(place: Place) -> object:
    async with await asyncio.start_server(echo, place.loopback, 0) as server:
        reader, writer = await asyncio.open_connection(place.loopback, port_of(server))
        writer.write(b"one\ntwo")
        writer.write_eof()
        seen = [await reader.readline(), await reader.read(), reader.at_eof()]
        writer.close()
        await writer.wait_closed()
    return seen


@two_worlds("ipv4", "ipv6")
@in_a_loop
async def test_large_streams_in_both_directions(place: Place) -> object:
    async with await asyncio.start_server(echo, place.loopback, 0) as server:

        async def call(size: int) -> int:
            reader, writer = await asyncio.open_connection(place.loopback, port_of(server))
            reading = asyncio.create_task(reader.read(-1))
            writer.write(b"x" * size)
            await writer.drain()
            writer.write_eof()
            got = len(await reading)
            writer.close()
            await writer.wait_closed()
            return got

        return await asyncio.gather(*(call(size) for size in (1, 1000, 300_000, 0)))


@two_worlds("ipv4", "ipv6")
@in_a_loop
async def test_readers(place: Place) -> object:
    async def speak(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.writelines([b"exactly", b"until;", b"rest"])
        writer.close()

    async with await asyncio.start_server(speak, place.loopback, 0) as server:
        reader, writer = await asyncio.open_connection(place.loopback, port_of(server))
        seen = [
            await reader.readexactly(7),
            await reader.readuntil(b";"),
            await attempt(reader.readexactly(100)),
            await reader.read(),
        ]
        writer.close()
        await writer.wait_closed()
    return seen


@two_worlds("ipv4", "ipv6")
@in_a_loop
async def test_refused(place: Place) -> object:
    port = place.free_port()
    told_ = await attempt(asyncio.open_connection(place.loopback, port))
    return str(told_).replace(str(port), "PORT")


@two_worlds("ipv4", "ipv6")
@in_a_loop
async def test_reset(place: Place) -> object:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger(0))
        writer.transport.abort()

    async with await asyncio.start_server(hang_up, place.loopback, 0) as server:
        reader, writer = await asyncio.open_connection(place.loopback, port_of(server))
        seen = await attempt(reader.read())
        writer.close()
        closed = await attempt(writer.wait_closed())
    return seen, closed


@two_worlds("ipv4", "ipv6")
@in_a_loop
async def test_extra_info(place: Place) -> object:
    names: list[object] = []

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        names.append(writer.get_extra_info("peername"))
        writer.close()

    async with await asyncio.start_server(answer, place.loopback, 0) as server:
        reader, writer = await asyncio.open_connection(place.loopback, port_of(server))
        await reader.read()
        sock = writer.get_extra_info("socket")
        seen = {
            "type": type(sock).__name__,
            "nodelay": sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY),
            "peer": writer.get_extra_info("peername") == server.sockets[0].getsockname(),
            "own": writer.get_extra_info("sockname") == names[0],
            "blocking": sock.getblocking() if hasattr(sock, "getblocking") else None,
        }
        writer.close()
        await writer.wait_closed()
    return seen


@two_worlds("ipv4", "ipv6")
@in_a_loop
async def test_backpressure(place: Place) -> object:
    """drain waits while the other side does not read."""
    release = asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await release.wait()
        writer.write(b"%d" % len(await reader.read()))
        writer.close()

    async with await asyncio.start_server(slow, place.loopback, 0) as server:
        reader, writer = await asyncio.open_connection(place.loopback, port_of(server))
        size = 12_000_000
        writer.write(bytes(size))
        stuck = await attempt(asyncio.wait_for(writer.drain(), 0.02))
        release.set()
        await writer.drain()
        writer.write_eof()
        got = await reader.read()
        writer.close()
        await writer.wait_closed()
    return stuck, got == b"%d" % size


@two_worlds("ipv4", "ipv6")
@in_a_loop
async def test_server_closes(place: Place) -> object:
    server = await asyncio.start_server(echo, place.loopback, 0)
    port = port_of(server)
    serving = server.is_serving()
    server.close()
    await server.wait_closed()
    refused = str(await attempt(asyncio.open_connection(place.loopback, port)))
    return serving, server.is_serving(), refused.partition(":")[0], len(server.sockets)


@two_worlds()
@in_a_loop
async def test_server_on_all_addresses(place: Place) -> object:
    server = await asyncio.start_server(echo, None, place.free_port())
    families = sorted(sock.family for sock in server.sockets)
    seen = []
    for host in ("127.0.0.1", "::1"):
        reader, writer = await asyncio.open_connection(host, port_of(server))
        writer.write(b"x")
        writer.write_eof()
        seen.append(await reader.read())
        writer.close()
        await writer.wait_closed()
    server.close()
    await server.wait_closed()
    return families, seen


@two_worlds()
@in_a_loop
async def test_connect_by_name_with_happy_eyeballs(place: Place) -> object:
    async with await asyncio.start_server(echo, "127.0.0.1", 0) as server:
        reader, writer = await asyncio.open_connection(
            "localhost", port_of(server), happy_eyeballs_delay=0.05
        )
        peer = writer.get_extra_info("peername")[0]
        writer.close()
        await writer.wait_closed()
    return peer, await reader.read()


@two_worlds("ipv4", "ipv6")
@in_a_loop
async def test_local_address(place: Place) -> object:
    port = place.free_port()
    async with await asyncio.start_server(echo, place.loopback, 0) as server:
        _, writer = await asyncio.open_connection(
            place.loopback, port_of(server), local_addr=place.at(port)
        )
        own = writer.get_extra_info("sockname")[1]
        writer.close()
        await writer.wait_closed()
    return own == port


# ---------------------------------------------------------------- protocols and transports


class Recorder(asyncio.Protocol):
    """Writes down what is called."""

    def __init__(self) -> None:
        self.calls: list[object] = []
        self.lost = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.calls.append("made")

    def data_received(self, data: bytes) -> None:
        self.calls.append(data)

    def eof_received(self) -> bool | None:
        self.calls.append("eof")
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        self.calls.append("lost" if exc is None else told(exc))
        self.lost.set_result(None)


@two_worlds("ipv4", "ipv6")
@in_a_loop
async def test_protocol_calls(place: Place) -> object:
    loop = asyncio.get_running_loop()
    servers: list[Recorder] = []

    def answer() -> Recorder:
        servers.append(Recorder())
        return servers[-1]

    server = await loop.create_server(answer, place.loopback, 0)
    transport, client = await loop.create_connection(Recorder, place.loopback, port_of(server))
    transport.write(b"hello")
    await asyncio.sleep(0.01)
    transport.write_eof()
    await client.lost
    await servers[0].lost
    server.close()
    await server.wait_closed()
    return servers[0].calls, client.calls, transport.is_closing()


@two_worlds("ipv4", "ipv6")
@in_a_loop
async def test_abort(place: Place) -> object:
    loop = asyncio.get_running_loop()
    made: list[Recorder] = []

    def answer() -> Recorder:
        made.append(Recorder())
        return made[-1]

    server = await loop.create_server(answer, place.loopback, 0)
    transport, client = await loop.create_connection(Recorder, place.loopback, port_of(server))
    await asyncio.sleep(0.01)
    transport.abort()
    await client.lost
    await made[0].lost
    server.close()
    await server.wait_closed()
    return made[0].calls, client.calls


@two_worlds("ipv4", "ipv6")
@in_a_loop
async def test_pausing(place: Place) -> object:
    loop = asyncio.get_running_loop()
    near, far = socket.socketpair()
    transport, client = await loop.create_connection(Recorder, sock=near)
    transport.pause_reading()
    far.send(b"x")
    await asyncio.sleep(0.01)
    seen = list(client.calls)
    transport.resume_reading()
    await asyncio.sleep(0.01)
    transport.close()
    await client.lost
    far.close()
    return seen, client.calls


@two_worlds("ipv4", "ipv6")
@in_a_loop
async def test_buffered_protocol(place: Place) -> object:
    class Buffered(asyncio.BufferedProtocol):
        def __init__(self) -> None:
            self.buffer = bytearray(4)
            self.got = b""
            self.lost = asyncio.get_running_loop().create_future()

        def get_buffer(self, sizehint: int) -> bytearray:
            return self.buffer

        def buffer_updated(self, nbytes: int) -> None:
            self.got += self.buffer[:nbytes]

        def connection_lost(self, exc: Exception | None) -> None:
            self.lost.set_result(None)

    async def speak(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"more than four octets")
        writer.close()

    loop = asyncio.get_running_loop()
    async with await asyncio.start_server(speak, place.loopback, 0) as server:
        _, protocol = await loop.create_connection(Buffered, place.loopback, port_of(server))
        await protocol.lost
    return protocol.got


# ---------------------------------------------------------------- datagrams


class Datagrams(asyncio.DatagramProtocol):
    """Writes down what is called."""

    def __init__(self) -> None:
        self.calls: list[object] = []
        self.some = asyncio.Event()
        self.lost = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        self.calls.append((data, addr))
        self.some.set()

    def error_received(self, exc: Exception) -> None:
        self.calls.append(told(exc))
        self.some.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set_result(None)


@two_worlds("ipv4", "ipv6")
@in_a_loop
async def test_datagrams(place: Place) -> object:
    loop = asyncio.get_running_loop()
    here, one = await loop.create_datagram_endpoint(Datagrams, local_addr=place.at(0))
    name = here.get_extra_info("sockname")
    there, two = await loop.create_datagram_endpoint(Datagrams, remote_addr=name[:2])
    there.sendto(b"ping")
    await one.some.wait()
    data, address = one.calls[0]  # type: ignore[misc]
    here.sendto(b"pong", address)
    await two.some.wait()
    seen = data, two.calls[0][0], two.calls[0][1] == name  # type: ignore[index]
    here.close()
    there.close()
    await one.lost
    await two.lost
    return seen


@two_worlds("ipv4", "ipv6")
@in_a_loop
async def test_refused_datagram(place: Place) -> object:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(
        Datagrams, remote_addr=place.at(place.free_port("udp"))
    )
    transport.sendto(b"anybody?")
    await protocol.some.wait()
    transport.close()
    await protocol.lost
    return protocol.calls


@two_worlds("ipv4", "ipv6")
@in_a_loop
async def test_datagram_address_in_use(place: Place) -> object:
    loop = asyncio.get_running_loop()
    taken = place.bound()
    seen = await attempt(
        loop.create_datagram_endpoint(Datagrams, local_addr=taken.getsockname()[:2])
    )
    return str(seen).partition(":")[0]


# ---------------------------------------------------------------- the loop's own calls


@two_worlds("ipv4", "ipv6")
@in_a_loop
async def test_sock_calls(place: Place) -> object:
    loop = asyncio.get_running_loop()
    listener, caller = place.listener(), place.stream()
    listener.setblocking(False)
    caller.setblocking(False)
    accepting = asyncio.create_task(loop.sock_accept(listener))
    await loop.sock_connect(caller, listener.getsockname())
    conn, address = await accepting
    place.keep(conn)
    await loop.sock_sendall(caller, b"question")
    question = await loop.sock_recv(conn, 100)
    await loop.sock_sendall(conn, b"answer")
    buffer = bytearray(20)
    count = await loop.sock_recv_into(caller, buffer)
    caller.close()
    return question, bytes(buffer[:count]), await loop.sock_recv(conn, 9), len(address)


@two_worlds("ipv4", "ipv6")
@in_a_loop
async def test_sock_datagram_calls(place: Place) -> object:
    loop = asyncio.get_running_loop()
    here, there = place.datagrams()
    here.setblocking(False)
    there.setblocking(False)
    receiving = asyncio.create_task(loop.sock_recvfrom(there, 100))
    await loop.sock_sendto(here, b"datagram", there.getsockname())
    data, address = await receiving
    return data, address == here.getsockname()


@two_worlds("ipv4", "ipv6")
@in_a_loop
async def test_sock_calls_that_fail(place: Place) -> object:
    loop = asyncio.get_running_loop()
    caller = place.stream()
    blocking = await attempt(loop.sock_connect(caller, place.at(9)))
    caller.setblocking(False)
    port = place.free_port()
    refused = str(await attempt(loop.sock_connect(caller, place.at(port))))
    return blocking, refused.replace(str(port), "PORT")


@two_worlds("ipv4", "ipv6")
@in_a_loop
async def test_waiting_can_be_given_up(place: Place) -> object:
    loop = asyncio.get_running_loop()
    near, far = place.pair()
    near.setblocking(False)
    first = await attempt(asyncio.wait_for(loop.sock_recv(near, 9), 0.01))
    far.send(b"later")
    return first, await loop.sock_recv(near, 9)


@two_worlds("ipv4", "ipv6")
@in_a_loop
async def test_reader_and_writer_callbacks(place: Place) -> object:
    loop = asyncio.get_running_loop()
    near, far = place.pair()
    near.setblocking(False)
    called: list[str] = []
    done = loop.create_future()

    def readable() -> None:
        called.append(f"read {near.recv(9)!r}")
        loop.remove_reader(near)
        done.set_result(None)

    def writable() -> None:
        called.append("write")
        loop.remove_writer(near)
        far.send(b"x")

    loop.add_reader(near, readable)
    loop.add_writer(near, writable)
    await done
    return called, loop.remove_reader(near)


@two_worlds("ipv4", "ipv6")
@in_a_loop
async def test_loop_sendfile(place: Place) -> object:
    loop = asyncio.get_running_loop()
    data = bytes(range(256)) * 1000
    async with await asyncio.start_server(echo, place.loopback, 0) as server:
        reader, writer = await asyncio.open_connection(place.loopback, port_of(server))
        reading = asyncio.create_task(reader.readexactly(len(data)))
        with tempfile.TemporaryFile() as file:
            file.write(data)
            file.seek(0)
            sent = await loop.sendfile(writer.transport, file)
        got = await reading
        writer.close()
        await writer.wait_closed()
    return sent, got == data


@two_worlds("ipv4", "ipv6")
@in_a_loop
async def test_sock_sendfile(place: Place) -> object:
    loop = asyncio.get_running_loop()
    near, far = place.pair()
    near.setblocking(False)
    far.setblocking(False)
    with tempfile.TemporaryFile() as file:
        file.write(b"0123456789")
        file.seek(0)
        sent = await loop.sock_sendfile(near, file, 2, 5)
        at = file.tell()
    return sent, at, await loop.sock_recv(far, 99)


@two_worlds()
@in_a_loop
async def test_getaddrinfo(place: Place) -> object:
    loop = asyncio.get_running_loop()
    return (
        await loop.getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM),
        await loop.getaddrinfo("localhost", 80, family=socket.AF_INET, type=socket.SOCK_STREAM),
        await loop.getnameinfo(("127.0.0.1", 80), socket.NI_NUMERICHOST | socket.NI_NUMERICSERV),
        await attempt(loop.getaddrinfo("127.0.0.1", "nonesuch")),
    )


@two_worlds()
@in_a_loop
async def test_pipes(place: Place) -> object:
    loop = asyncio.get_running_loop()
    reading, writing = os.pipe()
    reader = asyncio.StreamReader()
    source, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(reading, "rb", 0)
    )
    sink, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, os.fdopen(writing, "wb", 0))
    sink.write(b"through the pipe")  # type: ignore[attr-defined]
    sink.close()
    got = await reader.read()
    source.close()
    return got


# ---------------------------------------------------------------- the loop and time


@two_worlds()
@in_a_loop
async def test_order_of_timers(place: Place) -> object:
    loop = asyncio.get_running_loop()
    called: list[int] = []
    done = loop.create_future()
    loop.call_later(0.03, done.set_result, None)
    for number, delay in enumerate((0.02, 0.01, 0.0)):
        loop.call_later(delay, called.append, number)
    loop.call_soon(called.append, 3)
    await done
    return called


@two_worlds()
@in_a_loop
async def test_timeouts(place: Place) -> object:
    loop = asyncio.get_running_loop()
    begun = loop.time()
    seen = [await attempt(asyncio.wait_for(asyncio.Event().wait(), 0.02))]
    took = loop.time() - begun
    try:
        async with asyncio.timeout(0.01):
            await asyncio.sleep(5)
    except TimeoutError:
        seen.append("timed out")
    return seen, 0.019 <= took < 1


@two_worlds()
@in_a_loop
async def test_threads(place: Place) -> object:
    loop = asyncio.get_running_loop()
    near, far = place.pair()
    reading = asyncio.create_task(asyncio.to_thread(far.recv, 9))
    await asyncio.sleep(0.01)
    near.send(b"x")
    heard = await reading
    event = asyncio.Event()
    thread = threading.Thread(target=lambda: loop.call_soon_threadsafe(event.set))
    thread.start()
    await event.wait()
    thread.join()
    return heard, await loop.run_in_executor(None, sum, [1, 2])


@two_worlds()
@in_a_loop
async def test_gather_and_cancel(place: Place) -> object:
    near, _ = place.pair()
    near.setblocking(False)
    loop = asyncio.get_running_loop()
    waiting = asyncio.create_task(loop.sock_recv(near, 9))
    await asyncio.sleep(0)
    waiting.cancel()
    seen = await asyncio.gather(waiting, return_exceptions=True)
    return [type(result).__name__ for result in seen], waiting.cancelled()


@two_worlds()
@in_a_loop
async def test_task_group(place: Place) -> object:
    async def fail() -> None:
        await asyncio.sleep(0.01)
        raise ValueError("one of them")

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail())
            sleeper = group.create_task(asyncio.sleep(10))
    except ExceptionGroup as caught:
        return [told(error) for error in caught.exceptions], sleeper.cancelled()
    return "nothing"


@two_worlds()
@in_a_loop
async def test_signal_handler(place: Place) -> object:
    loop = asyncio.get_running_loop()
    heard = asyncio.Event()
    loop.add_signal_handler(signal.SIGUSR1, heard.set)
    signal.raise_signal(signal.SIGUSR1)
    await heard.wait()
    return loop.remove_signal_handler(signal.SIGUSR1), loop.remove_signal_handler(signal.SIGUSR1)


@two_worlds()
@in_a_loop
async def test_kind_of_loop(place: Place) -> object:
    loop = asyncio.get_running_loop()
    return type(loop).__name__, type(loop._selector).__name__  # type: ignore[attr-defined]


@two_worlds()
def test_loop_in_a_thread(place: Place) -> object:
    results: list[object] = []

    async def talk() -> object:
        async with await asyncio.start_server(echo, "127.0.0.1", 0) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", port_of(server))
            writer.write(b"in a thread")
            writer.write_eof()
            data = await reader.read()
            writer.close()
            await writer.wait_closed()
            return data

    thread = threading.Thread(target=lambda: results.append(asyncio.run(talk())))
    thread.start()
    thread.join()
    return results


@two_worlds("ipv4", "ipv6")
@pytest.mark.parametrize("count", [1, 20])
@in_a_loop
async def test_many_callers(place: Place, count: int) -> object:
    async with await asyncio.start_server(echo, place.loopback, 0) as server:

        async def call(number: int) -> bytes:
            reader, writer = await asyncio.open_connection(place.loopback, port_of(server))
            writer.write(b"caller %d" % number)
            writer.write_eof()
            data = await reader.read()
            writer.close()
            await writer.wait_closed()
            return data

        return await asyncio.gather(*(call(number) for number in range(count)))
