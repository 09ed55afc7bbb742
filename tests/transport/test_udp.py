"""UDP between two hosts: who gets a datagram, what errors come back, what options do on the wire."""

from __future__ import annotations

import errno
import struct

import pytest

from tests.transport.two_hosts import ANY, ELSEWHERE, NOBODY, A, B, TwoHosts
from trunkline.base.addresses import parse_address
from trunkline.system.descriptors import SocketDescription
from trunkline.transport.ports import EPHEMERAL_HIGH, EPHEMERAL_LOW
from trunkline.wire.ethernet import Ethernet
from trunkline.wire.frame import build, decode, encode
from trunkline.wire.header import ETHERTYPE_IPV4, ETHERTYPE_IPV6, ICMP, ICMPV6, UDP, IpHeader
from trunkline.wire.icmp import Icmp
from trunkline.wire.ipv4 import IPv4
from trunkline.wire.ipv6 import IPv6
from trunkline.wire.packet import Packet
from trunkline.wire.udp import Udp

versions = pytest.mark.parametrize("version", [4, 6])
SOL_SOCKET, IP, IPV6 = 1, 0, 41


def number(value: int) -> bytes:
    return struct.pack("i", value)


def drain(socket: SocketDescription) -> list[bytes]:
    got = []
    while (data := socket.recv(70000, 0)) is not None:
        got.append(data)
    return got


def errno_of(call: object, *arguments: object) -> str:
    with pytest.raises(OSError) as caught:
        call(*arguments)  # type: ignore[operator]
    return errno.errorcode[caught.value.errno or 0]


@versions
@pytest.mark.parametrize("strict", [False, True])
def test_there_and_back(version: int, strict: bool) -> None:
    net = TwoHosts(strict)
    here, there = net.socket(net.a, version), net.bound(net.b, version, port=53)
    assert here.send_to(b"question", 0, (B[version], 53, 0, 0)) == 8
    net.run()
    message = there.recv_message(100, 0)
    assert message is not None
    assert message.data == b"question"
    assert message.address[0] == A[version]
    assert EPHEMERAL_LOW <= message.address[1] <= EPHEMERAL_HIGH
    there.send_to(b"answer", 0, message.address)
    net.run()
    answer = here.recv_message(100, 0)
    assert answer is not None
    assert (answer.data, answer.address[:2]) == (b"answer", (B[version], 53))


@versions
def test_the_ports_of_two_worlds_are_the_same_and_of_two_sockets_not(version: int) -> None:
    ports = []
    for _world in range(2):
        net = TwoHosts()
        for _socket in range(3):
            socket = net.socket(net.a, version)
            socket.send_to(b"x", 0, (B[version], 9, 0, 0))
            ports.append(socket.getsockname()[1])
    assert ports[:3] == ports[3:]
    assert len(set(ports)) == 3


@versions
def test_nobody_has_the_port(version: int) -> None:
    net = TwoHosts()
    one, other = net.socket(net.a, version), net.socket(net.a, version)
    one.connect((B[version], 9, 0, 0))
    one.send(b"x", 0)
    other.send_to(b"x", 0, (B[version], 9, 0, 0))
    net.run()
    assert one.readiness() & 8
    assert errno_of(one.send, b"x", 0) == "ECONNREFUSED"
    assert one.send(b"x", 0) == 1
    assert other.readiness() & 8 == 0  # nobody knows whom it would concern
    net.run()
    assert errno_of(one.recv, 1, 0) == "ECONNREFUSED"
    assert net.b.transport.udp.statistics()["unknown ports"] == 3


@versions
def test_a_socket_that_asks_hears_of_every_error(version: int) -> None:
    net = TwoHosts()
    socket = net.bound(net.a, version)
    socket.setsockopt(*((IP, 11) if version == 4 else (IPV6, 25)), number(1))
    socket.send_to(b"x", 0, (B[version], 9, 0, 0))
    net.run()
    assert errno_of(socket.recv, 1, 0) == "ECONNREFUSED"
    socket.send_to(b"x", 0, (NOBODY[version], 9, 0, 0))
    net.run(5000)
    assert errno_of(socket.send_to, b"x", 0, (B[version], 9, 0, 0)) == "EHOSTUNREACH"


