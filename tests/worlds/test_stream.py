"""Talking over TCP: what send and recv take and give."""

from __future__ import annotations

import array
import fcntl
import hashlib
import socket
import struct
import termios
import threading

import pytest

from tests.worlds.stage import (
    Place,
    arrives,
    becomes,
    exactly,
    outcome,
    ready,
    settle,
    to_the_end,
    two_worlds,
    writable,
)


@two_worlds("ipv4", "ipv6")
def test_there_and_back(place: Place) -> object:
    near, far = place.pair()
    sent = near.send(b"ping")
    got = exactly(far, 4)
    far.sendall(b"pong")
    return sent, got, exactly(near, 4)


@two_worlds("ipv4", "ipv6")
def test_both_ways_at_once(place: Place) -> object:
    near, far = place.pair()
    near.sendall(b"a" * 5000)
    far.sendall(b"b" * 5000)
    return exactly(near, 5000) == b"b" * 5000, exactly(far, 5000) == b"a" * 5000


@two_worlds("ipv4", "ipv6")
@pytest.mark.parametrize(
    "data",
    [
        b"bytes",
        bytearray(b"bytearray"),
        memoryview(b"memoryview"),
        array.array("I", [1, 2, 3]),
        memoryview(b"every other")[::2],
        b"",
        "text",
        5,
        None,
        [1, 2],
    ],
    ids=lambda data: type(data).__name__,
)
@pytest.mark.parametrize("verb", ["send", "sendall"])
def test_what_can_be_sent(place: Place, verb: str, data: object) -> object:
    near, far = place.pair()
    done = outcome(getattr(near, verb), data)
    near.close()
    return done, to_the_end(far)


@two_worlds("ipv4", "ipv6")
def test_pieces_run_together(place: Place) -> object:
    near, far = place.pair()
    for _ in range(5):
        near.send(b"piece")
    settle()
    return far.recv(100)


@two_worlds("ipv4", "ipv6")
def test_recv_takes_no_more_than_asked(place: Place) -> object:
    near, far = place.pair()
    near.sendall(b"abcdefgh")
    settle()
    return far.recv(3), far.recv(3), far.recv(3)


@two_worlds("ipv4", "ipv6")
@pytest.mark.parametrize("data", [b"", b"abc"])
def test_recv_of_nothing(place: Place, data: bytes) -> object:
    """Zero octets are there at once, and take nothing."""
    near, far = place.pair()
    near.sendall(data)
    settle()
    far.setblocking(False)
    return outcome(far.recv, 0), outcome(far.recv, 9)


@two_worlds("ipv4", "ipv6")
@pytest.mark.parametrize("size", [-1, "x", None, 1 << 70, 2.0])
def test_recv_of_senseless_sizes(place: Place, size: object) -> object:
    near, far = place.pair()
    near.sendall(b"abc")
    return outcome(far.recv, size), exactly(far, 3)


@two_worlds("ipv4", "ipv6")
def test_nothing_there(place: Place) -> object:
    near, _ = place.pair()
    near.setblocking(False)
    now = outcome(near.recv, 1)
    near.settimeout(0.02)
    return now, outcome(near.recv, 1), ready(near)


@two_worlds("ipv4", "ipv6")
def test_end_is_told_again_and_again(place: Place) -> object:
    near, far = place.pair()
    near.sendall(b"last")
    near.close()
    settle()
    return [far.recv(100) for _ in range(3)]


@two_worlds("ipv4", "ipv6")
def test_recv_into(place: Place) -> object:
    near, far = place.pair()
    near.sendall(b"abcdefghij")
    settle()
    buffer = bytearray(b"........")
    seen: list[object] = [far.recv_into(buffer, 3), bytes(buffer)]
    seen += [far.recv_into(memoryview(buffer)[4:]), bytes(buffer)]
    seen += [outcome(far.recv_into, buffer, 9), outcome(far.recv_into, b"fixed")]
    seen += [outcome(far.recv_into, bytearray(0)), outcome(far.recv_into, buffer, -1)]
    seen += [far.recv_into(array.array("B", [0] * 8)), ready(far)]
    return seen


@two_worlds("ipv4", "ipv6")
def test_recvfrom_names_nobody(place: Place) -> object:
    near, far = place.pair()
    near.sendall(b"abcdef")
    settle()
    buffer = bytearray(9)
    return far.recvfrom(3), far.recvfrom_into(buffer), bytes(buffer)


@two_worlds("ipv4", "ipv6")
def test_sendto_on_a_connection(place: Place) -> object:
    """The address is not looked at (send(2)); it must still be one."""
    near, far = place.pair()
    done = [outcome(near.sendto, b"x", place.at(9)), outcome(near.sendto, b"y", 0, place.at(9))]
    settle()
    return done, far.recv(9), outcome(near.sendto, b"z", None)


