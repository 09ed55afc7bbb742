"""Socket options: their defaults, what setting them does, and what they refuse."""

from __future__ import annotations

import fcntl
import socket
import struct

import pytest

from tests.worlds.stage import Place, arrives, exactly, linger, outcome, ready, settle, two_worlds

SOL, TCP, IP, IP6 = (
    socket.SOL_SOCKET,
    socket.IPPROTO_TCP,
    socket.IPPROTO_IP,
    socket.IPPROTO_IPV6,
)

# Numbers of Linux that not every Python names.
IP_MTU_DISCOVER, IP_MTU, IP_FREEBIND, IP_PKTINFO, IP_RECVERR, IP_RECVTTL = 10, 14, 15, 8, 11, 12
IPV6_MTU_DISCOVER, IPV6_MTU, IPV6_RECVERR, IPV6_ADDRFORM = 23, 24, 25, 1
TCP_REPAIR_UNKNOWN = 9999

EVERYWHERE = [
    (SOL, "SO_REUSEADDR"),
    (SOL, "SO_REUSEPORT"),
    (SOL, "SO_KEEPALIVE"),
    (SOL, "SO_BROADCAST"),
    (SOL, "SO_OOBINLINE"),
    (SOL, "SO_DONTROUTE"),
    (SOL, "SO_RCVLOWAT"),
    (SOL, "SO_SNDLOWAT"),
    (SOL, "SO_RCVBUF"),
    (SOL, "SO_SNDBUF"),
    (SOL, "SO_PRIORITY"),
    (SOL, "SO_MARK"),
    (SOL, "SO_TYPE"),
    (SOL, "SO_DOMAIN"),
    (SOL, "SO_PROTOCOL"),
    (SOL, "SO_ACCEPTCONN"),
    (SOL, "SO_ERROR"),
]
OF_TCP = [
    (TCP, "TCP_NODELAY"),
    (TCP, "TCP_CORK"),
    (TCP, "TCP_QUICKACK"),
    (TCP, "TCP_MAXSEG"),
    (TCP, "TCP_KEEPIDLE"),
    (TCP, "TCP_KEEPINTVL"),
    (TCP, "TCP_KEEPCNT"),
    (TCP, "TCP_USER_TIMEOUT"),
    (TCP, "TCP_SYNCNT"),
    (TCP, "TCP_LINGER2"),
    (TCP, "TCP_DEFER_ACCEPT"),
    (TCP, "TCP_WINDOW_CLAMP"),
    (TCP, "TCP_NOTSENT_LOWAT"),
]
OF_IPV4 = [
    (IP, "IP_TTL"),
    (IP, "IP_TOS"),
    (IP, "IP_MULTICAST_TTL"),
    (IP, "IP_MULTICAST_LOOP"),
    (IP, "IP_HDRINCL"),
]
OF_IPV6 = [
    (IP6, "IPV6_V6ONLY"),
    (IP6, "IPV6_UNICAST_HOPS"),
    (IP6, "IPV6_MULTICAST_HOPS"),
    (IP6, "IPV6_MULTICAST_LOOP"),
    (IP6, "IPV6_MULTICAST_IF"),
    (IP6, "IPV6_TCLASS"),
    (IP6, "IPV6_DONTFRAG"),
    (IP6, "IPV6_RECVPKTINFO"),
    (IP6, "IPV6_RECVTCLASS"),
    (IP6, "IPV6_RECVHOPLIMIT"),
]


def names(options: list[tuple[int, str]]) -> pytest.MarkDecorator:
    """A test for each option, called as the option is."""
    return pytest.mark.parametrize(
        ("level", "option"), options, ids=[option for _, option in options]
    )


def read(sock: socket.socket, level: int, option: str) -> object:
    """The value, or the error."""
    return outcome(sock.getsockopt, level, getattr(socket, option))


@two_worlds("ipv4", "ipv6")
@pytest.mark.parametrize("kind", ["tcp", "udp"])
@names(EVERYWHERE)
def test_default(place: Place, kind: str, level: int, option: str) -> object:
    return read(place.either(kind), level, option)


@two_worlds("ipv4", "ipv6")
@names(OF_TCP)
def test_default_of_tcp(place: Place, level: int, option: str) -> object:
    return read(place.stream(), level, option)


@two_worlds("ipv4")
@pytest.mark.parametrize("kind", ["tcp", "udp"])
@names(OF_IPV4)
def test_default_of_ipv4(place: Place, kind: str, level: int, option: str) -> object:
    return read(place.either(kind), level, option)