@versions
def test_no_way(version: int) -> None:
    net = TwoHosts()
    socket = net.socket(net.a, version)
    assert errno_of(socket.send_to, b"x", 0, (ELSEWHERE[version], 9, 0, 0)) == "ENETUNREACH"
    assert errno_of(socket.connect, (ELSEWHERE[version], 9, 0, 0)) == "ENETUNREACH"
    bound = net.bound(net.a, version, A[version])
    assert errno_of(bound.connect, (ELSEWHERE[version], 9, 0, 0)) == "ENETUNREACH"
    loopback = net.bound(net.a, version, parse_address("127.0.0.1" if version == 4 else "::1"))
    if version == 4:
        assert errno_of(loopback.send_to, b"x", 0, (B[version], 9, 0, 0)) == "EINVAL"


@versions
def test_best_match(version: int) -> None:
    """Connected before bound to the address before wildcard."""
    net = TwoHosts()
    caller = net.bound(net.a, version, port=1000)
    sockets = []
    for address in (ANY[version], B[version], B[version]):
        socket = net.socket(net.b, version)
        socket.setsockopt(SOL_SOCKET, 2, number(1))
        socket.bind((address, 53, 0, 0))
        sockets.append(socket)
    sockets[2].connect((A[version], 1000, 0, 0))
    for socket in reversed(sockets):
        caller.send_to(b"x", 0, (B[version], 53, 0, 0))
        net.run()
        assert [drain(each) for each in sockets] == [
            [b"x"] if each is socket else [] for each in sockets
        ]
        socket.release()


@versions
def test_a_group_of_sockets_shares_by_flow(version: int) -> None:
    net = TwoHosts()
    servers = []
    for _ in range(3):
        socket = net.socket(net.b, version)
        socket.setsockopt(SOL_SOCKET, 15, number(1))
        socket.bind((ANY[version], 53, 0, 0))
        servers.append(socket)
    callers = [net.bound(net.a, version) for _ in range(30)]
    for _round in range(2):
        for at, caller in enumerate(callers):
            caller.send_to(bytes((at,)), 0, (B[version], 53, 0, 0))
    net.run()
    got = [drain(server) for server in servers]
    assert sum(len(each) for each in got) == 60
    assert all(each for each in got)
    for each in got:  # both datagrams of a flow met the same server
        assert all(each.count(data) == 2 for data in each)


@versions
def test_a_device_of_its_own(version: int) -> None:
    net = TwoHosts()
    caller = net.socket(net.a, version)
    wired, looped = net.socket(net.b, version), net.socket(net.b, version)
    wired.setsockopt(SOL_SOCKET, 25, b"eth0")
    looped.setsockopt(SOL_SOCKET, 25, b"lo")
    for socket in (wired, looped):
        socket.bind((ANY[version], 53, 0, 0))
    caller.send_to(b"by wire", 0, (B[version], 53, 0, 0))
    net.socket(net.b, version).send_to(b"at home", 0, (B[version], 53, 0, 0))
    net.run()
    assert (drain(wired), drain(looped)) == ([b"by wire"], [b"at home"])


@versions
def test_hop_limit_and_class_go_out(version: int) -> None:
    net = TwoHosts()
    socket = net.socket(net.a, version)
    there = net.bound(net.b, version, port=53)
    hops, tos = ((IP, 2), (IP, 1)) if version == 4 else ((IPV6, 16), (IPV6, 67))
    tells = [(IP, 12), (IP, 13), (IP, 8)] if version == 4 else [(IPV6, 51), (IPV6, 66), (IPV6, 49)]
    socket.setsockopt(*hops, number(9))
    socket.setsockopt(*tos, number(0x48))
    for option in tells:
        there.setsockopt(*option, number(1))
    socket.send_to(b"x", 0, (B[version], 53, 0, 0))
    net.run()
    message = there.recv_message(10, 0)
    assert message is not None
    assert (message.hop_limit, message.traffic_class) == (9, 0x48)
    assert (message.to, message.nic) == (B[version], 2)


def test_a_checksum_may_be_left_out() -> None:
    """IPv4 only: IPv6 has no other."""
    net = TwoHosts(strict=True)
    for version in (4, 6):
        socket, there = net.socket(net.a, version), net.bound(net.b, version)
        socket.setsockopt(SOL_SOCKET, 11, number(1))
        socket.send_to(b"x", 0, (B[version], there.getsockname()[1], 0, 0))
        net.run()
        assert drain(there) == [b"x"]
        header = [
            packet.upper for _nic, packet in net.frames.sent if isinstance(packet.upper, Udp)
        ][-1]
        assert isinstance(header, Udp)
        assert header.checksummed == (version == 6)


