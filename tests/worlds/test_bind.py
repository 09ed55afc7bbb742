"""Binding: who may have which port of which address, and what the socket then calls itself."""

from __future__ import annotations

import socket

import pytest

from tests.worlds.stage import Place, arrives, outcome, settle, two_worlds

KINDS = pytest.mark.parametrize("kind", ["tcp", "udp"])
REUSEADDR = socket.SO_REUSEADDR
REUSEPORT = socket.SO_REUSEPORT


def having(place: Place, kind: str, *options: int) -> socket.socket:
    """A fresh socket with some of SO_REUSEADDR and SO_REUSEPORT."""
    sock = place.either(kind)
    for option in options:
        sock.setsockopt(socket.SOL_SOCKET, option, 1)
    return sock


@two_worlds("ipv4", "ipv6")
@KINDS
def test_name_before_and_after(place: Place, kind: str) -> object:
    sock = place.either(kind)
    before = sock.getsockname()
    sock.bind(place.at(0))
    name = sock.getsockname()
    assert 1024 <= name[1] <= 65535
    return before, name[0], name[2:]


@two_worlds("ipv4", "ipv6")
@KINDS
def test_wildcard_by_empty_name(place: Place, kind: str) -> object:
    sock = place.either(kind)
    sock.bind(("", 0))
    name = sock.getsockname()
    return name[0], name[2:], name[1] > 0


@two_worlds("ipv4", "ipv6")
@KINDS
def test_chosen_ports_differ(place: Place, kind: str) -> object:
    socks = [place.bound(kind) for _ in range(40)]
    return len({sock.getsockname()[1] for sock in socks})


@two_worlds("ipv4", "ipv6")
@KINDS
def test_wanted_port(place: Place, kind: str) -> object:
    port = place.free_port(kind)
    return place.bound(kind, port).getsockname()[1] == port


@two_worlds("ipv4", "ipv6")
@KINDS
def test_twice(place: Place, kind: str) -> object:
    return outcome(place.bound(kind).bind, place.at(0))


@two_worlds("ipv4", "ipv6")
@KINDS
@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((), ()),
        ((REUSEADDR,), ()),
        ((), (REUSEADDR,)),
        ((REUSEADDR,), (REUSEADDR,)),
        ((REUSEPORT,), ()),
        ((), (REUSEPORT,)),
        ((REUSEPORT,), (REUSEPORT,)),
        ((REUSEADDR,), (REUSEPORT,)),
        ((REUSEPORT,), (REUSEADDR,)),
        ((REUSEADDR, REUSEPORT), (REUSEPORT,)),
        ((REUSEADDR, REUSEPORT), (REUSEADDR,)),
    ],
    ids=lambda options: "+".join({2: "addr", 15: "port"}[o] for o in options) or "none",
)
def test_two_on_one_port(
    place: Place, kind: str, first: tuple[int, ...], second: tuple[int, ...]
) -> object:
    one = having(place, kind, *first)
    one.bind(place.at(0))
    two = having(place, kind, *second)
    return outcome(two.bind, one.getsockname())


@two_worlds("ipv4", "ipv6")
@pytest.mark.parametrize("options", [(), (REUSEADDR,), (REUSEPORT,)], ids=["none", "addr", "port"])
def test_beside_a_listener(place: Place, options: tuple[int, ...]) -> object:
    one = having(place, "tcp", *options)
    one.bind(place.at(0))
    one.listen()
    two = having(place, "tcp", *options)
    return outcome(two.bind, one.getsockname()), outcome(two.listen)


@two_worlds("ipv4", "ipv6")
def test_second_to_listen(place: Place) -> object:
    """With SO_REUSEADDR both may be bound; only one may listen."""
    one, two = having(place, "tcp", REUSEADDR), having(place, "tcp", REUSEADDR)
    one.bind(place.at(0))
    two.bind(one.getsockname())
    one.listen()
    refused = outcome(two.listen)
    one.close()
    return refused, outcome(two.listen)


@two_worlds("ipv4", "ipv6")
@KINDS
@pytest.mark.parametrize("order", ["wildcard first", "specific first"])
@pytest.mark.parametrize("options", [(), (REUSEADDR,)], ids=["none", "addr"])
def test_wildcard_and_specific(
    place: Place, kind: str, order: str, options: tuple[int, ...]
) -> object:
    hosts = [place.wildcard, place.loopback]
    if order == "specific first":
        hosts.reverse()
    one, two = having(place, kind, *options), having(place, kind, *options)
    one.bind(place.at(0, hosts[0]))
    return outcome(two.bind, place.at(one.getsockname()[1], hosts[1]))


@two_worlds("ipv4", "ipv6")
def test_wildcard_listener_and_specific_one(place: Place) -> object:
    """SO_REUSEADDR does not let a second one listen, on whatever address."""
    one, two = having(place, "tcp", REUSEADDR), having(place, "tcp", REUSEADDR)
    one.bind(place.at(0, place.wildcard))
    one.listen()
    return outcome(two.bind, place.at(one.getsockname()[1]))