@two_worlds("ipv6")
@pytest.mark.parametrize("kind", ["tcp", "udp"])
@names(OF_IPV6)
def test_default_of_ipv6(place: Place, kind: str, level: int, option: str) -> object:
    return read(place.either(kind), level, option)


SETTINGS: list[tuple[int, str, int]] = [
    (SOL, "SO_REUSEADDR", 1),
    (SOL, "SO_REUSEADDR", 7),
    (SOL, "SO_REUSEADDR", -1),
    (SOL, "SO_REUSEPORT", 1),
    (SOL, "SO_KEEPALIVE", 1),
    (SOL, "SO_BROADCAST", 1),
    (SOL, "SO_OOBINLINE", 1),
    (SOL, "SO_DONTROUTE", 1),
    (SOL, "SO_PRIORITY", 4),
    (SOL, "SO_RCVLOWAT", 10),
    (SOL, "SO_RCVLOWAT", 0),
    (SOL, "SO_SNDLOWAT", 10),
    (SOL, "SO_RCVBUF", 10000),
    (SOL, "SO_RCVBUF", 1),
    (SOL, "SO_SNDBUF", 10000),
    (SOL, "SO_SNDBUF", 1),
    (SOL, "SO_TYPE", 1),
    (SOL, "SO_DOMAIN", 2),
    (SOL, "SO_PROTOCOL", 6),
    (SOL, "SO_ACCEPTCONN", 1),
    (SOL, "SO_ERROR", 1),
]


def setting_names(settings: list[tuple[int, str, int]]) -> pytest.MarkDecorator:
    """A test for each setting, called as the option and its value are."""
    return pytest.mark.parametrize(
        ("level", "option", "value"), settings, ids=[f"{o}={v}" for _, o, v in settings]
    )


def set_and_read(sock: socket.socket, level: int, option: str, value: object) -> object:
    """What setting answers, and what is read then."""
    done = outcome(sock.setsockopt, level, getattr(socket, option), value)
    return done, read(sock, level, option)


@two_worlds("ipv4", "ipv6")
@pytest.mark.parametrize("kind", ["tcp", "udp"])
@setting_names(SETTINGS)
def test_setting(place: Place, kind: str, level: int, option: str, value: int) -> object:
    return set_and_read(place.either(kind), level, option, value)


@two_worlds("ipv4", "ipv6")
@setting_names(
    [
        (TCP, "TCP_NODELAY", 1),
        (TCP, "TCP_NODELAY", 5),
        (TCP, "TCP_CORK", 1),
        (TCP, "TCP_QUICKACK", 0),
        (TCP, "TCP_MAXSEG", 1000),
        (TCP, "TCP_MAXSEG", 5),
        (TCP, "TCP_MAXSEG", 100000),
        (TCP, "TCP_KEEPIDLE", 60),
        (TCP, "TCP_KEEPIDLE", 0),
        (TCP, "TCP_KEEPIDLE", 32768),
        (TCP, "TCP_KEEPINTVL", 5),
        (TCP, "TCP_KEEPINTVL", 0),
        (TCP, "TCP_KEEPCNT", 3),
        (TCP, "TCP_KEEPCNT", 128),
        (TCP, "TCP_USER_TIMEOUT", 5000),
        (TCP, "TCP_USER_TIMEOUT", -1),
        (TCP, "TCP_SYNCNT", 2),
        (TCP, "TCP_SYNCNT", 0),
        (TCP, "TCP_LINGER2", 10),
        (TCP, "TCP_LINGER2", -1),
        (TCP, "TCP_DEFER_ACCEPT", 1),
        (TCP, "TCP_WINDOW_CLAMP", 5000),
        (TCP, "TCP_NOTSENT_LOWAT", 16384),
    ]
)
def test_setting_of_tcp(place: Place, level: int, option: str, value: int) -> object:
    return set_and_read(place.stream(), level, option, value)


@two_worlds("ipv4")
@pytest.mark.parametrize("kind", ["tcp", "udp"])
@setting_names(
    [
        (IP, "IP_TTL", 1),
        (IP, "IP_TTL", 255),
        (IP, "IP_TTL", 256),
        (IP, "IP_TTL", 0),
        (IP, "IP_TTL", -1),
        (IP, "IP_TOS", 0x10),
        (IP, "IP_TOS", 0xFF),
        (IP, "IP_MULTICAST_TTL", 5),
        (IP, "IP_MULTICAST_TTL", -1),
        (IP, "IP_MULTICAST_TTL", 256),
        (IP, "IP_MULTICAST_LOOP", 0),
        (IP, "IP_HDRINCL", 1),
    ]
)
def test_setting_of_ipv4(place: Place, kind: str, level: int, option: str, value: int) -> object:
    return set_and_read(place.either(kind), level, option, value)


