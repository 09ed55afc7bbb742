"""Redirects of IPv4: whom a router tells of a nearer one, and whom a host believes."""

from __future__ import annotations

from tests.internet.harness import Lan, Machine, Pair, default_route
from trunkline.base.addresses import Prefix, parse_address
from trunkline.base.units import SECOND
from trunkline.internet.configuration import REDIRECTS_LIMIT
from trunkline.internet.routes import Route
from trunkline.link.nic import ETHERNET, Nic
from trunkline.link.switch import Switch
from trunkline.wire.ethernet import Ethernet
from trunkline.wire.frame import build_upper, decode, encode, quoted
from trunkline.wire.header import ETHERTYPE_IPV4, ICMP, UDP
from trunkline.wire.icmp import Icmp
from trunkline.wire.ipv4 import IPv4
from trunkline.wire.packet import Packet
from trunkline.wire.udp import Udp

A = parse_address
OWN = A("10.0.1.1")


def put(pair: Pair, packet: Packet) -> None:
    """Host one gets a packet as if from host two."""
    packet.ethernet = Ethernet(pair.nic1.mac, pair.nic2.mac, ETHERTYPE_IPV4)
    pair.one.receive(pair.nic1, decode(encode(packet), True), pair.lan.now)
    pair.lan.settle()


def redirect(pair: Pair, dst: bytes, target: str, gateway: bytes) -> None:
    body = build_upper(IPv4(OWN, dst, UDP), Udp(7, 9), b"")
    quote = quoted(Packet(IPv4(OWN, dst, UDP), None, body), 100)
    put(
        pair,
        Packet(IPv4(gateway, OWN, ICMP), Icmp(5, 1, int.from_bytes(A(target), "big")), quote),
    )


def test_a_redirect_from_the_first_hop_is_believed_and_from_nobody_else() -> None:
    pair = Pair()
    default_route(pair.one, pair.nic1, "10.0.1.2")
    dst = A("192.0.2.9")

    def hop() -> bytes:
        return pair.one.internet.path_to(dst, b"", None, 0).next_hop

    redirect(pair, dst, "10.0.1.3", A("10.0.1.9"))  # not the first hop
    redirect(pair, dst, "172.16.0.1", A("10.0.1.2"))  # not on the link
    redirect(pair, dst, "10.0.1.1", A("10.0.1.2"))  # to ourselves
    redirect(pair, dst, "10.0.1.255", A("10.0.1.2"))
    redirect(pair, A("10.0.1.7"), "10.0.1.3", A("10.0.1.2"))  # of a neighbour
    assert hop() == A("10.0.1.2")
    redirect(pair, dst, "10.0.1.3", A("10.0.1.2"))
    assert hop() == A("10.0.1.3")
    assert pair.one.internet.path_to(A("192.0.2.8"), b"", None, 0).next_hop == A("10.0.1.2")
    redirect(pair, dst, "10.0.1.4", A("10.0.1.3"))  # from the new first hop
    assert hop() == A("10.0.1.4")
    pair.one.internet.forwarding = True
    redirect(pair, dst, "10.0.1.5", A("10.0.1.4"))  # a router has routes of its own
    assert hop() == A("10.0.1.4")


def test_redirects_are_bounded() -> None:
    pair = Pair()
    default_route(pair.one, pair.nic1, "10.0.1.2")
    before = pair.one.internet.routes.count
    for number in range(REDIRECTS_LIMIT + 50):
        redirect(pair, (0xC0000200 + number).to_bytes(4, "big"), "10.0.1.3", A("10.0.1.2"))
    assert pair.one.internet.routes.count == before + REDIRECTS_LIMIT


def test_a_redirect_to_nobody_is_taken_back_and_no_route_is_lost_by_it() -> None:
    pair = Pair()
    dst = A("192.0.2.9")
    pair.one.internet.routes.add(Route(Prefix(dst, 32), A("10.0.1.2"), pair.nic1))
    path = pair.one.internet.path_to(dst, b"", None, 0)
    redirect(pair, dst, "10.0.1.77", A("10.0.1.2"))
    pair.one.internet.send(path, Udp(1, 2), b"", UDP, 0, 0, False, 0)
    assert path.next_hop == A("10.0.1.77")
    pair.lan.run(10 * SECOND)
    pair.one.internet.refresh(path)
    assert path.next_hop == A("10.0.1.2")


def test_a_detour_is_told_once_and_the_straight_way_taken_from_then_on() -> None:
    """Two routers and a host on one network; the host's default router is not the nearest."""
    lan = Lan()
    switch = Switch("switch", lan.marked)
    machines = {}
    for number, name in ((1, "host"), (254, "default"), (253, "nearer")):
        machine = Machine(lan, name, number != 1)
        nic = machine.nic("eth0")
        port = Nic(switch, name, ETHERNET, bytes((2, 1, 0, 0, 0, number)), 1500, 100 + number)
        lan.join(nic, port)
        machine.address(nic, f"10.0.1.{number}/24")
        machines[name] = (machine, nic)
    host, nic = machines["host"]
    default_route(host, nic, "10.0.1.254")
    default_route(*machines["default"], "10.0.1.253")
    far, far_nic = machines["nearer"][0], machines["nearer"][0].nic("eth1")
    far.address(far_nic, "192.0.2.1/24")
    dst = A("192.0.2.1")
    path = host.internet.path_to(dst, b"", None, 0)
    for number in range(3):
        host.internet.send(path, Udp(1, 2), b"", UDP, 0, 0, False, 0)
        lan.settle()
        assert len(far.delivered) == number + 1
    assert host.internet.counters.get("icmp: redirected") == 1
    assert path.next_hop == A("10.0.1.253")
    assert machines["default"][0].internet.statistics()["forwarded"] == 1


def test_who_goes_on_taking_the_detour_is_told_again_within_a_limit() -> None:
    """A redirect may be lost, and every sender needs one of its own."""
    pair = Pair()
    pair.one.internet.forwarding = True
    router, nic = pair.one, pair.nic1
    default_route(router, nic, "10.0.1.3")
    assert nic.neighbours is not None
    for number in (3, 4):
        nic.neighbours.set_permanent(A(f"10.0.1.{number}"), bytes((2, 0, 0, 0, 9, number)), 0)
    told = []
    for turn in range(3):
        for number in (2, 2, 4, 2):
            packet = Packet(IPv4(A(f"10.0.1.{number}"), A("192.0.2.9"), UDP), Udp(1, 2), b"")
            packet.ethernet = Ethernet(nic.mac, pair.nic2.mac, 0x0800)
            router.receive(nic, packet, pair.lan.now)
        told.append(router.internet.counters.get("icmp: errors sent"))
        pair.lan.run(10 * SECOND if turn == 1 else 0)
    assert told == [4, 8, 12]
    for _ in range(50):
        packet = Packet(IPv4(A("10.0.1.2"), A("192.0.2.9"), UDP), Udp(1, 2), b"")
        packet.ethernet = Ethernet(nic.mac, pair.nic2.mac, 0x0800)
        router.receive(nic, packet, pair.lan.now)
    assert router.internet.counters.get("icmp: errors sent") == 4 + 4 + 10
    assert router.internet.counters.get("icmp: redirects limited") == 44
