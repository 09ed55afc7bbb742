"""Descriptors and the objects around them: dup, detach, fromfd, makefile, pipes, socket pairs, files."""

from __future__ import annotations

import array
import fcntl
import gc
import io
import os
import pickle
import select
import socket
import tempfile
import warnings
import weakref
from pathlib import Path

import pytest

from tests.worlds.stage import (
    Place,
    arrives,
    exactly,
    outcome,
    ready,
    settle,
    to_the_end,
    two_worlds,
    writable,
)

# ---------------------------------------------------------------- dup, detach, fromfd


@two_worlds("ipv4", "ipv6")
@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_dup(place: Place, kind: str) -> object:
    sock = place.bound(kind)
    sock.settimeout(3)
    copy = place.keep(sock.dup())
    assert copy.fileno() != sock.fileno()
    return {
        "family": copy.family,
        "type": copy.type,
        "proto": copy.proto,
        "timeout": copy.gettimeout(),
        "inheritable": copy.get_inheritable(),
        "same name": copy.getsockname() == sock.getsockname(),
        "class": type(copy) is type(sock),
    }


@two_worlds("ipv4", "ipv6")
def test_duplicates_share_the_stream(place: Place) -> object:
    near, far = place.pair()
    copy = place.keep(far.dup())
    near.sendall(b"abcd")
    settle()
    return far.recv(2), copy.recv(9)


@two_worlds("ipv4", "ipv6")
def test_detach(place: Place) -> object:
    near, far = place.pair()
    number = near.detach()
    after = (near.fileno(), near.detach(), outcome(near.send, b"x"), near.close())
    again = place.keep(socket.socket(fileno=number))
    again.sendall(b"alive")
    return after, exactly(far, 5), again.type


@two_worlds("ipv4", "ipv6")
def test_fromfd(place: Place) -> object:
    near, far = place.pair()
    copy = place.keep(socket.fromfd(near.fileno(), near.family, near.type))
    near.close()
    copy.sendall(b"alive")
    return exactly(far, 5), copy.getpeername() == far.getsockname()


@two_worlds("ipv4", "ipv6")
def test_module_dup_and_close(place: Place) -> object:
    near, far = place.pair()
    number = socket.dup(near.fileno())
    socket.close(number)
    near.send(b"x")
    return exactly(far, 1), outcome(socket.dup, number), outcome(socket.close, number)


@two_worlds("ipv4", "ipv6")
def test_os_calls_on_a_socket(place: Place) -> object:
    near, far = place.pair()
    wrote = os.write(near.fileno(), b"by write")
    settle()
    got = os.read(far.fileno(), 100)
    far.setblocking(False)
    seen = [wrote, got, outcome(os.read, far.fileno(), 1), os.isatty(far.fileno())]
    near.close()
    arrives(far)
    return seen, os.read(far.fileno(), 1), outcome(os.lseek, far.fileno(), 0, 0)


@two_worlds("ipv4", "ipv6")
def test_os_scatter_and_gather(place: Place) -> object:
    near, far = place.pair()
    wrote = os.writev(near.fileno(), [b"ab", b"cd", b"ef"])
    settle()
    parts = [bytearray(3), bytearray(9)]
    return wrote, os.readv(far.fileno(), parts), [bytes(part) for part in parts]


@two_worlds("ipv4", "ipv6")
def test_os_dup(place: Place) -> object:
    near, far = place.pair()
    number = os.dup(near.fileno())
    near.close()
    os.write(number, b"x")
    got = exactly(far, 1)
    os.close(number)
    return got, far.recv(9), outcome(os.close, number), outcome(os.read, number, 1)


@two_worlds("ipv4", "ipv6")
def test_os_dup2(place: Place) -> object:
    near, far = place.pair()
    other = place.stream()
    os.dup2(near.fileno(), other.fileno(), inheritable=False)
    near.close()
    other.sendall(b"x")
    return exactly(far, 1)


@two_worlds("ipv4", "ipv6")
def test_inheritable(place: Place) -> object:
    sock = place.stream()
    seen = [sock.get_inheritable(), os.get_inheritable(sock.fileno())]
    sock.set_inheritable(True)
    seen += [sock.get_inheritable(), os.get_inheritable(sock.fileno())]
    seen.append(fcntl.fcntl(sock, fcntl.F_GETFD) & fcntl.FD_CLOEXEC)
    os.set_inheritable(sock.fileno(), False)
    return [*seen, sock.get_inheritable(), place.keep(sock.dup()).get_inheritable()]