@versions
@pytest.mark.parametrize("strict", [False, True])
def test_large_datagrams_come_in_pieces(version: int, strict: bool) -> None:
    net = TwoHosts(strict)
    socket, there = net.socket(net.a, version), net.bound(net.b, version)
    data = bytes(range(256)) * 250
    socket.send_to(data, 0, (B[version], there.getsockname()[1], 0, 0))
    net.run()
    assert drain(there) == [data]
    assert len(net.frames.sent) > 40


def test_do_not_fragment() -> None:
    net = TwoHosts()
    socket = net.socket(net.a, 4)
    for mode, small, large in ((0, False, "sent"), (1, True, "sent"), (2, True, "EMSGSIZE")):
        socket.setsockopt(IP, 10, number(mode))
        socket.send_to(b"x", 0, (B[4], 9, 0, 0))
        net.run()
        sent = [p for nic, p in net.frames.sent if isinstance(p.upper, Udp)][-1]
        assert isinstance(sent.ip, IPv4)
        assert sent.ip.dont_fragment == small
        if large == "sent":
            assert socket.send_to(bytes(3000), 0, (B[4], 9, 0, 0)) == 3000
        else:
            assert errno_of(socket.send_to, bytes(3000), 0, (B[4], 9, 0, 0)) == large


@versions
def test_a_full_queue_drops_and_counts(version: int) -> None:
    net = TwoHosts()
    socket, there = net.socket(net.a, version), net.bound(net.b, version)
    there.setsockopt(SOL_SOCKET, 8, number(5000))
    for _ in range(30):
        socket.send_to(b"x" * 100, 0, (B[version], there.getsockname()[1], 0, 0))
    net.run()
    got = len(drain(there))
    assert got == 12  # 10,000 octets in Linux's accounts
    counts = net.b.transport.udp.statistics()
    assert (counts["received"], counts["full queues"]) == (got, 30 - got)


@versions
def test_groups(version: int) -> None:
    """UDP-026: every socket that joined on that NIC gets a copy; so does the sender's own host."""
    net = TwoHosts()
    group = parse_address("239.7.7.7" if version == 4 else "ff02::7777")
    level, join, leave, loop = (IP, 35, 36, 34) if version == 4 else (IPV6, 20, 21, 19)
    listeners = []
    for host, count in ((net.a, 1), (net.b, 2)):
        for _ in range(count):
            socket = net.socket(host, version)
            socket.setsockopt(SOL_SOCKET, 2, number(1))
            socket.bind((ANY[version], 5353, 0, 0))
            index = number(2)
            request = group + bytes(4) + index if version == 4 else group + index
            socket.setsockopt(level, join, request)
            listeners.append((socket, request))
    away = net.bound(net.b, version, B[version], 5353 + 1)
    sender = net.socket(net.a, version)
    sender.setsockopt(
        *((IP, 32) if version == 4 else (IPV6, 17)), A[4] if version == 4 else number(2)
    )
    sender.send_to(b"one", 0, (group, 5353, 0, 2))
    net.run()
    assert [drain(socket) for socket, _ in listeners] == [[b"one"]] * 3
    sender.setsockopt(level, loop, number(0))
    sender.send_to(b"two", 0, (group, 5353, 0, 2))
    net.run()
    assert [drain(socket) for socket, _ in listeners] == [[], [b"two"], [b"two"]]
    listeners[1][0].setsockopt(level, 49 if version == 4 else 29, number(0))
    listeners[1][0].setsockopt(level, leave, listeners[1][1])
    sender.send_to(b"three", 0, (group, 5353, 0, 2))
    net.run()
    assert [drain(socket) for socket, _ in listeners] == [[], [], [b"three"]]
    listeners[2][0].release()
    sender.send_to(b"four", 0, (group, 5353, 0, 2))
    net.run()
    assert group not in net.wires[1].groups
    assert drain(away) == []
    sent = [p for nic, p in net.frames.sent if p.ip is not None and p.ip.dst == group]
    assert {p.ip.hop_limit for p in sent if p.ip is not None} == {1}


def test_broadcast() -> None:
    net = TwoHosts()
    sender = net.socket(net.a, 4)
    ears = []
    for address in (ANY[4], parse_address("10.0.1.255"), B[4]):
        socket = net.socket(net.b, 4)
        socket.setsockopt(SOL_SOCKET, 2, number(1))
        socket.bind((address, 67, 0, 0))
        ears.append(socket)
    for target in ("10.0.1.255", "255.255.255.255"):
        where = (parse_address(target), 67, 0, 0)
        sender.setsockopt(SOL_SOCKET, 6, number(0))
        assert errno_of(sender.send_to, b"x", 0, where) == "EACCES"
        sender.setsockopt(SOL_SOCKET, 6, number(1))
        sender.send_to(target.encode(), 0, where)
        net.run()
    # nothing is said about a broadcast to nobody's port
    sender.send_to(b"x", 0, (parse_address("10.0.1.255"), 68, 0, 0))
    net.run()
    assert drain(ears[0]) == [b"10.0.1.255", b"255.255.255.255"]
    assert drain(ears[1]) == [b"10.0.1.255"]
    assert drain(ears[2]) == []
    assert net.b.internet.counters.get("icmp: errors sent") == 0