@two_worlds("ipv4")
@KINDS
def test_other_loopback_addresses(place: Place, kind: str) -> object:
    one = place.bound(kind)
    port = one.getsockname()[1]
    two = place.either(kind)
    return outcome(two.bind, ("127.0.0.2", port)), two.getsockname()[0]


@two_worlds("ipv4", "ipv6")
def test_tcp_and_udp_ports_are_apart(place: Place) -> object:
    port = place.bound("tcp").getsockname()[1]
    return outcome(place.datagram().bind, place.at(port))


@two_worlds()
@KINDS
@pytest.mark.parametrize("only", [0, 1])
@pytest.mark.parametrize("first", ["ipv4", "ipv6"])
def test_both_wildcards(place: Place, kind: str, only: int, first: str) -> object:
    """An IPv6 wildcard takes IPv4's port too, unless it is for IPv6 only."""
    type = socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM
    four = place.keep(socket.socket(socket.AF_INET, type))
    six = place.keep(socket.socket(socket.AF_INET6, type))
    six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only)
    if first == "ipv4":
        four.bind(("0.0.0.0", 0))
        return outcome(six.bind, ("::", four.getsockname()[1]))
    six.bind(("::", 0))
    return outcome(four.bind, ("0.0.0.0", six.getsockname()[1]))


@two_worlds()
@KINDS
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_dual_stack_wildcard_and_specific(place: Place, kind: str, host: str) -> object:
    type = socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM
    both = place.keep(socket.socket(socket.AF_INET6, type))
    both.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    both.bind(("::", 0))
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    other = place.keep(socket.socket(family, type))
    return outcome(other.bind, (host, both.getsockname()[1]))


@two_worlds("ipv6")
@KINDS
@pytest.mark.parametrize("only", [0, 1])
def test_mapped_address(place: Place, kind: str, only: int) -> object:
    sock = place.either(kind)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only)
    bound = outcome(sock.bind, ("::ffff:127.0.0.1", 0))
    return bound, sock.getsockname()[0], sock.getsockname()[1] > 0


@two_worlds("ipv6")
@KINDS
def test_mapped_address_takes_the_ipv4_port(place: Place, kind: str) -> object:
    sock = place.either(kind)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    sock.bind(("::ffff:127.0.0.1", 0))
    four = place.keep(socket.socket(socket.AF_INET, sock.type))
    six = place.either(kind)
    port = sock.getsockname()[1]
    return outcome(four.bind, ("127.0.0.1", port)), outcome(six.bind, ("::1", port))


@two_worlds("ipv4", "ipv6")
@KINDS
def test_address_that_is_not_here(place: Place, kind: str) -> object:
    sock = place.either(kind)
    error = outcome(sock.bind, place.at(0, place.foreign))
    return error, sock.getsockname()[1]


@two_worlds("ipv4", "ipv6")
@KINDS
@pytest.mark.parametrize(
    "address",
    [
        ("::1", 0),
        ("127.0.0.1", 0),
        ("127.0.0.1", 65536),
        ("::1", -1),
        ("127.0.0.1", "80"),
        ("127.0.0.1",),
        ("::1", 0, 0),
        ("::1", 0, 0, 0),
        ("::1", 0, 1 << 20, 0),
        ("::1", 0, 0, 0, 0),
        "127.0.0.1",
        None,
        (None, 0),
        (b"127.0.0.1", 0),
        (bytearray(b"::1"), 0),
        ("a\0b", 0),
        ("127.1", 0),
        ("0x7f000001", 0),
        (5, 0),
    ],
    ids=str,
)
def test_address_forms(place: Place, kind: str, address: object) -> object:
    sock = place.either(kind)
    try:
        error = outcome(sock.bind, address)
    except UnicodeError as mistake:
        error = type(mistake).__name__
    return error, sock.getsockname()[0], sock.getsockname()[1] > 0


@two_worlds("ipv4")
@KINDS
def test_localhost_by_name(place: Place, kind: str) -> object:
    sock = place.either(kind)
    sock.bind(("localhost", 0))
    return sock.getsockname()[0]


@two_worlds("ipv4")
@KINDS
@pytest.mark.parametrize("host", ["<broadcast>", "255.255.255.255", "224.0.0.1", "127.255.255.255"])
def test_broadcast_and_group_addresses(place: Place, kind: str, host: str) -> object:
    sock = place.either(kind)
    return outcome(sock.bind, (host, 0)), sock.getsockname()[0]


@two_worlds("ipv6")
@KINDS
def test_group_address_v6(place: Place, kind: str) -> object:
    sock = place.either(kind)
    return outcome(sock.bind, ("ff0e::5", 0)), sock.getsockname()[0]


