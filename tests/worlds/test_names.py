"""Names and helpers of the socket module: resolving, create_connection, create_server and the rest."""

from __future__ import annotations

import socket

import pytest

from tests.worlds.stage import Place, exactly, outcome, two_worlds


@two_worlds()
@pytest.mark.parametrize(
    "arguments",
    [
        ("127.0.0.1", 80),
        ("::1", 80),
        ("127.0.0.1", "80"),
        ("127.0.0.1", "http"),
        ("127.0.0.1", b"http"),
        ("127.0.0.1", None),
        (b"127.0.0.1", 80),
        ("127.0.0.1", 80, socket.AF_INET),
        ("127.0.0.1", 80, socket.AF_INET6),
        ("::1", 80, socket.AF_INET),
        ("127.0.0.1", 80, 0, socket.SOCK_STREAM),
        ("127.0.0.1", 80, 0, socket.SOCK_DGRAM),
        ("127.0.0.1", 80, 0, 0, socket.IPPROTO_TCP),
        ("127.0.0.1", 80, 0, socket.SOCK_DGRAM, socket.IPPROTO_TCP),
        ("127.0.0.1", 80, 77),
        ("127.0.0.1", 80, 0, 77),
        ("127.0.0.1", "tftp", 0, socket.SOCK_DGRAM),
        ("127.0.0.1", "nonesuch"),
        ("127.0.0.1", "nonesuch", 0, socket.SOCK_STREAM),
        ("127.0.0.1", 70000),
        ("127.0.0.1", -1),
        ("127.0.0.1", "70000"),
        ("127.0.0.1", "http", 0, socket.SOCK_STREAM, 0, socket.AI_NUMERICSERV),
        ("127.0.0.1", 80, 0, socket.SOCK_STREAM, 0, socket.AI_CANONNAME),
        ("127.0.0.1", 80, 0, socket.SOCK_STREAM, 0, socket.AI_NUMERICHOST),
        ("localhost", 80, 0, socket.SOCK_STREAM, 0, socket.AI_NUMERICHOST),
        ("127.0.0.1", 80, socket.AF_INET6, socket.SOCK_STREAM, 0, socket.AI_V4MAPPED),
        ("localhost", 80, socket.AF_INET, socket.SOCK_STREAM),
        ("localhost", "https", socket.AF_INET, socket.SOCK_STREAM),
        ("LOCALHOST", 80, socket.AF_INET, socket.SOCK_STREAM),
        (None, 80, socket.AF_INET, socket.SOCK_STREAM),
        (None, 80, socket.AF_INET6, socket.SOCK_STREAM),
        (None, 80, 0, socket.SOCK_STREAM),
        (None, 80, 0, socket.SOCK_STREAM, 0, socket.AI_PASSIVE),
        (None, 80, socket.AF_INET, socket.SOCK_STREAM, 0, socket.AI_PASSIVE),
        (None, None),
        ("fe80::1", 80, 0, socket.SOCK_STREAM),
        ("fe80::1%1", 80, 0, socket.SOCK_STREAM),
        ("fe80::1%lo", 80, 0, socket.SOCK_STREAM),
        ("fe80::1%nonesuch", 80, 0, socket.SOCK_STREAM),
        ("::ffff:1.2.3.4", 80, 0, socket.SOCK_STREAM),
        ("127.1", 80, 0, socket.SOCK_STREAM),
        ("0x7f.1", 80, 0, socket.SOCK_STREAM),
        ("2130706433", 80, 0, socket.SOCK_STREAM),
        ("0127.0.0.1", 80, 0, socket.SOCK_STREAM),
        ("a\0b", 80),
        (5, 80),
        ("127.0.0.1", 1.5),
        ("127.0.0.1",),
    ],
    ids=str,
)
def test_getaddrinfo(place: Place, arguments: tuple[object, ...]) -> object:
    return outcome(socket.getaddrinfo, *arguments)


@two_worlds()
def test_getaddrinfo_by_keywords(place: Place) -> object:
    return socket.getaddrinfo(host="127.0.0.1", port=80, family=0, type=1, proto=0, flags=0)