def test_link_local_needs_a_scope() -> None:
    net = TwoHosts()
    local = []
    for host, nic in zip(net.hosts, net.wires, strict=True):
        address = parse_address(f"fe80::{nic.mac[5]}")
        host.internet.add_address(nic, address, 64, 0)
        local.append(address)
    there = net.bound(net.b, 6, port=53)
    here = net.socket(net.a, 6)
    assert errno_of(net.socket(net.a, 6).bind, (local[0], 9, 0, 0)) == "EINVAL"
    assert errno_of(net.socket(net.a, 6).bind, (local[1], 9, 0, 2)) == "EADDRNOTAVAIL"
    assert errno_of(net.socket(net.a, 6).bind, (local[0], 9, 0, 77)) == "ENODEV"
    here.bind((local[0], 0, 0, 2))
    here.connect((local[1], 53, 0, 2))
    assert here.getpeername() == (local[1], 53, 0, 2)
    here.send(b"x", 0)
    net.run()
    message = there.recv_message(10, 0)
    assert message is not None
    assert message.address == (local[0], here.getsockname()[1], 0, 2)
    there.send_to(b"back", 0, message.address)
    net.run()
    assert drain(here) == [b"back"]


@versions
def test_a_connected_socket_learns_the_path_mtu(version: int) -> None:
    net = TwoHosts()
    socket = net.socket(net.a, version)
    mtu = (IP, 14) if version == 4 else (IPV6, 24)
    assert errno_of(socket.getsockopt, *mtu, 4) == "ENOTCONN"
    socket.connect((B[version], 9, 0, 0))
    assert socket.getsockopt(*mtu, 4) == number(1500)


@versions
@pytest.mark.parametrize(
    ("mode", "pieces", "mtu", "dont_fragment"),
    [
        (0, (2, 3), 1300, False),  # IP_PMTUDISC_DONT
        (1, (2, 3), 1300, False),  # WANT: DF only where it fits
        (2, (0, 0), 1300, True),  # DO
        (3, (1, 0), 1500, True),  # PROBE: what the link takes, whatever routers said
        (4, (1, 0), 1500, False),  # INTERFACE
        (5, (1, 3), 1500, False),  # OMIT
    ],
)
def test_what_was_told_of_the_path_counts_as_the_socket_says(
    version: int, mode: int, pieces: tuple[int, int], mtu: int, dont_fragment: bool
) -> None:
    """As Linux (ip_sk_use_pmtu, ip_sk_ignore_df), on a link of 1,500 octets and a path of 1,300."""
    net = TwoHosts()
    there = net.bound(net.b, version)
    where = (B[version], there.getsockname()[1], 0, 0)
    socket = net.socket(net.a, version)
    socket.setsockopt(*((IP, 10) if version == 4 else (IPV6, 23)), number(mode))
    assert net.a.internet.path_mtus.lower(B[version], 1300, 1500, net.loop.now)
    for size, count in zip((1400, 3000), pieces, strict=True):
        net.frames.sent.clear()
        if count == 0:
            assert errno_of(socket.send_to, bytes(size), 0, where) == "EMSGSIZE"
            continue
        assert socket.send_to(bytes(size), 0, where) == size
        net.run()
        assert drain(there) == [bytes(size)]
        sent = [p for _nic, p in net.frames.sent if p.ip is not None and len(p.payload) > 40]
        assert len(sent) == count
        assert 1280 < max(packet.ip_length() for packet in sent) <= mtu
        for packet in sent:
            assert not isinstance(packet.ip, IPv4) or packet.ip.dont_fragment == dont_fragment


def test_on_a_path_narrower_than_any_estimate_do_still_refuses() -> None:
    """As Linux: WANT lets such datagrams be cut on the way, DO does not."""
    net = TwoHosts()
    socket = net.socket(net.a, 4)
    assert net.a.internet.path_mtus.lower(B[4], 300, 1500, net.loop.now)
    assert socket.send_to(bytes(1000), 0, (B[4], 9, 0, 0)) == 1000
    socket.setsockopt(IP, 10, number(2))
    assert errno_of(socket.send_to, bytes(1000), 0, (B[4], 9, 0, 0)) == "EMSGSIZE"
    assert socket.send_to(bytes(500), 0, (B[4], 9, 0, 0)) == 500