@two_worlds("ipv6")
@pytest.mark.parametrize("kind", ["tcp", "udp"])
@setting_names(
    [
        (IP6, "IPV6_V6ONLY", 1),
        (IP6, "IPV6_V6ONLY", 7),
        (IP6, "IPV6_UNICAST_HOPS", 5),
        (IP6, "IPV6_UNICAST_HOPS", -1),
        (IP6, "IPV6_UNICAST_HOPS", 256),
        (IP6, "IPV6_MULTICAST_HOPS", 5),
        (IP6, "IPV6_MULTICAST_LOOP", 0),
        (IP6, "IPV6_MULTICAST_IF", 1),
        (IP6, "IPV6_MULTICAST_IF", 99999),
        (IP6, "IPV6_TCLASS", 0x20),
        (IP6, "IPV6_TCLASS", -1),
        (IP6, "IPV6_TCLASS", 256),
        (IP6, "IPV6_DONTFRAG", 1),
        (IP6, "IPV6_RECVPKTINFO", 1),
    ]
)
def test_setting_of_ipv6(place: Place, kind: str, level: int, option: str, value: int) -> object:
    return set_and_read(place.either(kind), level, option, value)


@two_worlds("ipv4", "ipv6")
@pytest.mark.parametrize("kind", ["tcp", "udp"])
@pytest.mark.parametrize("option", ["SO_RCVBUF", "SO_SNDBUF"])
def test_buffers_have_a_limit(place: Place, kind: str, option: str) -> object:
    """Where it is is a matter of the machine's settings."""
    sock = place.either(kind)
    done = outcome(sock.setsockopt, SOL, getattr(socket, option), 2**31 - 1)
    return done, 200_000 < sock.getsockopt(SOL, getattr(socket, option)) < 2**30


@two_worlds("ipv4", "ipv6")
@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_unknown_options(place: Place, kind: str) -> object:
    sock = place.either(kind)
    return {
        "get, level": outcome(sock.getsockopt, 9999, 1),
        "set, level": outcome(sock.setsockopt, 9999, 1, 1),
        "get, socket": outcome(sock.getsockopt, SOL, 9999),
        "set, socket": outcome(sock.setsockopt, SOL, 9999, 1),
        "get, tcp": outcome(sock.getsockopt, TCP, TCP_REPAIR_UNKNOWN),
        "set, tcp": outcome(sock.setsockopt, TCP, TCP_REPAIR_UNKNOWN, 1),
        "get, ip": outcome(sock.getsockopt, IP, 9999),
        "set, ip": outcome(sock.setsockopt, IP, 9999, 1),
        "get, ipv6": outcome(sock.getsockopt, IP6, 9999),
        "set, ipv6": outcome(sock.setsockopt, IP6, 9999, 1),
        "nodelay": outcome(sock.setsockopt, TCP, socket.TCP_NODELAY, 1),
        "get nodelay": outcome(sock.getsockopt, TCP, socket.TCP_NODELAY),
    }


@two_worlds("ipv4", "ipv6")
def test_ipv6_options_on_ipv4_and_back(place: Place) -> object:
    sock = place.datagram()
    return [
        outcome(sock.setsockopt, IP, socket.IP_TTL, 9),
        outcome(sock.getsockopt, IP, socket.IP_TTL),
        outcome(sock.setsockopt, IP6, socket.IPV6_UNICAST_HOPS, 9),
        outcome(sock.getsockopt, IP6, socket.IPV6_UNICAST_HOPS),
        outcome(sock.setsockopt, IP6, socket.IPV6_V6ONLY, 1),
    ]


@two_worlds("ipv4", "ipv6")
def test_values_of_other_forms(place: Place) -> object:
    sock = place.stream()
    reuse = socket.SO_REUSEADDR
    return {
        "octets": outcome(sock.setsockopt, SOL, reuse, struct.pack("i", 1)),
        "read": sock.getsockopt(SOL, reuse),
        "too short": outcome(sock.setsockopt, SOL, reuse, b"\1"),
        "too long": outcome(sock.setsockopt, SOL, reuse, bytes(9)),
        "read again": sock.getsockopt(SOL, reuse),
        "text": outcome(sock.setsockopt, SOL, reuse, "1"),
        "None": outcome(sock.setsockopt, SOL, reuse, None),
        "length": outcome(sock.setsockopt, SOL, reuse, None, 4),
        "float": outcome(sock.setsockopt, SOL, reuse, 1.0),
        "huge": outcome(sock.setsockopt, SOL, reuse, 1 << 40),
        "no value": outcome(sock.setsockopt, SOL, reuse),
        "true": outcome(sock.setsockopt, SOL, reuse, True),
    }


