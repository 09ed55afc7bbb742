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

from tests.worlds.stage import (
    PATIENCE,
    Place,
    Running,
    arrives,
    becomes,
    outcome,
    ready,
    settle,
    to_the_end,
    two_worlds,
)

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
@pytest.mark.parametrize("what", ["a socket", "a file", "nothing"])
def test_name_taken_away(place: Place, what: str) -> object:
    """While the socket is open nothing else has its file's number, so nothing is taken for it."""
    path = str(folder(place) / "s")
    listener = fresh(place)
    listener.bind(path)
    listener.listen()
    number = os.stat(path).st_ino
    os.unlink(path)
    if what == "a socket":
        fresh(place).bind(path)
    elif what == "a file":
        Path(path).write_bytes(b"")
    same = os.path.exists(path) and os.stat(path).st_ino == number
    return same, outcome(fresh(place).connect, path), listener.getsockname() == path


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


PAIRS = pytest.mark.parametrize(
    "kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET]
)


def pair(place: Place, kind: int = socket.SOCK_STREAM) -> list[socket.socket]:
    """Two ends that wait for nothing."""
    ends = socket.socketpair(socket.AF_UNIX, kind)
    for end in ends:
        place.keep(end).setblocking(False)
    return list(ends)


def rights(*descriptors: int) -> list[tuple[int, int, array.array[int]]]:
    """A message's control items that pass some descriptors."""
    return [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]


def received(
    place: Place, sock: socket.socket, limit: int = 99, room: int = 8, flags: int = 0
) -> object:
    """One message: its octets, how many descriptors came along, what was cut; they are closed later."""
    data, items, seen, _ = sock.recvmsg(limit, socket.CMSG_LEN(room * 4) if room else 0, flags)
    count = 0
    for level, kind, octets in items:
        assert (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS)
        numbers = array.array("i", octets)
        count += len(numbers)
        for number in numbers:
            place.exits.callback(os.close, number)
    return data, count, seen & (socket.MSG_CTRUNC | socket.MSG_TRUNC)


@two_worlds()
@PAIRS
def test_passed_with_which_octets(place: Place, kind: int) -> object:
    """They come with the first octet of their message; a stream's receive ends behind such a message."""
    one, two = pair(place, kind)
    number = one.fileno()
    one.send(b"a")
    one.sendmsg([b"b", b"c"], rights(number, number))
    one.sendmsg([b"d"], rights(number))
    one.send(b"e")
    sizes = (1, 1, 99, 99, 99, 99) if kind == socket.SOCK_STREAM else (99, 1, 99, 99, 99)
    return [outcome(received, place, two, size) for size in sizes]


@two_worlds()
def test_passed_behind_other_octets(place: Place) -> object:
    one, two = pair(place)
    one.send(b"before")
    one.sendmsg([b"with"], rights(one.fileno()))
    one.send(b"behind")
    return [outcome(received, place, two) for _ in range(3)]


@two_worlds()
@PAIRS
def test_passed_and_peeked_at(place: Place, kind: int) -> object:
    """Each look opens them anew."""
    one, two = pair(place, kind)
    inner, outer = pair(place)
    one.sendmsg([b"x"], rights(inner.fileno()))
    inner.close()
    seen = [received(place, two, 99, 8, flags) for flags in (socket.MSG_PEEK, socket.MSG_PEEK, 0)]
    return seen, outcome(outer.recv, 1)


@two_worlds()
@PAIRS
@pytest.mark.parametrize("way", ["recv", "recvfrom", "recv_into", "read", "recvmsg", "too little"])
def test_passed_to_one_who_does_not_look(place: Place, kind: int, way: str) -> object:
    """What finds no room is closed."""
    one, two = pair(place, kind)
    inner, outer = pair(place)
    one.sendmsg([b"x"], rights(inner.fileno(), inner.fileno(), inner.fileno()))
    inner.close()
    open_still = outcome(outer.recv, 1)
    ways = {
        "recv": lambda: two.recv(9),
        "recvfrom": lambda: two.recvfrom(9),
        "recv_into": lambda: two.recv_into(bytearray(9)),
        "read": lambda: os.read(two.fileno(), 9),
        "recvmsg": lambda: received(place, two, 9, 0),
        "too little": lambda: two.recvmsg(9, socket.CMSG_LEN(3))[1:3],
    }
    return open_still, ways[way](), outer.recv(1)


@two_worlds()
@pytest.mark.parametrize("room", [0, 1, 2, 3])
def test_passed_more_than_fits(place: Place, room: int) -> object:
    one, two = pair(place)
    inner, outer = pair(place)
    one.sendmsg([b"x"], rights(inner.fileno(), outer.fileno()))
    return received(place, two, 9, room)


@two_worlds()
@PAIRS
def test_passed_and_never_received(place: Place, kind: int) -> object:
    one, two = pair(place, kind)
    inner, outer = pair(place)
    one.sendmsg([b"x"], rights(inner.fileno()))
    inner.close()
    waiting = outcome(outer.recv, 1)
    two.close()
    return waiting, outer.recv(1)