@pytest.mark.parametrize("mode", [3, 4, 5])
def test_the_largest_datagram_to_oneself_whatever_the_mode(mode: int) -> None:
    """A loopback has room for an octet more than an IPv4 length can tell."""
    net = TwoHosts()
    socket = net.socket(net.a, 4)
    socket.setsockopt(IP, 10, number(mode))
    for size in (65508, 65509, 65535):
        assert errno_of(socket.send_to, bytes(size), 0, (A[4], 9, 0, 0)) == "EMSGSIZE"
    assert socket.send_to(bytes(65507), 0, (A[4], 9, 0, 0)) == 65507


@versions
def test_a_path_mtu_is_learned_of_what_a_socket_may_have_sent(version: int) -> None:
    """RFC 5927 §4, as Linux: who forges a message has to know a port."""
    for case, believed in (("bound", True), ("connected", True), ("elsewhere", False), ("", False)):
        net = TwoHosts()
        if case:
            socket = net.bound(net.a, version, port=6000)
            if case == "connected":
                socket.connect((B[version], 9, 0, 0))
            elif case == "elsewhere":
                socket.connect((NOBODY[version], 9, 0, 0))
        ip: IpHeader
        if version == 4:
            quote = build(Packet(IPv4(A[4], B[4], UDP), Udp(6000, 9), bytes(1400)))[:28]
            ip, icmp, ethertype = IPv4(B[4], A[4], ICMP), Icmp(3, 4, 1300), ETHERTYPE_IPV4
        else:
            quote = build(Packet(IPv6(A[6], B[6], UDP), Udp(6000, 9), bytes(1400)))[:48]
            ip, icmp, ethertype = IPv6(B[6], A[6], ICMPV6), Icmp(2, 0, 1300), ETHERTYPE_IPV6
        error = Packet(ip, icmp, quote)
        error.ethernet = Ethernet(net.wires[0].mac, net.wires[1].mac, ethertype)
        net.a.receive(net.wires[0], decode(encode(error), True), net.loop.now)
        path = net.a.internet.path_to(B[version], b"", None, net.loop.now)
        assert path.mtu == (1300 if believed else 1500), case


@versions
def test_one_message_may_differ(version: int) -> None:
    """UDP-016: source, hop limit and class of one datagram, by control items."""
    net = TwoHosts()
    other = parse_address("10.0.1.77" if version == 4 else "2001:db8:0:1::77")
    net.a.internet.add_address(net.wires[0], other, 24 if version == 4 else 64, 0)
    socket, there = net.socket(net.a, version), net.bound(net.b, version, port=53)
    tells = [(IP, 12), (IP, 13)] if version == 4 else [(IPV6, 51), (IPV6, 66)]
    for option in tells:
        there.setsockopt(*option, number(1))
    if version == 4:
        items = [(IP, 8, number(0) + other + bytes(4)), (IP, 2, number(7)), (IP, 1, number(0x30))]
        bad = [(IP, 8, b"x"), (IP, 2, number(0)), (IP, 1, number(256)), (IP, 99, b""), (1, 2, b"")]
    else:
        items = [
            (IPV6, 50, other + number(2)),
            (IPV6, 52, number(7)),
            (IPV6, 67, number(0x30)),
            (IP, 2, number(9)),  # another level's: passed over
        ]
        foreign = parse_address("2001:db8::dead")
        bad = [(IPV6, 50, foreign + number(0)), (IPV6, 50, b"x"), (IPV6, 52, number(256))]
        bad += [(IPV6, 67, b"\1"), (IPV6, 99, b"")]
    where = (B[version], 53, 0, 0)
    for item in bad:
        assert errno_of(socket.send_message, b"x", 0, where, [item]) == "EINVAL"
    assert socket.send_message(b"special", 0, where, items) == 7
    assert socket.send_message(b"plain", 0, where, []) == 5
    assert errno_of(socket.send_message, b"x", 0, None, items) == "EDESTADDRREQ"
    net.run()
    told = []
    for _ in range(2):
        message = there.recv_message(10, 0)
        assert message is not None
        told.append((message.data, message.address[0], message.hop_limit, message.traffic_class))
    assert told == [(b"special", other, 7, 0x30), (b"plain", A[version], 64, 0)]