@two_worlds()
@pytest.mark.parametrize(
    ("address", "flags"),
    [
        (("127.0.0.1", 80), socket.NI_NUMERICHOST | socket.NI_NUMERICSERV),
        (("127.0.0.1", 80), socket.NI_NUMERICHOST),
        (("127.0.0.1", 69), socket.NI_NUMERICHOST | socket.NI_DGRAM),
        (("127.0.0.1", 64999), socket.NI_NUMERICHOST),
        (("::1", 443), socket.NI_NUMERICHOST),
        (("::1", 443, 0, 0), socket.NI_NUMERICHOST | socket.NI_NUMERICSERV),
        (("fe80::1", 443, 0, 1), socket.NI_NUMERICHOST | socket.NI_NUMERICSERV),
        (("127.0.0.1", 80), socket.NI_NUMERICSERV),
        (("203.0.113.7", 80), socket.NI_NUMERICHOST | socket.NI_NAMEREQD),
        (("127.0.0.1", 70000), socket.NI_NUMERICHOST),
        (("127.0.0.1",), 0),
        ("127.0.0.1", 0),
        (("not numeric", 80), 0),
        (("127.0.0.1", "80"), 0),
        (("127.0.0.1", 80), "x"),
    ],
    ids=str,
)
def test_getnameinfo(place: Place, address: object, flags: object) -> object:
    return outcome(socket.getnameinfo, address, flags)


@two_worlds()
def test_gethostby(place: Place) -> object:
    return {
        "numeric": socket.gethostbyname("127.0.0.1"),
        "localhost": socket.gethostbyname("localhost"),
        "empty": outcome(socket.gethostbyname, ""),
        "broadcast": outcome(socket.gethostbyname, "<broadcast>"),
        "numeric, ex": socket.gethostbyname_ex("10.1.2.3"),
        "localhost, ex": socket.gethostbyname_ex("localhost")[2],
        "type": outcome(socket.gethostbyname, 5),
        "loopback's name": socket.gethostbyaddr("127.0.0.1")[0],
        "loopback's address": socket.gethostbyaddr("127.0.0.1")[2],
        "v6 by v4's call": outcome(socket.gethostbyname, "::1"),
    }


@two_worlds()
def test_own_name(place: Place) -> object:
    name = socket.gethostname()
    return bool(name), isinstance(socket.getfqdn(), str), socket.getfqdn("127.0.0.1")


@two_worlds()
@pytest.mark.parametrize(
    "arguments", [("http",), ("http", "tcp"), ("domain", "udp"), ("http", "udp"), ("nonesuch",)]
)
def test_services_by_name(place: Place, arguments: tuple[str, ...]) -> object:
    return outcome(socket.getservbyname, *arguments)


@two_worlds()
@pytest.mark.parametrize("arguments", [(80,), (443, "tcp"), (53, "udp"), (64999,), (70000,)])
def test_services_by_port(place: Place, arguments: tuple[object, ...]) -> object:
    return outcome(socket.getservbyport, *arguments)


@two_worlds()
def test_interfaces(place: Place) -> object:
    index = socket.if_nametoindex("lo")
    return {
        "index": index,
        "name": socket.if_indextoname(index),
        "listed": (index, "lo") in socket.if_nameindex(),
        "unknown name": outcome(socket.if_nametoindex, "nonesuch0"),
        "unknown index": outcome(socket.if_indextoname, 99999),
        "negative index": outcome(socket.if_indextoname, -1),
    }


@two_worlds()
def test_conversions(place: Place) -> object:
    return {
        "aton": outcome(socket.inet_aton, "127.1"),
        "ntoa": socket.inet_ntoa(b"\x7f\0\0\1"),
        "pton": socket.inet_pton(socket.AF_INET6, "::ffff:1.2.3.4"),
        "ntop": socket.inet_ntop(socket.AF_INET6, bytes(15) + b"\1"),
        "bad": outcome(socket.inet_pton, socket.AF_INET, "1.2.3"),
        "family": outcome(socket.inet_pton, 77, "1.2.3.4"),
        "orders": (socket.htons(1), socket.ntohl(1)),
        "protocol": socket.getprotobyname("tcp"),
    }


