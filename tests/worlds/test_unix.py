"""AF_UNIX on one host: sockets with names in the file system, abstract names, and none."""

from __future__ import annotations

import array
import asyncio
import os
import socket
import stat
import tempfile
from pathlib import Path

import pytest

from tests.worlds.stage import PATIENCE, Place, arrives, outcome, ready, to_the_end, two_worlds

KINDS = pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])


def fresh(place: Place, kind: int = socket.SOCK_STREAM) -> socket.socket:
    return place.keep(socket.socket(socket.AF_UNIX, kind))


def folder(place: Place) -> Path:
    """A place for names, short enough for a socket's address; gone at the end of the body."""
    return Path(place.exits.enter_context(tempfile.TemporaryDirectory(dir="/tmp")))


@two_worlds()
def test_stream(place: Place) -> object:
    path = str(folder(place) / "s")
    listener = fresh(place)
    listener.bind(path)
    listener.listen()
    near = fresh(place)
    near.connect(path)
    far, address = listener.accept()
    place.keep(far)
    near.sendall(b"question")
    question = far.recv(99)
    far.sendall(b"answer")
    far.close()
    return {
        "question": question,
        "answer": to_the_end(near),
        "address": address,
        "own": near.getsockname(),
        "peer": near.getpeername() == path,
        "listener": listener.getsockname() == path,
        "is a socket": stat.S_ISSOCK(os.stat(path).st_mode),
    }


@two_worlds()
def test_datagrams(place: Place) -> object:
    at = folder(place)
    here, there = fresh(place, socket.SOCK_DGRAM), fresh(place, socket.SOCK_DGRAM)
    here.bind(str(at / "here"))
    there.bind(str(at / "there"))
    sent = here.sendto(b"whole", there.getsockname())
    here.sendto(b"", there.getsockname())
    data, address = there.recvfrom(3)
    empty = there.recvfrom(9)[0]
    nobody = fresh(place, socket.SOCK_DGRAM)
    nobody.connect(there.getsockname())
    nobody.send(b"x")
    return sent, data, address == here.getsockname(), empty, there.recvfrom(9)


@two_worlds()
@KINDS
def test_abstract_name(place: Place, kind: int) -> object:
    name = b"\0trunkline-worlds-%d" % os.getpid()
    one, two = fresh(place, kind), fresh(place, kind)
    one.bind(name)
    return one.getsockname() == name, outcome(two.bind, name), one.close(), outcome(two.bind, name)


@two_worlds()
@KINDS
def test_errors(place: Place, kind: int) -> object:
    at = folder(place)
    path = str(at / "s")
    sock = fresh(place, kind)
    seen: dict[str, object] = {"nobody": outcome(sock.connect, path)}
    bound = fresh(place, kind)
    bound.bind(path)
    seen["in use"] = outcome(fresh(place, kind).bind, path)
    seen["twice"] = outcome(bound.bind, path + "2")
    if kind == socket.SOCK_STREAM:
        seen["not listening"] = outcome(sock.connect, path)
    bound.close()
    seen["left behind"] = outcome(sock.connect, path)
    seen["still in use"] = outcome(fresh(place, kind).bind, path)
    (at / "file").write_bytes(b"")
    seen["a file"] = outcome(sock.connect, str(at / "file"))
    seen["no folder"] = outcome(fresh(place, kind).bind, str(at / "none" / "s"))
    seen["too long"] = outcome(fresh(place, kind).bind, "x" * 200)
    seen["type"] = outcome(fresh(place, kind).bind, ("127.0.0.1", 80))
    seen["peer"] = outcome(fresh(place, kind).getpeername)
    seen["name"] = fresh(place, kind).getsockname()
    seen["send"] = outcome(fresh(place, kind).send, b"x")
    seen["ready"] = ready(fresh(place, kind))
    return seen


@two_worlds()
def test_backlog(place: Place) -> object:
    path = str(folder(place) / "s")
    listener = fresh(place)
    listener.bind(path)
    listener.listen(0)
    answers = []
    for _ in range(3):
        sock = fresh(place)
        sock.setblocking(False)
        answers.append(outcome(sock.connect, path))
    arrives(listener)
    return answers


@two_worlds()
def test_no_internet_options(place: Place) -> object:
    sock = fresh(place)
    return [
        outcome(sock.setsockopt, socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
        outcome(sock.getsockopt, socket.IPPROTO_IP, socket.IP_TTL),
        sock.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE),
        sock.getsockopt(socket.SOL_SOCKET, socket.SO_DOMAIN),
        sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR),
    ]


@two_worlds()
def test_passing_descriptors(place: Place) -> object:
    one, two = (place.keep(end) for end in socket.socketpair())
    inner, other = socket.socketpair()
    place.keep(other)
    sent = outcome(socket.send_fds, one, [b"here"], [inner.fileno()])
    inner.close()
    if sent != 4:
        return sent
    data, numbers, _flags, _address = socket.recv_fds(two, 99, 4)
    passed = place.keep(socket.socket(fileno=numbers[0]))
    passed.sendall(b"through another door")
    return data, len(numbers), other.recv(99), array.array("i", numbers).itemsize


@two_worlds()
def test_asyncio(place: Place) -> object:
    path = str(folder(place) / "s")

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.readline()).upper())
        writer.close()

    async def talk() -> object:
        server = await asyncio.start_unix_server(answer, path)
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b"hello\n")
        seen = await reader.read()
        writer.close()
        await writer.wait_closed()
        server.close()
        await server.wait_closed()
        return seen

    return asyncio.run(asyncio.wait_for(talk(), PATIENCE))