@two_worlds("ipv4", "ipv6")
def test_reading_into_buffers(place: Place) -> object:
    sock = place.stream()
    sock.setsockopt(SOL, socket.SO_RCVBUF, 10000)
    read = socket.SO_RCVBUF
    return [
        outcome(sock.getsockopt, SOL, read, size) for size in (1, 2, 3, 4, 8, 1024, 1025, 0, -1)
    ]


@two_worlds("ipv4", "ipv6")
@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_linger_values(place: Place, kind: str) -> object:
    sock = place.either(kind)
    seen: list[object] = [sock.getsockopt(SOL, socket.SO_LINGER, 8)]
    for value in (linger(5), struct.pack("ii", 0, 5), linger(0), b"\1", 1):
        seen.append(outcome(sock.setsockopt, SOL, socket.SO_LINGER, value))
        seen.append(sock.getsockopt(SOL, socket.SO_LINGER, 8))
    seen.append(outcome(sock.getsockopt, SOL, socket.SO_LINGER))
    return seen


@two_worlds("ipv4", "ipv6")
@pytest.mark.parametrize("option", ["SO_RCVTIMEO", "SO_SNDTIMEO"])
def test_timeout_options(place: Place, option: str) -> object:
    sock = place.stream()
    number = getattr(socket, option)
    seen = [sock.getsockopt(SOL, number, 16)]
    for value in ((1, 500_000), (0, 0), (-1, 0), (0, 1_000_000)):
        seen.append(outcome(sock.setsockopt, SOL, number, struct.pack("@ll", *value)))
        seen.append(sock.getsockopt(SOL, number, 16))
    seen.append(outcome(sock.setsockopt, SOL, number, 5))
    return seen


@two_worlds("ipv4", "ipv6")
def test_receive_timeout_works(place: Place) -> object:
    """The kernel's own timeout: EAGAIN from a blocking socket."""
    near, _ = place.pair()
    near.setsockopt(SOL, socket.SO_RCVTIMEO, struct.pack("@ll", 0, 20_000))
    listener = place.listener()
    listener.setsockopt(SOL, socket.SO_RCVTIMEO, struct.pack("@ll", 0, 20_000))
    return outcome(near.recv, 1), outcome(listener.accept), near.gettimeout()


@two_worlds("ipv4", "ipv6")
def test_send_timeout_works(place: Place) -> object:
    near, _ = place.pair()
    place.drained(near)
    near.setblocking(True)
    near.setsockopt(SOL, socket.SO_SNDTIMEO, struct.pack("@ll", 0, 20_000))
    return outcome(near.send, b"x")


@two_worlds("ipv4", "ipv6")
def test_low_water_mark_for_reading(place: Place) -> object:
    near, far = place.pair()
    far.setsockopt(SOL, socket.SO_RCVLOWAT, 5)
    near.send(b"abcd")
    settle()
    low = ready(far)
    near.send(b"e")
    arrives(far)
    return low, ready(far), far.recv(99)


@two_worlds("ipv6")
@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_v6only_is_settled_by_binding(place: Place, kind: str) -> object:
    sock = place.bound(kind)
    return set_and_read(sock, IP6, "IPV6_V6ONLY", 1)


@two_worlds("ipv4", "ipv6")
def test_options_of_a_connection(place: Place) -> object:
    near, _far = place.pair()
    state = near.getsockopt(TCP, socket.TCP_INFO, 104)
    return {
        "length of tcp_info": len(state),
        "state": state[0],
        "mss": near.getsockopt(TCP, socket.TCP_MAXSEG) > 500,
        "acceptconn": near.getsockopt(SOL, socket.SO_ACCEPTCONN),
        "error": near.getsockopt(SOL, socket.SO_ERROR),
        "mtu": outcome(near.getsockopt, IP6 if place.v6 else IP, IPV6_MTU if place.v6 else IP_MTU),
    }


@two_worlds("ipv4", "ipv6")
def test_states_in_tcp_info(place: Place) -> object:
    def state(sock: socket.socket) -> int:
        return int(sock.getsockopt(TCP, socket.TCP_INFO, 1)[0])

    fresh, listener = place.stream(), place.listener()
    near, far = place.pair()
    seen = [state(fresh), state(listener), state(near)]
    near.shutdown(socket.SHUT_WR)
    arrives(far)
    settle()
    return seen, state(near), state(far)