@two_worlds("ipv4", "ipv6")
def test_fstat(place: Place) -> object:
    import stat

    return stat.S_ISSOCK(os.fstat(place.stream().fileno()).st_mode)


# ---------------------------------------------------------------- what Python adds


@two_worlds("ipv4", "ipv6")
def test_repr(place: Place) -> object:
    near, far = place.pair()
    ports = [str(end.getsockname()[1]) for end in (near, far)]

    def shown(sock: socket.socket) -> str:
        text = repr(sock).replace(f"fd={sock.fileno()}", "fd=N")
        for letter, port in zip("AB", ports, strict=True):
            text = text.replace(port, letter)
        return text

    seen = [shown(near), shown(place.stream()), shown(place.datagram())]
    near.close()
    return seen, repr(near)


@two_worlds("ipv4", "ipv6")
@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_forgotten_socket_warns(place: Place, kind: str) -> object:
    sock = place.either(kind)
    orphan = sock.dup()
    number = orphan.fileno()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        del orphan
        gc.collect()
    texts = [str(warning.message).replace(str(number), "N") for warning in caught]
    return texts, [warning.category.__name__ for warning in caught]


@two_worlds()
def test_weak_references(place: Place) -> object:
    sock = place.stream()
    reference = weakref.ref(sock)
    proxy = weakref.proxy(sock)
    return reference() is sock, proxy.fileno() == sock.fileno()


@two_worlds()
def test_attributes(place: Place) -> object:
    sock = place.stream()

    def assign(name: str) -> None:
        setattr(sock, name, 1)

    return {
        "unknown": outcome(assign, "nonesuch").partition(":")[0],
        "family": outcome(assign, "family").partition(":")[0],
        "proto": outcome(assign, "proto").partition(":")[0],
        "pickle": outcome(pickle.dumps, sock).partition(":")[0],
        "hash": hash(sock) == hash(sock),
        "equal": sock == place.stream(),
        "true": bool(sock),
        "names": sorted(name for name in dir(sock) if not name.startswith("_")),
    }


@two_worlds("ipv4", "ipv6")
def test_subclass(place: Place) -> object:
    class Talkative(socket.socket):
        def __init__(self, *arguments: object, **named: object) -> None:
            super().__init__(*arguments, **named)  # type: ignore[arg-type]
            self.said: list[bytes] = []

        def sendall(self, data: bytes) -> None:  # type: ignore[override]
            self.said.append(data)
            super().sendall(data)

    listener = place.listener()
    sock = place.keep(Talkative(place.family, socket.SOCK_STREAM))
    sock.connect(listener.getsockname())
    sock.sendall(b"hello")
    far = place.keep(listener.accept()[0])
    copy = place.keep(sock.dup())
    return exactly(far, 5), sock.said, isinstance(sock, socket.socket), type(copy) is Talkative


@two_worlds("ipv4", "ipv6")
def test_unbound_methods(place: Place) -> object:
    near, far = place.pair()
    socket.socket.sendall(near, b"x")
    return socket.socket.recv(far, 1), socket.socket.getsockname(far) == near.getpeername()


@two_worlds()
def test_c_class(place: Place) -> object:
    import _socket

    sock = place.stream()
    return isinstance(sock, _socket.socket), socket.SocketType is _socket.socket


# ---------------------------------------------------------------- makefile and sendfile


@two_worlds("ipv4", "ipv6")
def test_makefile_lines(place: Place) -> object:
    near, far = place.pair()
    near.sendall(b"first\nsecond\r\nlast")
    near.close()
    with far.makefile("rb") as file:
        return list(file)


@two_worlds("ipv4", "ipv6")
def test_makefile_text(place: Place) -> object:
    near, far = place.pair()
    with near.makefile("w", encoding="utf-8", newline="\r\n") as file:
        file.write("grüße\n")
    near.close()
    with far.makefile("r", encoding="utf-8", newline="") as reading:
        return reading.read()


@two_worlds("ipv4", "ipv6")
@pytest.mark.parametrize("mode", ["r", "w", "rw", "rb", "wb", "rwb", "x", "a", "b", ""])
def test_makefile_modes(place: Place, mode: str) -> object:
    near, _ = place.pair()
    seen: dict[str, object] = {}
    for buffering in (None, 0, 1, 100):
        file = outcome(near.makefile, mode, buffering, encoding=None if "b" in mode else "utf-8")
        if isinstance(file, str):
            seen[str(buffering)] = file
            continue
        seen[str(buffering)] = (type(file).__name__, file.readable(), file.writable())
        file.close()
    return seen