@two_worlds("ipv4", "ipv6")
@pytest.mark.parametrize("reuse", [False, True])
def test_port_in_time_wait(place: Place, reuse: bool) -> object:
    """The side that closed first keeps the port for a while; servers set SO_REUSEADDR for that."""
    listener = having(place, "tcp", *([REUSEADDR] if reuse else []))
    listener.bind(place.at(0))
    listener.listen()
    name = listener.getsockname()
    near = place.stream()
    near.connect(name)
    far, _ = listener.accept()
    listener.close()
    far.close()
    assert near.recv(1) == b""
    near.close()
    settle()
    return outcome(having(place, "tcp", *([REUSEADDR] if reuse else [])).bind, name)


@two_worlds("ipv4", "ipv6")
@pytest.mark.parametrize("reuse", [False, True])
def test_port_of_a_live_connection(place: Place, reuse: bool) -> object:
    """A restarted server takes its port back while an old connection lives, if both set SO_REUSEADDR."""
    listener = having(place, "tcp", *([REUSEADDR] if reuse else []))
    listener.bind(place.at(0))
    listener.listen()
    name = listener.getsockname()
    near = place.stream()
    near.connect(name)
    far, _ = listener.accept()
    place.keep(far)
    listener.close()
    again = having(place, "tcp", *([REUSEADDR] if reuse else []))
    return outcome(again.bind, name), outcome(again.listen)


@two_worlds("ipv4", "ipv6")
def test_callers_own_port(place: Place) -> object:
    """A port that connect chose may not be bound beside it."""
    near, _ = place.pair()
    return outcome(place.stream().bind, near.getsockname()[:2])


@two_worlds("ipv4", "ipv6")
def test_after_connect(place: Place) -> object:
    near, _ = place.pair()
    return outcome(near.bind, place.at(0))


@two_worlds("ipv4", "ipv6")
def test_udp_after_connect(place: Place) -> object:
    here, there = place.datagram(), place.bound()
    here.connect(there.getsockname())
    return outcome(here.bind, place.at(0))


@two_worlds("ipv4", "ipv6")
@KINDS
def test_port_is_free_after_close(place: Place, kind: str) -> object:
    sock = place.bound(kind)
    name = sock.getsockname()
    sock.close()
    return outcome(place.either(kind).bind, name)


@two_worlds("ipv4", "ipv6")
@KINDS
def test_port_is_kept_by_a_duplicate(place: Place, kind: str) -> object:
    sock = place.bound(kind)
    name = sock.getsockname()
    copy = place.keep(sock.dup())
    sock.close()
    taken = outcome(place.either(kind).bind, name)
    copy.close()
    return taken, outcome(place.either(kind).bind, name)


@two_worlds("ipv4", "ipv6")
def test_most_specific_udp_socket_gets_the_datagram(place: Place) -> object:
    wild, narrow = having(place, "udp", REUSEADDR), having(place, "udp", REUSEADDR)
    wild.bind(place.at(0, place.wildcard))
    narrow.bind(place.at(wild.getsockname()[1]))
    place.datagram().sendto(b"x", narrow.getsockname())
    arrives(narrow)
    wild.setblocking(False)
    return narrow.recv(9), outcome(wild.recv, 9)


@two_worlds("ipv4", "ipv6")
def test_connected_udp_socket_gets_its_peers_datagrams(place: Place) -> object:
    open_, connected = having(place, "udp", REUSEADDR), having(place, "udp", REUSEADDR)
    friend, stranger = place.datagrams()
    open_.bind(place.at(0))
    connected.bind(open_.getsockname())
    connected.connect(friend.getsockname())
    friend.sendto(b"friend", open_.getsockname())
    stranger.sendto(b"stranger", open_.getsockname())
    arrives(open_, connected)
    return open_.recv(9), connected.recv(9)


@two_worlds("ipv4", "ipv6")
def test_specific_listener_goes_first(place: Place) -> object:
    """With SO_REUSEPORT a listener on the address is preferred to one on the wildcard."""
    wild, narrow = having(place, "tcp", REUSEPORT), having(place, "tcp", REUSEPORT)
    wild.bind(place.at(0, place.wildcard))
    wild.listen()
    narrow.bind(place.at(wild.getsockname()[1]))
    narrow.listen()
    place.stream().connect(narrow.getsockname())
    arrives(narrow)
    wild.setblocking(False)
    conn, _ = narrow.accept()
    conn.close()
    return outcome(wild.accept)


@two_worlds("ipv4", "ipv6")
def test_reuseport_group_shares_the_calls(place: Place) -> object:
    group = [having(place, "tcp", REUSEPORT)]
    group[0].bind(place.at(0))
    for _ in range(2):
        group.append(having(place, "tcp", REUSEPORT))
        group[-1].bind(group[0].getsockname())
    for listener in group:
        listener.listen(64)
        listener.setblocking(False)
    for _ in range(20):
        place.stream().connect(group[0].getsockname())
    settle()
    got = 0
    for listener in group:
        while not isinstance(answer := outcome(listener.accept), str):
            place.keep(answer[0])
            got += 1
    return got