# ---------------------------------------------------------------- helpers


@two_worlds("ipv4", "ipv6")
def test_create_connection(place: Place) -> object:
    listener = place.listener()
    sock = place.keep(socket.create_connection(listener.getsockname()[:2], 5))
    far, address = listener.accept()
    place.keep(far)
    sock.sendall(b"x")
    return sock.gettimeout(), address == sock.getsockname(), exactly(far, 1), sock.family


@two_worlds("ipv4", "ipv6")
def test_create_connection_from(place: Place) -> object:
    listener = place.listener()
    port = place.free_port()
    sock = place.keep(
        socket.create_connection(listener.getsockname()[:2], source_address=place.at(port))
    )
    return sock.getsockname()[1] == port, sock.gettimeout()


@two_worlds("ipv4", "ipv6")
def test_create_connection_refused(place: Place) -> object:
    return outcome(socket.create_connection, place.at(place.free_port()))


@two_worlds()
@pytest.mark.skipif(
    "all_errors" not in socket.create_connection.__kwdefaults__,
    reason="this Python's create_connection tells one error only",
)
def test_create_connection_tells_every_error(place: Place) -> object:
    port = place.free_port()
    try:
        socket.create_connection(("127.0.0.1", port), all_errors=True)
    except ExceptionGroup as group:
        return [type(error).__name__ for error in group.exceptions]
    raise AssertionError


@two_worlds()
def test_create_connection_by_name(place: Place) -> object:
    listener = place.listener()
    sock = place.keep(socket.create_connection(("localhost", listener.getsockname()[1])))
    return sock.getpeername() == listener.getsockname()


@two_worlds()
def test_create_connection_times_out(place: Place) -> object:
    listener = place.listener(0)
    place.stream().connect(listener.getsockname())
    return outcome(socket.create_connection, listener.getsockname(), 0.02)


@two_worlds("ipv4", "ipv6")
@pytest.mark.parametrize("backlog", [None, 1])
def test_create_server(place: Place, backlog: int | None) -> object:
    server = place.keep(socket.create_server(place.at(0), family=place.family, backlog=backlog))
    sock = place.stream()
    sock.connect(server.getsockname())
    far, _ = server.accept()
    place.keep(far)
    return {
        "name": server.getsockname()[0],
        "reuse": server.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR),
        "only": server.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) if place.v6 else None,
        "in use": outcome(
            socket.create_server, server.getsockname()[:2], family=place.family
        ).replace(str(server.getsockname()[:2]), "there"),
    }


@two_worlds()
def test_create_server_errors(place: Place) -> object:
    return [
        outcome(socket.create_server, ("127.0.0.1", 0), dualstack_ipv6=True),
        outcome(socket.create_server, ("203.0.113.7", 0)),
    ]


@two_worlds()
def test_dual_stack_helpers(place: Place) -> object:
    server = place.keep(socket.create_server(("", 0), family=socket.AF_INET6, dualstack_ipv6=True))
    sock = place.keep(socket.create_connection(("127.0.0.1", server.getsockname()[1])))
    far, address = server.accept()
    place.keep(far)
    return socket.has_dualstack_ipv6(), socket.has_ipv6, address[0], sock.getpeername()[0]


@two_worlds("ipv4", "ipv6")
def test_reuse_port_helper(place: Place) -> object:
    one = place.keep(socket.create_server(place.at(0), family=place.family, reuse_port=True))
    two = outcome(socket.create_server, one.getsockname()[:2], family=place.family, reuse_port=True)
    two.close()
    return one.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT)


@two_worlds("ipv6")
def test_scope_in_names(place: Place) -> object:
    sock = place.datagram()
    lo = socket.if_nametoindex("lo")
    return [
        outcome(sock.connect, ("::1", 9, 0, lo)),
        sock.getpeername(),
        outcome(sock.connect, ("::1", 9, 0, 0)),
        sock.getpeername(),
        outcome(sock.connect, ("::1", 9, 7, 0)),
        outcome(sock.sendto, b"x", ("::1", 9, 1 << 20, 0)),
    ]