@two_worlds("ipv4", "ipv6")
def test_makefile_keeps_the_socket_open(place: Place) -> object:
    near, far = place.pair()
    file = near.makefile("wb")
    near.close()
    inside = (near.fileno() >= 0, near._closed)  # type: ignore[attr-defined]
    file.write(b"still open")
    file.close()
    return inside, to_the_end(far), near.fileno()


@two_worlds("ipv4", "ipv6")
def test_unbuffered_makefile(place: Place) -> object:
    near, far = place.pair()
    writing, reading = near.makefile("wb", 0), far.makefile("rb", 0)
    seen: list[object] = [type(writing).__name__, writing.write(b"abc")]
    settle()
    buffer = bytearray(9)
    seen += [reading.readinto(buffer), bytes(buffer[:3])]
    far.setblocking(False)
    seen += [reading.read(1), reading.name == far.fileno(), reading.mode]
    reading.close()
    writing.close()
    return seen, outcome(reading.read, 1), outcome(writing.write, b"x")


@two_worlds("ipv4", "ipv6")
def test_makefile_timeout(place: Place) -> object:
    near, _ = place.pair()
    near.settimeout(0.01)
    with near.makefile("rb") as file:
        return outcome(file.read, 1), outcome(file.read, 1)


@two_worlds("ipv4", "ipv6")
def test_write_side_of_a_half_closed_makefile(place: Place) -> object:
    near, far = place.pair()
    with near.makefile("rwb") as file:
        file.write(b"question\n")
        file.flush()
        near.shutdown(socket.SHUT_WR)
        question = to_the_end(far)
        far.sendall(b"answer\n")
        far.close()
        return question, file.readline(), file.readline()


@two_worlds("ipv4", "ipv6")
@pytest.mark.parametrize(
    ("offset", "count"), [(0, None), (1000, None), (0, 500), (99_990, 100), (200_000, None)]
)
def test_sendfile(place: Place, offset: int, count: int | None) -> object:
    near, far = place.pair()
    data = bytes(range(250)) * 400
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        sent = near.sendfile(file, offset, count)
        at = file.tell()
    near.close()
    got = to_the_end(far)
    end = None if count is None else offset + count
    return sent, at, got == data[offset:end]


@two_worlds("ipv4", "ipv6")
def test_sendfile_of_no_file(place: Place) -> object:
    near, far = place.pair()
    sent = near.sendfile(io.BytesIO(b"from memory"))
    udp = place.bound()
    with open(__file__, "rb") as file:
        refused = [
            outcome(udp.sendfile, file).partition(":")[0],
            outcome(near.sendfile, file, count=0),
            outcome(near.sendfile, file, count=-1),
            outcome(near.sendfile, file, count="x"),
        ]
        near.setblocking(False)
        refused.append(outcome(near.sendfile, file))
    with open(__file__, encoding="utf-8") as text:
        refused.append(outcome(near.sendfile, text))
    return sent, exactly(far, 11), refused


@two_worlds("ipv4", "ipv6")
def test_os_sendfile(place: Place) -> object:
    near, far = place.pair()
    with tempfile.TemporaryFile() as file:
        file.write(b"0123456789")
        file.flush()
        sent = os.sendfile(near.fileno(), file.fileno(), 2, 5)
        none = os.sendfile(near.fileno(), file.fileno(), 10, 5)
        file.seek(4)
        from_here = os.sendfile(near.fileno(), file.fileno(), None, 3)
        at = file.tell()
        wrong = outcome(os.sendfile, file.fileno(), near.fileno(), 0, 5)
    settle()
    return sent, none, from_here, at, far.recv(99), wrong.partition(":")[0][:7]


@two_worlds("ipv4", "ipv6")
def test_os_sendfile_when_full(place: Place) -> object:
    near, _ = place.pair()
    place.drained(near)
    with open(__file__, "rb") as file:
        return outcome(os.sendfile, near.fileno(), file.fileno(), 0, 5)


# ---------------------------------------------------------------- pipes and socket pairs


@two_worlds()
def test_pipe(place: Place) -> object:
    reading, writing = os.pipe()
    seen: list[object] = [os.write(writing, b"abcdef"), os.read(reading, 4), os.read(reading, 9)]
    seen += [os.get_inheritable(reading), os.get_blocking(writing)]
    seen += [outcome(os.write, reading, b"x"), outcome(os.read, writing, 1)]
    os.close(writing)
    seen += [os.read(reading, 9), os.read(reading, 9)]
    os.close(reading)
    return [*seen, outcome(os.read, reading, 1)]


