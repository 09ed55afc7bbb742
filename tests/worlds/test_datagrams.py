"""UDP: datagrams whole, cut, empty, refused, broadcast and to groups."""

from __future__ import annotations

import errno
import fcntl
import socket
import struct
import termios

import pytest

from tests.worlds.stage import (
    Place,
    arrives,
    becomes,
    outcome,
    pending_error,
    ready,
    settle,
    two_worlds,
)

SOL = socket.SOL_SOCKET


@two_worlds("ipv4", "ipv6")
def test_there_and_back(place: Place) -> object:
    here, there = place.datagrams()
    sent = here.sendto(b"ping", there.getsockname())
    data, address = there.recvfrom(100)
    there.sendto(b"pong", address)
    again, back = here.recvfrom(100)
    assert address == here.getsockname()
    assert back == there.getsockname()
    return sent, data, again, len(address)


@two_worlds("ipv4", "ipv6")
def test_sending_finds_a_port(place: Place) -> object:
    here, there = place.datagram(), place.bound()
    here.sendto(b"x", there.getsockname())
    _, address = there.recvfrom(9)
    return here.getsockname()[0], here.getsockname()[1] == address[1], address[0]


@two_worlds("ipv4", "ipv6")
def test_order_and_borders(place: Place) -> object:
    here, there = place.datagrams()
    for number in range(20):
        here.sendto(bytes([number]) * number, there.getsockname())
    return [there.recv(100) for _ in range(20)]


@two_worlds("ipv4", "ipv6")
def test_datagram_is_cut_to_the_buffer(place: Place) -> object:
    here, there = place.datagrams()
    here.sendto(b"abcdef", there.getsockname())
    here.sendto(b"next", there.getsockname())
    return there.recv(3), there.recv(100)


@two_worlds("ipv4", "ipv6")
def test_empty_datagram(place: Place) -> object:
    here, there = place.datagrams()
    sent = here.sendto(b"", there.getsockname())
    arrives(there)
    data, address = there.recvfrom(100)
    return sent, data, address == here.getsockname(), ready(there)


@two_worlds("ipv4", "ipv6")
def test_recv_of_nothing_takes_a_datagram(place: Place) -> object:
    here, there = place.datagrams()
    here.sendto(b"abc", there.getsockname())
    here.sendto(b"def", there.getsockname())
    arrives(there)
    return there.recv(0), there.recv(9)


