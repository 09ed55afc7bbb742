"""UDP and ping sockets against the kernel's loopback: the same calls, the same outcomes."""

from __future__ import annotations

import socket
import struct
from typing import Any

import pytest

from tests.sockets.loopback import DGRAM, INET, INET6, both

hosts = pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
PEEK, TRUNC, OOB = socket.MSG_PEEK, socket.MSG_TRUNC, socket.MSG_OOB


def family_of(host: str) -> int:
    return INET6 if ":" in host else INET


@hosts
def test_a_fresh_socket(host: str) -> None:
    def body(on: Any) -> list[Any]:
        one = on.socket(family_of(host), DGRAM)
        return [
            on.poll(one),
            on.name(one),
            on.peer(one),
            on.recv(one, 1),
            on.send(one, b"x"),
            on.name(one),
            on.listen(one, 1),
            on.accept(one),
            on.shutdown(one, 1),
            on.poll(one),
            on.send(one, b"x"),
            on.send_to(one, b"x", host, 9),
            on.shutdown(one, 0),
            on.poll(one),
            on.recv(one, 1),
            on.shutdown(one, 5),
        ]

    both(body)


@hosts
def test_datagrams_come_whole_one_by_one(host: str) -> None:
    def body(on: Any) -> list[Any]:
        one, two = (on.socket(family_of(host), DGRAM) for _ in range(2))
        got = [on.bind(one, host, 0), on.name(one)]
        port = on.name(one)[1]
        got += [on.send_to(two, b"hello", host, port), on.send_to(two, b"", host, port)]
        got += [on.send_to(two, b"third", host, port), on.name(two)]
        on.settle()
        got += [on.poll(one), on.recv_from(one, 2, PEEK), on.recv_from(one, 2)]
        got += [on.recv_from(one, 10), on.recv_from(one, 10), on.recv_from(one, 10)]
        got += [on.send_to(two, b"x", host, 0), on.send_to(two, b"x", host, port)]
        on.settle()
        got += [on.recv_from(one, 0), on.recv(one, 1), on.recv(one, 1, OOB)]
        got += [on.send(two, b"x", OOB), on.send_to(two, bytes(65536), host, port)]
        got += [
            on.send_to(two, bytes(65508), host, port),
            on.send_to(two, bytes(65507), host, port),
        ]
        on.settle()
        got += [len(on.recv(one, 70000))]
        return got

    both(body)


@hosts
def test_a_connected_socket_hears_its_peer_alone(host: str) -> None:
    def body(on: Any) -> list[Any]:
        one, two, three = (on.socket(family_of(host), DGRAM) for _ in range(3))
        got = [on.bind(sock, host, 0) for sock in (one, two, three)]
        names = [on.name(sock) for sock in (one, two, three)]
        got += [on.connect(one, host, names[1][1]), on.peer(one), on.name(one)]
        got += [on.send_to(three, b"stranger", host, names[0][1])]
        got += [on.send_to(two, b"friend", host, names[0][1])]
        on.settle()
        got += [on.recv_from(one, 10), on.recv_from(one, 10), on.send(one, b"answer")]
        got += [on.send_to(one, b"aside", host, names[2][1])]
        on.settle()
        got += [on.recv_from(two, 10), on.recv_from(three, 10)]
        got += [on.connect(one, host, names[2][1]), on.peer(one), on.connect(one, None, 0)]
        got += [on.peer(one), on.name(one), on.send(one, b"x"), on.connect(one, None, 0)]
        return got

    both(body)


@hosts
def test_connect_settles_the_name_and_dissolving_forgets_it(host: str) -> None:
    def body(on: Any) -> list[Any]:
        one = on.socket(family_of(host), DGRAM)
        got = [on.connect(one, host, 9), on.name(one), on.connect(one, None, 0), on.name(one)]
        got += [on.bind(one, "::" if ":" in host else "0.0.0.0", 0), on.name(one)]
        got += [on.connect(one, host, 9), on.name(one), on.connect(one, None, 0), on.name(one)]
        got += [on.bind(one, host, 0)]
        return got

    both(body)