@two_worlds("ipv4", "ipv6")
def test_mtu_without_connection(place: Place) -> object:
    sock = place.datagram()
    return outcome(sock.getsockopt, IP6 if place.v6 else IP, IPV6_MTU if place.v6 else IP_MTU)


@two_worlds("ipv4", "ipv6")
@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_path_mtu_discovery(place: Place, kind: str) -> object:
    sock = place.either(kind)
    level, option = (IP6, IPV6_MTU_DISCOVER) if place.v6 else (IP, IP_MTU_DISCOVER)
    seen = [sock.getsockopt(level, option)]
    for value in (0, 2, 3, 9):
        seen.append(outcome(sock.setsockopt, level, option, value))
        seen.append(sock.getsockopt(level, option))
    return seen


@two_worlds("ipv4")
@pytest.mark.parametrize("option", [IP_FREEBIND, IP_PKTINFO, IP_RECVERR, IP_RECVTTL])
def test_switches_of_ipv4(place: Place, option: int) -> object:
    sock = place.datagram()
    before = sock.getsockopt(IP, option)
    return before, outcome(sock.setsockopt, IP, option, 1), sock.getsockopt(IP, option)


@two_worlds("ipv4", "ipv6")
def test_congestion_control(place: Place) -> object:
    sock = place.stream()
    option = socket.TCP_CONGESTION
    return {
        "reno": outcome(sock.setsockopt, TCP, option, b"reno"),
        "read": sock.getsockopt(TCP, option, 16),
        "read a part": sock.getsockopt(TCP, option, 3),
        "unknown": outcome(sock.setsockopt, TCP, option, b"nonesuch"),
        "unchanged": sock.getsockopt(TCP, option, 16),
    }


@two_worlds("ipv4", "ipv6")
def test_default_congestion_control(place: Place) -> object:
    return place.stream().getsockopt(TCP, socket.TCP_CONGESTION, 16).rstrip(b"\0") in {
        b"cubic",
        b"bbr",
        b"reno",
    }


@two_worlds("ipv4", "ipv6")
def test_bind_to_device(place: Place) -> object:
    sock = place.datagram()
    option = socket.SO_BINDTODEVICE
    return {
        "default": sock.getsockopt(SOL, option, 16),
        "unknown": outcome(sock.setsockopt, SOL, option, b"nonesuch0"),
        "lo": outcome(sock.setsockopt, SOL, option, b"lo\0"),
        "read": sock.getsockopt(SOL, option, 16),
    }


@two_worlds("ipv4", "ipv6")
def test_device_bound_sockets_still_talk(place: Place) -> object:
    here, there = place.datagram(), place.bound()
    here.setsockopt(SOL, socket.SO_BINDTODEVICE, b"lo\0")
    here.sendto(b"x", there.getsockname())
    arrives(there)
    return there.recv(9)


@two_worlds("ipv4", "ipv6")
def test_buffers_grow_on_a_connection(place: Place) -> object:
    """Linux sizes them itself, unless the program has."""
    near, far = place.pair()
    before = near.getsockopt(SOL, socket.SO_SNDBUF)
    assert before >= 16384
    near.sendall(b"x" * 1000)
    return exactly(far, 1000) == b"x" * 1000


@two_worlds("ipv4", "ipv6")
def test_options_through_a_duplicate(place: Place) -> object:
    sock = place.stream()
    copy = place.keep(sock.dup())
    sock.setsockopt(TCP, socket.TCP_NODELAY, 1)
    return copy.getsockopt(TCP, socket.TCP_NODELAY)


@two_worlds("ipv4", "ipv6")
def test_nonblocking_by_fcntl_and_ioctl(place: Place) -> object:
    sock = place.stream()
    import os

    seen = [fcntl.fcntl(sock, fcntl.F_GETFL) & os.O_NONBLOCK]
    sock.setblocking(False)
    seen.append(fcntl.fcntl(sock, fcntl.F_GETFL) & os.O_NONBLOCK)
    fcntl.fcntl(sock, fcntl.F_SETFL, fcntl.fcntl(sock, fcntl.F_GETFL) & ~os.O_NONBLOCK)
    seen.append(sock.getblocking())
    seen.append(os.get_blocking(sock.fileno()))
    fcntl.ioctl(sock, 0x5421, struct.pack("i", 1))  # FIONBIO
    seen.append(os.get_blocking(sock.fileno()))
    return seen, fcntl.fcntl(sock, fcntl.F_GETFD)