@two_worlds("ipv4", "ipv6")
@pytest.mark.parametrize("size", [1, 1460, 65536, 3_000_000])
def test_large_transfer(place: Place, size: int) -> object:
    near, far = place.pair()
    data = bytes(range(256)) * (size // 256) + bytes(size % 256)
    digests = []

    def read() -> None:
        digests.append(hashlib.sha256(to_the_end(far)).hexdigest())

    reader = threading.Thread(target=read)
    reader.start()
    near.sendall(data)
    near.shutdown(socket.SHUT_WR)
    reader.join()
    return digests == [hashlib.sha256(data).hexdigest()]


@two_worlds("ipv4", "ipv6")
def test_large_transfer_both_ways(place: Place) -> object:
    near, far = place.pair()
    size = 400_000

    def echo() -> None:
        while part := far.recv(10000):
            far.sendall(part)
        far.shutdown(socket.SHUT_WR)

    def write() -> None:
        near.sendall(b"e" * size)
        near.shutdown(socket.SHUT_WR)

    threads = [threading.Thread(target=echo), threading.Thread(target=write)]
    for thread in threads:
        thread.start()
    got = len(to_the_end(near))
    for thread in threads:
        thread.join()
    return got


@two_worlds("ipv4", "ipv6")
def test_full_until_the_other_side_reads(place: Place) -> object:
    near, far = place.pair()
    sent = place.drained(near)
    assert sent > 65536
    full = (ready(near), outcome(near.send, b"x"))
    near.setblocking(True)
    got = len(exactly(far, sent))
    writable(near)
    return full, got == sent, ready(near), near.send(b"x")


@two_worlds("ipv4", "ipv6")
def test_full_with_a_timeout(place: Place) -> object:
    near, _ = place.pair()
    place.drained(near)
    near.settimeout(0.02)
    return outcome(near.send, b"x"), outcome(near.sendall, b"x")


@two_worlds("ipv4", "ipv6")
def test_non_blocking_send_takes_a_part(place: Place) -> object:
    near, _ = place.pair()
    near.setblocking(False)
    size = 30_000_000
    took = near.send(bytes(size))
    return 0 < took < size


@two_worlds("ipv4", "ipv6")
def test_small_buffers_hold_little(place: Place) -> object:
    listener = place.stream()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    listener.bind(place.at(0))
    listener.listen()
    near = place.stream()
    near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
    near.connect(listener.getsockname())
    far, _ = listener.accept()
    place.keep(far)
    near.setblocking(False)
    took = near.send(bytes(1_000_000))
    settle()
    arrives(far)
    return took < 300_000, near.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)


@two_worlds("ipv4", "ipv6")
def test_blocking_send_through_small_buffers(place: Place) -> object:
    listener = place.stream()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    listener.bind(place.at(0))
    listener.listen()
    near = place.stream()
    near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    near.connect(listener.getsockname())
    far, _ = listener.accept()
    place.keep(far)
    got = []
    reader = threading.Thread(target=lambda: got.append(len(to_the_end(far))))
    reader.start()
    sent = near.send(bytes(20_000))
    near.close()
    reader.join()
    return sent, got


@two_worlds("ipv4", "ipv6")
def test_unread_octets_by_ioctl(place: Place) -> object:
    near, far = place.pair()

    def unread() -> int:
        return int(struct.unpack("i", fcntl.ioctl(far, termios.FIONREAD, bytes(4)))[0])

    seen = [unread()]
    near.sendall(b"abcde")
    settle()
    seen.append(unread())
    far.recv(2)
    seen.append(unread())
    near.close()
    settle()
    return seen, unread()


@two_worlds("ipv4", "ipv6")
def test_unsent_octets_by_ioctl(place: Place) -> object:
    near, _ = place.pair()
    near.sendall(b"abcde")
    settle()
    return struct.unpack("i", fcntl.ioctl(near, termios.TIOCOUTQ, bytes(4)))[0]


@two_worlds("ipv4", "ipv6")
def test_cork_holds_a_small_piece_back(place: Place) -> object:
    near, far = place.pair()
    near.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
    near.send(b"head")
    settle()
    held = ready(far)
    near.send(b"body")
    near.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)
    arrives(far)
    settle()
    return held, far.recv(100)


@two_worlds("ipv4", "ipv6")
def test_more_to_come(place: Place) -> object:
    near, far = place.pair()
    near.send(b"head", socket.MSG_MORE)
    settle()
    held = ready(far)
    near.send(b"body")
    arrives(far)
    settle()
    return held, far.recv(100)


@two_worlds("ipv4", "ipv6")
def test_readiness_follows_the_data(place: Place) -> object:
    near, far = place.pair()
    seen = [ready(far)]
    near.send(b"ab")
    seen.append(becomes(far, "IN"))
    far.recv(1)
    seen.append(ready(far))
    far.recv(1)
    seen.append(ready(far))
    return seen


@two_worlds("ipv4", "ipv6")
def test_timeout_does_not_harm_the_stream(place: Place) -> object:
    near, far = place.pair()
    far.settimeout(0.01)
    late = outcome(far.recv, 9)
    near.sendall(b"late")
    arrives(far)
    return late, far.recv(9)


@two_worlds("ipv4", "ipv6")
@pytest.mark.parametrize("nodelay", [0, 1])
def test_many_small_pieces(place: Place, nodelay: int) -> object:
    near, far = place.pair()
    near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, nodelay)
    for number in range(300):
        near.send(bytes([number % 256]))
    near.close()
    return to_the_end(far) == bytes(number % 256 for number in range(300))


@two_worlds("ipv4", "ipv6")
def test_loopback_does_not_wait_for_anyone(place: Place) -> object:
    """What was sent is there when send returns: many tests rely on that, though nobody promised it."""
    near, far = place.pair()
    near.send(b"now")
    return outcome(far.recv, 9, socket.MSG_DONTWAIT)