@hosts
def test_nobody_there_is_told_on_the_next_call(host: str) -> None:
    def body(on: Any) -> list[Any]:
        gone, one = (on.socket(family_of(host), DGRAM) for _ in range(2))
        on.bind(gone, host, 0)
        port = on.name(gone)[1]
        on.close(gone)
        got = [on.send_to(one, b"unconnected", host, port)]
        on.settle()
        got += [on.poll(one), on.recv(one, 1), on.connect(one, host, port)]
        for call in (
            lambda: on.recv(one, 1),
            lambda: on.send(one, b"x"),
            lambda: on.get(one, 1, 4),
            lambda: on.connect(one, host, port),
        ):
            got += [on.send(one, b"x")]
            on.settle()
            got += [on.poll(one), call(), on.poll(one), on.recv(one, 1)]
        return got

    both(body)


@hosts
def test_the_queue_has_a_limit(host: str) -> None:
    def body(on: Any) -> list[Any]:
        one, two = (on.socket(family_of(host), DGRAM) for _ in range(2))
        on.set(one, 1, 8, struct.pack("i", 4000))
        on.bind(one, host, 0)
        port = on.name(one)[1]
        got = [on.send_to(two, bytes((number,)) * 100, host, port) for number in range(30)]
        on.settle()
        count = 0
        while len(on.recv(one, 100)) == 100:
            count += 1
        return [*got, 5 <= count <= 15]

    both(body)


@hosts
def test_shared_ports(host: str) -> None:
    def body(on: Any) -> list[Any]:
        anywhere = "::" if ":" in host else "0.0.0.0"
        one, two, three = (on.socket(family_of(host), DGRAM) for _ in range(3))
        got: list[Any] = []
        for sock in (one, two):
            on.set(sock, 1, 2, struct.pack("i", 1))
        got += [on.bind(one, anywhere, 0)]
        port = on.name(one)[1]
        got += [on.bind(two, anywhere, port), on.bind(three, anywhere, port)]
        got += [on.bind(three, host, port)]
        got += [on.set(three, 1, 2, struct.pack("i", 1)), on.bind(three, host, port)]
        sender = on.socket(family_of(host), DGRAM)
        got += [on.send_to(sender, b"specific", host, port)]
        on.settle()
        got += [on.recv(sock, 10) for sock in (one, two, three)]
        on.close(three)
        got += [on.send_to(sender, b"newest", host, port)]
        on.settle()
        got += [on.recv(sock, 10) for sock in (one, two)]
        on.connect(sender, host, port)
        got += [on.connect(one, host, on.name(sender)[1]), on.send(sender, b"connected")]
        on.settle()
        got += [on.recv(sock, 10) for sock in (one, two)]
        return got

    both(body)


def test_a_v6_socket_talks_to_v4() -> None:
    def body(on: Any) -> list[Any]:
        six, four = on.socket(INET6, DGRAM), on.socket(INET, DGRAM)
        got = [on.bind(six, "::", 0), on.name(six)]
        port = on.name(six)[1]
        got += [on.send_to(four, b"four", "127.0.0.1", port)]
        on.settle()
        got += [on.recv_from(six, 10), on.bind(on.socket(INET, DGRAM), "0.0.0.0", port)]
        got += [on.send_to(six, b"six", "::ffff:127.0.0.1", on.name(four)[1])]
        on.settle()
        got += [on.recv_from(four, 10), on.connect(six, "::ffff:127.0.0.1", on.name(four)[1])]
        got += [on.peer(six), on.name(six), on.connect(six, None, 0), on.name(six)]
        only = on.socket(INET6, DGRAM)
        on.set(only, 41, 26, struct.pack("i", 1))
        got += [on.send_to(only, b"x", "::ffff:127.0.0.1", 9)]
        got += [on.connect(only, "::ffff:127.0.0.1", 9), on.bind(only, "::", 0)]
        got += [on.bind(on.socket(INET, DGRAM), "0.0.0.0", on.name(only)[1])]
        return got

    both(body)


