"""Ping sockets between two hosts."""

from __future__ import annotations

import struct

import pytest

from tests.transport.two_hosts import NOBODY, A, B, TwoHosts
from trunkline.system.descriptors import SocketDescription
from trunkline.wire.ethernet import Ethernet
from trunkline.wire.frame import decode, encode, quoted
from trunkline.wire.header import ETHERTYPE_IPV4, ETHERTYPE_IPV6, ICMP, ICMPV6, IpHeader
from trunkline.wire.icmp import Icmp
from trunkline.wire.ipv4 import IPv4
from trunkline.wire.ipv6 import IPv6
from trunkline.wire.packet import Packet

versions = pytest.mark.parametrize("version", [4, 6])


def pinger(net: TwoHosts, version: int) -> SocketDescription:
    return net.socket(net.a, version, 2, 1 if version == 4 else 58)


def request(version: int, sequence: int, data: bytes = b"payload") -> bytes:
    return struct.pack("!BBHHH", 8 if version == 4 else 128, 0, 0, 0, sequence) + data


@versions
@pytest.mark.parametrize("strict", [False, True])
def test_a_ping(version: int, strict: bool) -> None:
    net = TwoHosts(strict)
    one, other = pinger(net, version), pinger(net, version)
    one.send_to(request(version, 7), 0, (B[version], 0, 0, 0))
    other.send_to(request(version, 9), 0, (B[version], 0, 0, 0))
    sent = net.loop.now
    while not one.readiness() & 1:
        net.run(1)
    assert net.loop.now - sent >= 2_000_000  # there and back
    message = one.recv_message(100, 0)
    assert message is not None
    assert message.data[0] == (0 if version == 4 else 129)
    identifier, sequence = struct.unpack_from("!HH", message.data, 4)
    assert (identifier, sequence) == (one.getsockname()[1], 7)
    assert message.data[8:] == b"payload"
    assert message.address[:2] == (B[version], 0)
    net.run()
    assert one.recv(100, 0) is None
    assert other.recv(100, 0) is not None


@versions
def test_only_echo_requests_are_sent(version: int) -> None:
    net = TwoHosts()
    one = pinger(net, version)
    for message in (b"", b"\x08\0\0", b"\0" + request(version, 1)[1:], b"\x08\1" + bytes(6)):
        with pytest.raises(OSError, match="Invalid argument"):
            one.send_to(message, 0, (B[version], 0, 0, 0))


@versions
def test_a_connected_pinger(version: int) -> None:
    net = TwoHosts()
    one = pinger(net, version)
    one.bind((A[version], 4242, 0, 0))
    assert one.getsockname()[1] == 4242
    one.connect((B[version], 0, 0, 0))
    assert one.send(request(version, 1), 0) == 15
    net.run()
    data = one.recv(100, 0)
    assert data is not None
    assert struct.unpack_from("!H", data, 4) == (4242,)


@versions
def test_no_answer_from_nobody(version: int) -> None:
    net = TwoHosts()
    one = pinger(net, version)
    one.send_to(request(version, 1), 0, (NOBODY[version], 0, 0, 0))
    net.run(5000)
    assert one.recv(100, 0) is None


@versions
def test_a_connected_pinger_hears_of_hard_errors_about_its_requests(version: int) -> None:
    """As ping_err of Linux: whatever the request's sequence number, and about requests alone."""
    net = TwoHosts()
    one = pinger(net, version)
    one.connect((B[version], 0, 0, 0))
    one.send(request(version, 7), 0)
    net.run()
    assert one.recv(100, 0) is not None
    sent = [p for _nic, p in net.frames.sent if isinstance(p.upper, Icmp)]
    asked = next(p for p in sent if isinstance(p.upper, Icmp) and p.upper.type in (8, 128))
    assert isinstance(asked.upper, Icmp)
    reply = asked.copy()
    reply.upper = Icmp(0 if version == 4 else 129, 0, asked.upper.rest)
    reply.octets = None
    ip: IpHeader
    for about, expected in ((asked, True), (reply, False)):
        if version == 4:
            ip, icmp, ethertype = IPv4(B[4], A[4], ICMP), Icmp(3, 3), ETHERTYPE_IPV4
        else:
            ip, icmp, ethertype = IPv6(B[6], A[6], ICMPV6), Icmp(1, 4), ETHERTYPE_IPV6
        error = Packet(ip, icmp, quoted(about, 500))
        error.ethernet = Ethernet(net.wires[0].mac, net.wires[1].mac, ethertype)
        net.a.receive(net.wires[0], decode(encode(error), True), net.loop.now)
        if expected:
            with pytest.raises(ConnectionRefusedError):
                one.recv(100, 0)
        assert one.recv(100, 0) is None


@versions
def test_a_reply_nobody_asked_for_is_counted(version: int) -> None:
    net = TwoHosts()
    one = pinger(net, version)
    one.send_to(request(version, 1), 0, (B[version], 0, 0, 0))
    one.release()
    net.run()
    layer = net.a.transport.echo4 if version == 4 else net.a.transport.echo6
    assert layer.statistics()["unknown ports"] == 1
    assert layer.statistics()["bound"] == 0