@two_worlds()
@PAIRS
def test_what_cannot_be_passed(place: Place, kind: int) -> object:
    one, two = pair(place, kind)
    number = one.fileno()
    gone = os.dup(number)
    os.close(gone)
    return {
        "closed": outcome(one.sendmsg, [b"x"], rights(number, gone)),
        "negative": outcome(one.sendmsg, [b"x"], rights(-1)),
        "too many": outcome(one.sendmsg, [b"x"], rights(*[number] * 254)),
        "none": outcome(one.sendmsg, [b"none"], rights()),
        "half": outcome(one.sendmsg, [b"half"], [(*rights()[0][:2], b"abc")]),
        "another level": outcome(one.sendmsg, [b"level"], [(socket.IPPROTO_IP, 1, b"abcd")]),
        "another type": outcome(one.sendmsg, [b"x"], [(socket.SOL_SOCKET, 77, b"abcd")]),
        "two items": outcome(one.sendmsg, [b"two"], rights(number) + rights(number)),
        "many": outcome(one.sendmsg, [b"many"], rights(*[number] * 253)),
        "no octets": outcome(one.sendmsg, [], rights(number)),
        "came": [outcome(received, place, two, 99, 253) for _ in range(7)],
    }


@two_worlds()
def test_passing_to_a_name(place: Place) -> object:
    path = str(folder(place) / "s")
    here, there = fresh(place, socket.SOCK_DGRAM), fresh(place, socket.SOCK_DGRAM)
    there.bind(path)
    inner, outer = pair(place)
    here.sendmsg([b"sent"], rights(inner.fileno()), 0, path)
    here.connect(path)
    here.sendmsg([b"connected"], rights(inner.fileno()))
    here.sendmsg([b"lost"], rights(inner.fileno()))
    inner.close()
    seen = [received(place, there), received(place, there, 3)]
    there.close()
    return seen, outcome(outer.recv, 1)


@two_worlds()
def test_passing_through_a_named_stream(place: Place) -> object:
    path = str(folder(place) / "s")
    listener = fresh(place)
    listener.bind(path)
    listener.listen()
    near = fresh(place)
    near.connect(path)
    far = place.keep(listener.accept()[0])
    inner, outer = pair(place)
    near.sendmsg([b"x"], rights(inner.fileno()))
    inner.close()
    numbers = socket.recv_fds(far, 9, 1)[1]
    inner = place.keep(socket.socket(fileno=numbers[0]))
    inner.send(b"through")
    return outer.recv(9), inner.family, inner.type, os.get_inheritable(numbers[0])


@two_worlds()
def test_passing_a_pipe_and_a_file(place: Place) -> object:
    one, two = pair(place)
    here, there = os.pipe()
    file = os.open(folder(place) / "file", os.O_RDWR | os.O_CREAT)
    os.write(file, b"in the file")
    socket.send_fds(one, [b"x"], [file, there])
    os.close(file)
    os.close(there)
    file, there = socket.recv_fds(two, 9, 2)[1]
    os.write(there, b"in the pipe")
    os.close(there)
    os.lseek(file, 0, os.SEEK_SET)
    seen = os.read(file, 99), os.read(here, 99), os.read(here, 99)
    os.close(here)
    os.close(file)
    return seen


@two_worlds()
def test_passing_a_listener(place: Place) -> object:
    """Who has the name last accepts, as servers do that are replaced while they run."""
    one, two = pair(place)
    listener = place.listener()
    name = listener.getsockname()
    socket.send_fds(one, [b"x"], [listener.fileno()])
    listener.close()
    near = place.stream()
    near.connect(name)
    heir = place.keep(socket.socket(fileno=socket.recv_fds(two, 9, 1)[1][0]))
    far = place.keep(heir.accept()[0])
    near.sendall(b"to the heir")
    return heir.getsockname() == name, far.recv(99)


@two_worlds()
def test_passing_waits_for_room(place: Place) -> object:
    """The descriptors go with the first octets of what is sent."""
    one, two = (place.keep(end) for end in socket.socketpair())
    filled = place.drained(one)
    one.setblocking(True)
    inner, _ = pair(place)
    sender = Running(one.sendmsg, [b"x" * 400000], rights(inner.fileno()))
    settle()
    waiting = sender.is_alive()
    got = 0
    counts = []
    while got < filled + 400000:
        data, count, _ = received(place, two, 65536)  # type: ignore[misc]
        got += len(data)
        if count:
            counts.append((count, got - len(data) <= filled <= got))
    return waiting, sender.result(), counts


@two_worlds()
def test_all_of_a_message_that_passes_something(place: Place) -> object:
    one, two = pair(place)
    two.setblocking(True)
    one.send(b"ab")
    one.sendmsg([b"cd"], rights(one.fileno()))
    one.send(b"ef")
    return [received(place, two, size, 8, socket.MSG_WAITALL) for size in (4, 2)]


@two_worlds()
def test_messages_in_messages(place: Place) -> object:
    """A chain of sockets, each of which lies in the next one's queue, longer than any stack."""
    first, outer = pair(place)
    for _ in range(1500):
        one, two = socket.socketpair()
        one.sendmsg([b"x"], rights(first.fileno()))
        one.close()
        first.close()
        first = two
    waiting = outcome(outer.recv, 1)
    first.close()
    return waiting, becomes(outer, "HUP")


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