def test_no_broadcast_without_leave() -> None:
    def body(on: Any) -> list[Any]:
        one = on.socket(INET, DGRAM)
        got = [on.connect(one, "127.255.255.255", 9)]
        got += [on.send_to(one, b"x", "127.255.255.255", 9)]
        got += [on.set(one, 1, 6, struct.pack("i", 1))]
        got += [on.send_to(one, b"x", "127.255.255.255", 9), on.connect(one, "127.255.255.255", 9)]
        return got

    both(body)


def test_a_group_is_heard_by_who_joined() -> None:
    host = "127.0.0.1"  # a loopback has no route to IPv6 groups; test_groups has them

    def body(on: Any) -> list[Any]:
        six = ":" in host
        group = "ff02::1234" if six else "239.1.2.3"
        anywhere = "::" if six else "0.0.0.0"
        sender, one, two = (on.socket(family_of(host), DGRAM) for _ in range(3))
        for sock in (one, two):
            on.set(sock, 1, 2, struct.pack("i", 1))
        got = [on.bind(one, anywhere, 0)]
        port = on.name(one)[1]
        got += [on.bind(two, group if not six else anywhere, port)]
        if six:
            octets = socket.inet_pton(socket.AF_INET6, group) + struct.pack("i", 1)
            level, join, leave, choose = 41, 20, 21, (41, 17, struct.pack("i", 1))
        else:
            octets = socket.inet_aton(group) + socket.inet_aton("127.0.0.1")
            level, join, leave, choose = 0, 35, 36, (0, 32, socket.inet_aton("127.0.0.1"))
        got += [on.set(one, level, leave, octets), on.set(one, level, join, octets)]
        got += [on.set(one, level, join, octets), on.set(two, level, join, octets)]
        got += [on.set(one, level, join, octets[:7]), on.set(one, level, join, bytes(len(octets)))]
        got += [on.set(sender, *choose), on.send_to(sender, b"to the group", group, port)]
        on.settle()
        got += [on.recv(one, 20), on.recv(two, 20), on.set(two, level, leave, octets)]
        got += [on.set(one, level, 29 if six else 49, struct.pack("i", 0))]
        got += [on.set(one, level, leave, octets), on.send_to(sender, b"again", group, port)]
        on.settle()
        got += [on.recv(one, 20), on.recv(two, 20)]
        return got

    both(body)


@hosts
def test_what_else_a_message_can_tell(host: str) -> None:
    def body(on: Any) -> list[Any]:
        one, two = (on.socket(family_of(host), DGRAM) for _ in range(2))
        on.bind(one, host, 0)
        port = on.name(one)[1]
        hops = (41, 16) if ":" in host else (0, 2)
        got = [on.set(two, *hops, struct.pack("i", 7)), on.get(two, *hops)]
        got += [on.set(two, *hops, struct.pack("i", 256)), on.set(two, *hops, struct.pack("i", -1))]
        got += [on.get(two, *hops), on.send_to(two, b"x", host, port)]
        return got

    both(body)


@pytest.mark.parametrize("version", [4, 6])
def test_a_ping(version: int) -> None:
    def body(on: Any) -> list[Any]:
        host = "127.0.0.1" if version == 4 else "::1"
        kind, answer = (8, 0) if version == 4 else (128, 129)
        family, protocol = (INET, 1) if version == 4 else (INET6, 58)
        one = on.socket(family, DGRAM, protocol)
        if one == "EACCES":  # the kernel may be told to refuse them
            pytest.skip("the kernel allows no ping sockets here")
        request = struct.pack("!BBHHH", kind, 0, 0, 0, 7) + b"payload"
        got = [on.poll(one), on.name(one)[0], on.send_to(one, request, host, 0)]
        on.settle()
        got += [on.poll(one)]
        data, flags, where = on.recv_from(one, 100)
        got += [data[0] == answer, data[1], data[6:], flags, where]
        got += [int.from_bytes(data[4:6], "big") == on.port(on.name(one)[1])]
        got += [on.send_to(one, b"short", host, 0)]
        got += [on.send_to(one, b"\3" + request[1:], host, 0)]
        got += [on.connect(one, host, 0), on.send(one, request)]
        on.settle()
        got += [on.recv(one, 100)[6:8], on.recv(one, 100)]
        return got

    both(body)