@two_worlds()
def test_broken_pipe(place: Place) -> object:
    reading, writing = os.pipe()
    os.close(reading)
    seen = outcome(os.write, writing, b"x")
    os.close(writing)
    return seen


@two_worlds()
def test_non_blocking_pipe(place: Place) -> object:
    reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    empty = outcome(os.read, reading, 1)
    wrote = 0
    while isinstance(count := outcome(os.write, writing, bytes(5000)), int):
        wrote += count
    seen = {"empty": empty, "blocking": os.get_blocking(reading), "full": count, "wrote": wrote}
    assert len(os.read(reading, 100_000)) == wrote
    os.close(reading)
    os.close(writing)
    return seen


@two_worlds()
def test_pipe_as_files(place: Place) -> object:
    reading, writing = os.pipe()
    with open(writing, "w", encoding="utf-8") as file:
        file.write("one\ntwo\n")
    with open(reading, encoding="utf-8") as file:
        return file.readlines()


@two_worlds()
@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET])
def test_socketpair(place: Place, kind: int) -> object:
    one, two = (place.keep(end) for end in socket.socketpair(socket.AF_UNIX, kind))
    one.send(b"abc")
    one.send(b"def")
    seen = [two.recv(4), two.recv(9)]
    two.send(b"back")
    return {
        "seen": seen,
        "back": one.recv(9),
        "family": one.family,
        "type": one.type,
        "names": (one.getsockname(), one.getpeername()),
        "inheritable": one.get_inheritable(),
        "dontwait": outcome(one.recv, 1, socket.MSG_DONTWAIT),
        "end": (outcome(two.close), outcome(one.recv, 1, socket.MSG_DONTWAIT)),
        "send": outcome(one.send, b"x"),
    }


@two_worlds()
def test_socketpair_defaults(place: Place) -> object:
    one, two = (place.keep(end) for end in socket.socketpair())
    one.sendall(b"x" * 1000)
    one.shutdown(socket.SHUT_WR)
    two.sendall(b"y")
    return one.family, one.type, len(to_the_end(two)), one.recv(9)


@two_worlds()
def test_socketpair_when_full(place: Place) -> object:
    one, two = (place.keep(end) for end in socket.socketpair())
    assert place.drained(one) > 1000
    full = (ready(one), outcome(one.send, b"x"))
    two.setblocking(False)
    while not isinstance(outcome(two.recv, 1 << 20), str):
        pass
    writable(one)
    return full, one.send(b"x")


@two_worlds()
@pytest.mark.parametrize("name", ["AF_INET", "AF_INET6"])
def test_no_socketpair_of_the_internet(place: Place, name: str) -> object:
    return outcome(socket.socketpair, getattr(socket, name))


@two_worlds()
@pytest.mark.skipif(not hasattr(os, "eventfd"), reason="this Python has no os.eventfd")
def test_eventfd(place: Place) -> object:
    number = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
    seen = [ready(number), outcome(os.eventfd_read, number)]
    os.eventfd_write(number, 2)
    os.eventfd_write(number, 3)
    seen += [ready(number), os.eventfd_read(number), ready(number)]
    os.close(number)
    return seen


@two_worlds()
def test_signal_wakeup_descriptor(place: Place) -> object:
    """What asyncio does: a signal writes its number into a socket pair."""
    import signal

    one, two = (place.keep(end) for end in socket.socketpair())
    two.setblocking(False)
    before = signal.getsignal(signal.SIGUSR1)
    old = signal.set_wakeup_fd(two.fileno())
    heard: list[int] = []
    signal.signal(signal.SIGUSR1, lambda number, _: heard.append(number))
    try:
        signal.raise_signal(signal.SIGUSR1)
        arrives(one)
        return one.recv(9) == bytes([signal.SIGUSR1]), heard == [signal.SIGUSR1], old
    finally:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGUSR1, before)


@two_worlds()
def test_files_are_real(place: Place) -> object:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file")
        path.write_bytes(b"real")
        with path.open("rb") as file:
            number = os.dup(file.fileno())
            try:
                return os.read(number, 9), select.select([file], [], [], 0)[0] == [file]
            finally:
                os.close(number)


@two_worlds("ipv4", "ipv6")
def test_share_of_a_buffer(place: Place) -> object:
    """A buffer that is being received into can be resized afterwards."""
    near, far = place.pair()
    near.sendall(b"abcd")
    settle()
    buffer = bytearray(4)
    far.recv_into(buffer)
    buffer.extend(b"more")
    numbers = array.array("H", [0, 0])
    near.sendall(b"\1\0\2\0")
    settle()
    far.recv_into(numbers)
    return bytes(buffer), list(numbers)
