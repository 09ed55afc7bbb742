"""Making and closing sockets."""

from __future__ import annotations

import errno
import os
import socket

import pytest

from tests.worlds.stage import Place, outcome, told, two_worlds


@two_worlds("ipv4", "ipv6")
@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_fresh_socket(place: Place, kind: str) -> object:
    sock = place.either(kind)
    assert sock.fileno() >= 0
    assert isinstance(sock, socket.socket)
    assert type(sock) is socket.socket
    return {
        "family": sock.family,
        "type": sock.type,
        "proto": sock.proto,
        "timeout": sock.gettimeout(),
        "blocking": sock.getblocking(),
        "inheritable": sock.get_inheritable(),
        "enums": (type(sock.family).__name__, type(sock.type).__name__),
    }


@two_worlds("ipv4", "ipv6")
@pytest.mark.parametrize(
    ("kind", "proto"),
    [
        (socket.SOCK_STREAM, socket.IPPROTO_UDP),
        (socket.SOCK_DGRAM, socket.IPPROTO_TCP),
        (socket.SOCK_STREAM, socket.IPPROTO_ICMP),
        (socket.SOCK_SEQPACKET, 0),
        (socket.SOCK_RDM, 0),
        (77, 0),
        (0, 0),
        (socket.SOCK_STREAM, -5),
        (socket.SOCK_STREAM, 1000),
    ],
)
def test_unusable_kind(place: Place, kind: int, proto: int) -> object:
    return outcome(socket.socket, place.family, kind, proto)


@two_worlds()
@pytest.mark.parametrize("number", [12345, 200])
def test_unknown_family(place: Place, number: int) -> object:
    return outcome(socket.socket, number, socket.SOCK_STREAM)


@two_worlds("ipv4", "ipv6")
@pytest.mark.parametrize(
    ("kind", "proto"),
    [
        (socket.SOCK_STREAM, socket.IPPROTO_TCP),
        (socket.SOCK_DGRAM, socket.IPPROTO_UDP),
        (socket.SOCK_STREAM, 0),
    ],
)
def test_explicit_protocol(place: Place, kind: int, proto: int) -> object:
    sock = place.keep(socket.socket(place.family, kind, proto))
    return sock.proto, sock.getsockopt(socket.SOL_SOCKET, socket.SO_PROTOCOL)


@two_worlds("ipv4", "ipv6")
def test_type_flags(place: Place) -> object:
    kind = socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
    sock = place.keep(socket.socket(place.family, kind))
    return {
        "type": sock.type,
        "timeout": sock.gettimeout(),
        "blocking": sock.getblocking(),
        "inheritable": sock.get_inheritable(),
        "so_type": sock.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE),
        "os_blocking": os.get_blocking(sock.fileno()),
    }


@two_worlds("ipv4", "ipv6")
@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_what_it_is_from_the_descriptor_alone(place: Place, kind: str) -> object:
    sock = place.either(kind)
    again = socket.socket(fileno=sock.fileno())
    seen = (again.family, again.type, again.proto)
    again.detach()
    return seen


@two_worlds()
def test_bad_descriptors(place: Place) -> object:
    sock = place.stream()
    number = sock.fileno()
    sock.close()
    return [
        outcome(socket.socket, fileno=-1),
        outcome(socket.socket, fileno="foo"),
        outcome(socket.socket, fileno=number),
        outcome(socket.socket, socket.AF_INET, socket.SOCK_STREAM, fileno=number),
    ]


@two_worlds()
def test_descriptor_of_a_pipe(place: Place) -> object:
    reading, writing = os.pipe()
    try:
        return outcome(socket.socket, fileno=reading)
    finally:
        os.close(reading)
        os.close(writing)


@two_worlds()
def test_default_timeout(place: Place) -> object:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(0.02)
    try:
        sock = place.stream()
        listener = place.listener()
        return {
            "timeout": sock.gettimeout(),
            "accept": outcome(listener.accept),
            "os_blocking": os.get_blocking(sock.fileno()),
            "negative": outcome(socket.setdefaulttimeout, -1),
        }
    finally:
        socket.setdefaulttimeout(before)


@two_worlds("ipv4", "ipv6")
@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_every_call_after_close(place: Place, kind: str) -> object:
    sock = place.either(kind)
    sock.close()
    at = place.at(9)
    return {
        "fileno": sock.fileno(),
        "bind": outcome(sock.bind, at),
        "listen": outcome(sock.listen),
        "accept": outcome(sock.accept),
        "connect": outcome(sock.connect, at),
        "connect_ex": errno.errorcode.get(sock.connect_ex(at)),
        "send": outcome(sock.send, b"x"),
        "sendall": outcome(sock.sendall, b"x"),
        "sendto": outcome(sock.sendto, b"x", at),
        "sendmsg": outcome(sock.sendmsg, [b"x"]),
        "recv": outcome(sock.recv, 1),
        "recv_into": outcome(sock.recv_into, bytearray(1)),
        "recvfrom": outcome(sock.recvfrom, 1),
        "recvmsg": outcome(sock.recvmsg, 1),
        "shutdown": outcome(sock.shutdown, socket.SHUT_RDWR),
        "getsockname": outcome(sock.getsockname),
        "getpeername": outcome(sock.getpeername),
        "getsockopt": outcome(sock.getsockopt, socket.SOL_SOCKET, socket.SO_ERROR),
        "setsockopt": outcome(sock.setsockopt, socket.SOL_SOCKET, socket.SO_REUSEADDR, 1),
        "dup": outcome(sock.dup),
        "setblocking": outcome(sock.setblocking, False),
        "gettimeout": outcome(sock.gettimeout),
        "settimeout": outcome(sock.settimeout, 1),
        "detach": outcome(sock.detach),
        "close again": outcome(sock.close),
        "inheritable": outcome(sock.get_inheritable),
    }


@two_worlds("ipv4", "ipv6")
def test_context_manager_closes(place: Place) -> object:
    with socket.socket(place.family) as sock:
        inside = sock.fileno() >= 0
    return inside, sock.fileno()


@two_worlds()
def test_close_hides_descriptor_from_os(place: Place) -> object:
    sock = place.stream()
    number = sock.fileno()
    os.close(number)
    return outcome(sock.getsockname), outcome(sock.close)


@two_worlds("ipv4", "ipv6")
def test_many_sockets_have_different_descriptors(place: Place) -> object:
    socks = [place.stream() for _ in range(50)]
    return len({sock.fileno() for sock in socks})


@two_worlds()
def test_lowest_descriptor_is_used_again(place: Place) -> object:
    socks = [place.stream() for _ in range(4)]
    number = socks[1].fileno()
    socks[1].close()
    return place.datagram().fileno() == number


@two_worlds()
def test_constructor_argument_types(place: Place) -> object:
    seen = [
        outcome(socket.socket, "inet"),
        outcome(socket.socket, socket.AF_INET, "stream"),
        outcome(socket.socket, socket.AF_INET, socket.SOCK_STREAM, None),
    ]
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, None, 5)  # type: ignore[call-arg]
    except TypeError as error:
        seen.append(told(error))
    return seen