@two_worlds("ipv4", "ipv6")
@pytest.mark.parametrize("size", [1, 1472, 1500, 9000, 60000, 65507])
def test_size(place: Place, size: int) -> object:
    here, there = place.datagrams()
    data = bytes(range(256)) * (size // 256 + 1)
    sent = here.sendto(data[:size], there.getsockname())
    return sent, there.recv(70000) == data[:size]


@two_worlds("ipv4", "ipv6")
@pytest.mark.parametrize("size", [65508, 65527, 65528, 65536, 100000])
def test_too_large(place: Place, size: int) -> object:
    here, there = place.datagrams()
    seen = outcome(here.sendto, bytes(size), there.getsockname())
    here.sendto(b"fits", there.getsockname())
    return seen, len(there.recv(200000))


@two_worlds("ipv4", "ipv6")
def test_nowhere_to_send(place: Place) -> object:
    sock = place.datagram()
    return {
        "send": outcome(sock.send, b"x"),
        "sendall": outcome(sock.sendall, b"x"),
        "sendmsg": outcome(sock.sendmsg, [b"x"]),
        "port 0": outcome(sock.sendto, b"x", place.at(0)),
    }


@two_worlds("ipv4", "ipv6")
def test_forms_of_sendto(place: Place) -> object:
    here, there = place.datagrams()
    at = there.getsockname()
    return [
        outcome(here.sendto, b"a", at),
        outcome(here.sendto, b"b", 0, at),
        outcome(here.sendto, b"c"),
        outcome(here.sendto, "d", at),
        outcome(here.sendto, b"e", 0, at, 1),
        outcome(here.sendto, b"f", at, 0),
        outcome(here.sendto, b"g", None),
        outcome(here.sendto, b"h", (at[0], 70000)),
        outcome(here.sendto, b"i", at[:1]),
    ]


@two_worlds("ipv4", "ipv6")
def test_connected(place: Place) -> object:
    here, there = place.datagrams()
    here.connect(there.getsockname())
    sent = here.send(b"hello")
    data, address = there.recvfrom(9)
    there.sendto(b"back", address)
    back = here.recvfrom(9)
    assert here.getpeername() == there.getsockname()
    return sent, data, back[0], back[1] == there.getsockname()


@two_worlds("ipv4", "ipv6")
def test_connected_hears_its_peer_only(place: Place) -> object:
    here, there = place.datagrams()
    stranger = place.bound()
    here.connect(there.getsockname())
    stranger.sendto(b"strange", here.getsockname())
    there.sendto(b"known", here.getsockname())
    arrives(here)
    here.setblocking(False)
    return here.recv(9), outcome(here.recv, 9)


@two_worlds("ipv4", "ipv6")
def test_stranger_to_a_connected_socket_is_refused(place: Place) -> object:
    here, there = place.datagrams()
    stranger = place.bound()
    here.connect(there.getsockname())
    stranger.connect(here.getsockname())
    stranger.send(b"x")
    becomes(stranger, "ERR")
    return pending_error(stranger)


@two_worlds("ipv4", "ipv6")
def test_connected_may_send_elsewhere(place: Place) -> object:
    here, there = place.datagrams()
    third = place.bound()
    here.connect(there.getsockname())
    sent = outcome(here.sendto, b"x", third.getsockname())
    arrives(third)
    return sent, third.recv(9)


@two_worlds("ipv4", "ipv6")
def test_connected_again_elsewhere(place: Place) -> object:
    here, there = place.datagrams()
    third = place.bound()
    here.connect(there.getsockname())
    here.connect(third.getsockname())
    here.send(b"x")
    return third.recv(9), here.getpeername() == third.getsockname()


@two_worlds("ipv4", "ipv6")
def test_connect_names_the_socket(place: Place) -> object:
    here, there = place.datagram(), place.bound()
    here.connect(there.getsockname())
    return here.getsockname()[0], here.getsockname()[1] > 0, ready(here)


@two_worlds("ipv4", "ipv6")
def test_wildcard_socket_gets_a_name_by_connecting(place: Place) -> object:
    here, there = place.bound(host=place.wildcard), place.bound()
    port = here.getsockname()[1]
    here.connect(there.getsockname())
    return here.getsockname()[0], here.getsockname()[1] == port


@two_worlds("ipv4", "ipv6")
def test_what_came_before_connect_stays(place: Place) -> object:
    here, there = place.datagrams()
    stranger = place.bound()
    stranger.sendto(b"early", here.getsockname())
    arrives(here)
    here.connect(there.getsockname())
    return here.recv(9)


@two_worlds("ipv4", "ipv6")
def test_refused_when_connected(place: Place) -> object:
    sock = place.datagram()
    sock.connect(place.at(place.free_port("udp")))
    first = sock.send(b"x")
    shown = becomes(sock, "ERR")
    return first, shown, outcome(sock.recv, 9), ready(sock)


@two_worlds("ipv4", "ipv6")
def test_refused_told_by_the_next_send(place: Place) -> object:
    sock = place.datagram()
    sock.connect(place.at(place.free_port("udp")))
    sock.send(b"x")
    becomes(sock, "ERR")
    return outcome(sock.send, b"y"), outcome(sock.send, b"z")


@two_worlds("ipv4", "ipv6")
def test_refused_told_by_so_error(place: Place) -> object:
    sock = place.datagram()
    sock.connect(place.at(place.free_port("udp")))
    sock.send(b"x")
    becomes(sock, "ERR")
    sock.setblocking(False)
    return pending_error(sock), pending_error(sock), outcome(sock.recv, 9)


@two_worlds("ipv4", "ipv6")
def test_refused_in_a_blocking_recv(place: Place) -> object:
    sock = place.datagram()
    sock.connect(place.at(place.free_port("udp")))
    sock.send(b"x")
    return outcome(sock.recv, 9)


@two_worlds("ipv4", "ipv6")
def test_unconnected_is_not_told(place: Place) -> object:
    sock = place.bound()
    at = place.at(place.free_port("udp"))
    sent = [sock.sendto(b"x", at), sock.sendto(b"y", at)]
    settle()
    sock.setblocking(False)
    return sent, ready(sock), outcome(sock.recv, 9)


@two_worlds("ipv4")
def test_unconnected_is_told_if_it_asks(place: Place) -> object:
    """IP_RECVERR: errors of every destination are reported."""
    sock = place.bound()
    sock.setsockopt(socket.IPPROTO_IP, 11, 1)
    at = place.at(place.free_port("udp"))
    sock.sendto(b"x", at)
    becomes(sock, "ERR")
    return outcome(sock.recv, 9)


@two_worlds("ipv4", "ipv6")
def test_nothing_there(place: Place) -> object:
    sock = place.bound()
    sock.setblocking(False)
    now = outcome(sock.recvfrom, 9)
    sock.settimeout(0.02)
    return now, outcome(sock.recvfrom, 9), ready(sock)


@two_worlds("ipv4", "ipv6")
def test_unbound_socket_hears_nothing(place: Place) -> object:
    sock = place.datagram()
    sock.settimeout(0.01)
    return outcome(sock.recv, 9), sock.getsockname()[1]


@two_worlds("ipv4", "ipv6")
def test_recvfrom_into(place: Place) -> object:
    here, there = place.datagrams()
    here.sendto(b"abcdef", there.getsockname())
    here.sendto(b"ghijkl", there.getsockname())
    arrives(there)
    buffer = bytearray(b"........")
    count, address = there.recvfrom_into(buffer)
    again = there.recvfrom_into(buffer, 3)[0]
    return count, address == here.getsockname(), again, bytes(buffer)


@two_worlds("ipv4", "ipv6")
def test_receive_buffer_is_limited(place: Place) -> object:
    """What does not fit is lost, and nobody is told."""
    here, there = place.datagrams()
    there.setsockopt(SOL, socket.SO_RCVBUF, 10000)
    for number in range(100):
        here.sendto(bytes([number]) * 1000, there.getsockname())
    settle()
    there.setblocking(False)
    got = []
    while not isinstance(data := outcome(there.recv, 2000), str):
        got.append(data[0])
    return got == list(range(len(got))), 0 < len(got) < 40


@two_worlds("ipv4", "ipv6")
def test_next_datagrams_size_by_ioctl(place: Place) -> object:
    here, there = place.datagrams()

    def unread() -> int:
        return int(struct.unpack("i", fcntl.ioctl(there, termios.FIONREAD, bytes(4)))[0])

    seen = [unread()]
    here.sendto(b"abc", there.getsockname())
    here.sendto(b"defgh", there.getsockname())
    settle()
    seen.append(unread())
    there.recv(1)
    return seen, unread()


@two_worlds("ipv4", "ipv6")
def test_to_oneself(place: Place) -> object:
    sock = place.bound()
    sock.sendto(b"me", sock.getsockname())
    data, address = sock.recvfrom(9)
    return data, address == sock.getsockname()


@two_worlds("ipv4", "ipv6")
def test_wildcard_means_this_host(place: Place) -> object:
    here, there = place.datagram(), place.bound()
    here.sendto(b"x", place.at(there.getsockname()[1], place.wildcard))
    data, address = there.recvfrom(9)
    return data, address[0]


@two_worlds("ipv4")
def test_answer_comes_from_the_address_asked(place: Place) -> object:
    """To a connected caller: a bound server's answers have the address that it was called by."""
    server = place.bound(host="127.0.0.5")
    caller = place.datagram()
    caller.connect(server.getsockname())
    caller.send(b"?")
    _, address = server.recvfrom(9)
    server.sendto(b"!", address)
    return address[0], caller.recvfrom(9)[0], caller.getsockname()[0]


@two_worlds("ipv6")
def test_dual_stack(place: Place) -> object:
    both = place.datagram()
    both.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    both.bind(("::", 0))
    four = place.keep(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    four.bind(("127.0.0.1", 0))
    four.sendto(b"x", ("127.0.0.1", both.getsockname()[1]))
    data, address = both.recvfrom(9)
    both.sendto(b"y", address)
    return data, address[0], address[2:], four.recvfrom(9)[0]


@two_worlds("ipv6")
def test_mapped_address_from_an_ipv6_only_socket(place: Place) -> object:
    sock = place.datagram()
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    return outcome(sock.sendto, b"x", ("::ffff:127.0.0.1", 9))


@two_worlds("ipv4")
def test_broadcast_needs_permission(place: Place) -> object:
    sock = place.datagram()
    at = ("127.255.255.255", 9)
    seen = [outcome(sock.sendto, b"x", at), outcome(sock.connect, at)]
    sock.setsockopt(SOL, socket.SO_BROADCAST, 1)
    return seen, outcome(sock.sendto, b"x", at), outcome(sock.connect, at)


@two_worlds("ipv4")
def test_broadcast_reaches_everybody_on_the_port(place: Place) -> object:
    first, second = place.datagram(), place.datagram()
    for sock in (first, second):
        sock.setsockopt(SOL, socket.SO_REUSEADDR, 1)
    first.bind(("0.0.0.0", 0))
    second.bind(first.getsockname())
    sender = place.datagram()
    sender.setsockopt(SOL, socket.SO_BROADCAST, 1)
    sender.sendto(b"all", ("127.255.255.255", first.getsockname()[1]))
    arrives(first, second)
    return first.recv(9), second.recv(9)


# ---------------------------------------------------------------- groups

GROUP = "239.1.2.3"


def membership(host: str = "127.0.0.1", group: str = GROUP) -> bytes:
    return socket.inet_aton(group) + socket.inet_aton(host)


@two_worlds("ipv4")
def test_membership(place: Place) -> object:
    sock = place.datagram()
    level, join, leave = socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.IP_DROP_MEMBERSHIP
    return {
        "leave what was not joined": outcome(sock.setsockopt, level, leave, membership()),
        "join": outcome(sock.setsockopt, level, join, membership()),
        "join twice": outcome(sock.setsockopt, level, join, membership()),
        "no group": outcome(sock.setsockopt, level, join, membership(group="10.0.0.1")),
        "no such interface": outcome(sock.setsockopt, level, join, membership("203.0.113.7")),
        "too short": outcome(sock.setsockopt, level, join, b"1234"),
        "leave": outcome(sock.setsockopt, level, leave, membership()),
        "leave twice": outcome(sock.setsockopt, level, leave, membership()),
    }


@two_worlds("ipv6")
def test_membership_v6(place: Place) -> object:
    sock = place.datagram()
    level = socket.IPPROTO_IPV6
    join, leave = socket.IPV6_JOIN_GROUP, socket.IPV6_LEAVE_GROUP
    lo = socket.if_nametoindex("lo")

    def request(group: str, index: int) -> bytes:
        return socket.inet_pton(socket.AF_INET6, group) + struct.pack("@I", index)

    return {
        "leave what was not joined": outcome(sock.setsockopt, level, leave, request("ff02::5", lo)),
        "join": outcome(sock.setsockopt, level, join, request("ff02::5", lo)),
        "join twice": outcome(sock.setsockopt, level, join, request("ff02::5", lo)),
        "no group": outcome(sock.setsockopt, level, join, request("2001:db8::1", lo)),
        "no such interface": outcome(sock.setsockopt, level, join, request("ff02::5", 9999)),
        "too short": outcome(sock.setsockopt, level, join, b"1234"),
        "leave": outcome(sock.setsockopt, level, leave, request("ff02::5", lo)),
        "leave twice": outcome(sock.setsockopt, level, leave, request("ff02::5", lo)),
    }


def group_pair(place: Place) -> tuple[socket.socket, socket.socket, tuple[str, int]]:
    """A sender whose groups go out by the loopback, a member, and where to send."""
    member = place.datagram()
    member.bind(("0.0.0.0", 0))
    member.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership())
    sender = place.datagram()
    sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
    return sender, member, (GROUP, member.getsockname()[1])


@two_worlds("ipv4")
def test_group_on_the_loopback(place: Place) -> object:
    sender, member, at = group_pair(place)
    sent = sender.sendto(b"group", at)
    data, address = member.recvfrom(9)
    return sent, data, address[0]


@two_worlds("ipv4")
def test_group_that_was_left(place: Place) -> object:
    sender, member, at = group_pair(place)
    member.setsockopt(socket.IPPROTO_IP, socket.IP_DROP_MEMBERSHIP, membership())
    sender.sendto(b"group", at)
    settle()
    member.setblocking(False)
    return outcome(member.recv, 9)


@two_worlds("ipv4")
def test_interface_for_groups(place: Place) -> object:
    sock = place.datagram()
    level, option = socket.IPPROTO_IP, socket.IP_MULTICAST_IF
    seen = [sock.getsockopt(level, option, 4)]
    for host in ("127.0.0.1", "203.0.113.7", "0.0.0.0"):
        seen.append(outcome(sock.setsockopt, level, option, socket.inet_aton(host)))
        seen.append(sock.getsockopt(level, option, 4))
    return seen


@two_worlds("ipv4", "ipv6")
def test_loopback_does_not_wait_for_anyone(place: Place) -> object:
    here, there = place.datagrams()
    here.sendto(b"now", there.getsockname())
    return outcome(there.recv, 9, socket.MSG_DONTWAIT)


@two_worlds("ipv4", "ipv6")
def test_refusal_does_not_wait_for_anyone(place: Place) -> object:
    sock = place.datagram()
    sock.connect(place.at(place.free_port("udp")))
    sock.setblocking(False)
    sock.send(b"x")
    return errno.errorcode[sock.getsockopt(SOL, socket.SO_ERROR)]


@two_worlds("ipv4", "ipv6")
def test_sendall_sends_one_datagram(place: Place) -> object:
    here, there = place.datagrams()
    here.connect(there.getsockname())
    return here.sendall(bytes(5000)), len(there.recv(9000))


def may_ping() -> bool:
    """Whether this machine lets anybody send echo requests (net.ipv4.ping_group_range)."""
    try:
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP).close()
    except OSError:
        return False
    return True


@two_worlds("ipv4", "ipv6")
@pytest.mark.skipif(not may_ping(), reason="ping sockets are not for this user here")
def test_ping(place: Place) -> object:
    kind, answer = (128, 129) if place.v6 else (8, 0)
    protocol = socket.IPPROTO_ICMPV6 if place.v6 else socket.IPPROTO_ICMP
    sock = place.keep(socket.socket(place.family, socket.SOCK_DGRAM, protocol))
    sock.sendto(struct.pack("!BBHHH", kind, 0, 0, 0, 7) + b"payload", place.at(0))
    data, address = sock.recvfrom(100)
    return data[0] == answer, data[6:], address[0]
