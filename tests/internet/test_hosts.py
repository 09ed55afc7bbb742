"""A host's own packets: loopback, broadcasts, groups, sources that cannot be, and the doors' result codes."""

from __future__ import annotations

import pytest

from tests.internet.harness import Chain, Machine, Pair, default_route
from trunkline.base.addresses import (
    ALL_NODES6,
    MAC_BROADCAST,
    Prefix,
    multicast_mac,
    parse_address,
    solicited_node,
)
from trunkline.base.results import (
    BLACKHOLED,
    ERRNO,
    LINK_DOWN,
    NO_ROUTE,
    PROHIBITED,
    SENT,
    TOO_BIG,
    UNREACHABLE,
)
from trunkline.internet import paths, routes
from trunkline.internet.configuration import GROUPS_LIMIT
from trunkline.internet.output import PATHS_LIMIT
from trunkline.internet.routes import Route
from trunkline.link.nic import BARE, ETHERNET
from trunkline.wire.ethernet import Ethernet
from trunkline.wire.frame import decode, encode
from trunkline.wire.header import ETHERTYPE_IPV4, ETHERTYPE_IPV6, ICMPV6, UDP
from trunkline.wire.icmp import Icmp
from trunkline.wire.ipv4 import IPv4
from trunkline.wire.ipv6 import IPv6
from trunkline.wire.packet import Packet
from trunkline.wire.trace import TraceSink
from trunkline.wire.udp import Udp

A = parse_address
OWN = {4: A("10.0.1.1"), 6: A("2001:db8:0:1::1")}
PEER = {4: A("10.0.1.2"), 6: A("2001:db8:0:1::2")}
GROUP = {4: A("239.1.2.3"), 6: A("ff05::1:2:3")}
both = pytest.mark.parametrize("version", [4, 6])
strictly = pytest.mark.parametrize("strict", [True, False])


def send(
    machine: Machine,
    dst: bytes,
    src: bytes = b"",
    nic=None,
    payload: bytes = b"x",
    loop: bool = True,
) -> int:
    path = machine.internet.path_to(dst, src, nic, machine.lan.now)
    path.loop = loop
    result = machine.internet.send(path, Udp(7, 9), payload, UDP, 0, 0, False, machine.lan.now)
    machine.lan.settle()
    return result


def frames(pair: Pair, machine: Machine) -> list[Packet]:
    """What a machine put on its wire, ARP and neighbour discovery left out."""
    return [
        packet
        for nic, packet in pair.lan.wire
        if nic.node is machine and nic.kind == ETHERNET and isinstance(packet.upper, Udp)
    ]


def datagram(src: bytes, dst: bytes) -> Packet:
    if len(dst) == 4:
        return Packet(IPv4(src, dst, UDP), Udp(7, 9), b"")
    return Packet(IPv6(src, dst, UDP), Udp(7, 9), b"")


def put(pair: Pair, packet: Packet, mac: bytes = b"") -> None:
    assert packet.ip is not None
    ethertype = ETHERTYPE_IPV4 if packet.ip.version == 4 else ETHERTYPE_IPV6
    packet.ethernet = Ethernet(mac or pair.nic1.mac, pair.nic2.mac, ethertype)
    pair.one.receive(pair.nic1, decode(encode(packet), True), pair.lan.now)
    pair.lan.settle()


@both
@strictly
def test_packets_to_own_addresses_never_leave(version: int, strict: bool) -> None:
    pair = Pair(strict)
    for dst in ("127.0.0.1", "10.0.1.1") if version == 4 else ("::1", "2001:db8:0:1::1", "fe80::1"):
        for _number in range(2):
            assert send(pair.one, A(dst)) == SENT
            packet = pair.one.delivered.pop()
            assert packet.ip is not None and packet.ip.dst == A(dst)
            assert pair.one.internet.delivered_nic is pair.one.lo
    assert frames(pair, pair.one) == []


@both
def test_a_weak_host_takes_what_comes_in_by_another_nic(version: int) -> None:
    chain = Chain()
    chain.router.internet.forwarding = False
    dst = A("10.0.2.254") if version == 4 else A("2001:db8:0:2::254")
    assert send(chain.one, dst) == SENT
    assert len(chain.router.delivered) == 1


@both
def test_what_is_for_one_host_in_a_frame_for_everybody(version: int) -> None:
    """RFC 1122 §3.3.6 has hosts drop it; IPv6 has no such rule, and Linux takes it. Nobody sends it on."""
    pair = Pair()
    put(pair, datagram(PEER[version], OWN[version]), b"\xff" * 6)
    assert len(pair.one.delivered) == (0 if version == 4 else 1)
    pair.one.internet.forwarding = True
    far = A("192.0.2.9") if version == 4 else A("2001:db8:99::9")
    default_route(pair.one, pair.nic1, "10.0.1.2", "2001:db8:0:1::2")
    put(pair, datagram(PEER[version], far), b"\xff" * 6)
    assert pair.one.internet.statistics()["forwarded"] == 0
    reason = "internet: for one, in a frame for many"
    assert pair.one.internet.counters.get(reason) == (2 if version == 4 else 1)


def test_a_link_local_address_counts_on_its_own_link_only() -> None:
    chain = Chain()
    chain.router.internet.forwarding = False
    own = next(address for address in chain.right.addresses if address[0] == 0xFE)
    packet = Packet(IPv6(A("fe80::1:1"), own, UDP), Udp(7, 9), b"")
    packet.ethernet = Ethernet(chain.left.mac, chain.nic1.mac, ETHERTYPE_IPV6)
    chain.router.receive(chain.left, decode(encode(packet), True), 0)
    assert chain.router.delivered == []
    packet.ethernet = Ethernet(chain.right.mac, chain.nic2.mac, ETHERTYPE_IPV6)
    packet.octets = None
    chain.router.receive(chain.right, decode(encode(packet), True), 0)
    assert len(chain.router.delivered) == 1


def test_link_local_goes_out_of_the_nic_of_its_scope_or_source() -> None:
    chain = Chain()
    router = chain.router
    peer = A("fe80::2:2")
    assert router.internet.path_to(peer, b"", chain.right, 0).nic is chain.right
    source = next(address for address in chain.right.addresses if address[0] == 0xFE)
    path = router.internet.path_to(peer, source, None, 0)
    assert (path.result, path.nic, path.src) == (SENT, chain.right, source)
    assert send(router, peer, b"", chain.right) == SENT
    assert len(chain.two.delivered) == 1


@strictly
@pytest.mark.parametrize("dst", ["255.255.255.255", "10.0.1.255", "10.0.1.0"])
def test_broadcasts_go_to_everybody_and_to_the_host_itself(strict: bool, dst: str) -> None:
    pair = Pair(strict)
    path = pair.one.internet.path_to(A(dst), b"", None, 0)
    assert path.kind == paths.BROADCAST
    assert send(pair.one, A(dst)) == SENT
    [packet] = frames(pair, pair.one)
    assert packet.ethernet is not None and packet.ethernet.dst == MAC_BROADCAST
    assert len(pair.two.delivered) == 1
    assert len(pair.one.delivered) == 1
    assert pair.one.internet.delivered_nic is pair.nic1  # heard where it was sent


def test_every_form_of_broadcast_is_recognised_on_receipt() -> None:
    pair = Pair()
    for dst in ("255.255.255.255", "10.0.1.255", "10.0.1.0"):
        put(pair, Packet(IPv4(PEER[4], A(dst), UDP), Udp(7, 9), b""), MAC_BROADCAST)
    put(pair, Packet(IPv4(bytes(4), A("255.255.255.255"), UDP), Udp(68, 67), b""), MAC_BROADCAST)
    assert len(pair.one.delivered) == 4
    put(pair, Packet(IPv4(PEER[4], A("10.0.2.255"), UDP), Udp(7, 9), b""), MAC_BROADCAST)
    assert len(pair.one.delivered) == 4


def test_networks_of_two_addresses_and_of_one_have_no_broadcast() -> None:
    pair = Pair()
    pair.one.address(pair.nic1, "192.0.2.0/31")
    pair.one.address(pair.nic1, "192.0.2.9/32")
    internet = pair.one.internet
    assert internet.is_local(A("192.0.2.0"))
    assert not internet.is_broadcast(A("192.0.2.1"))
    assert internet.path_to(A("192.0.2.1"), b"", None, 0).kind == paths.UNICAST


@both
@strictly
def test_a_group_is_heard_where_it_was_joined(version: int, strict: bool) -> None:
    pair = Pair(strict)
    group = GROUP[version]
    default_route(pair.one, pair.nic1, "10.0.1.2", "2001:db8:0:1::2")
    assert send(pair.one, group) == SENT
    [packet] = frames(pair, pair.one)
    assert packet.ethernet is not None and packet.ethernet.dst == multicast_mac(group)
    assert packet.ip is not None and packet.ip.src == OWN[version]
    assert pair.two.delivered == [] and pair.one.delivered == []
    pair.two.internet.join(pair.nic2, group, 0)
    pair.one.internet.join(pair.nic1, group, 0)
    assert send(pair.one, group) == SENT
    assert (len(pair.two.delivered), len(pair.one.delivered)) == (1, 1)
    assert pair.one.internet.delivered_nic is pair.nic1
    assert send(pair.one, group, loop=False) == SENT  # IP_MULTICAST_LOOP off
    assert (len(pair.two.delivered), len(pair.one.delivered)) == (2, 1)
    pair.two.internet.leave(pair.nic2, group, 0)
    assert send(pair.one, group) == SENT
    assert (len(pair.two.delivered), len(pair.one.delivered)) == (2, 2)


@both
def test_large_datagrams_to_a_group_are_cut_and_heard_by_all(version: int) -> None:
    pair = Pair()
    for machine, nic in ((pair.one, pair.nic1), (pair.two, pair.nic2)):
        machine.internet.join(nic, GROUP[version], 0)
    assert send(pair.one, GROUP[version], b"", pair.nic1, bytes(5000)) == SENT
    for machine in (pair.one, pair.two):
        [packet] = machine.delivered
        assert len(packet.payload) == 5000


def test_groups_are_joined_as_often_as_they_are_left_and_no_more_than_the_limit() -> None:
    pair = Pair()
    internet, nic = pair.one.internet, pair.nic1
    group = GROUP[4]
    assert internet.join(nic, group, 0) and internet.join(nic, group, 0)
    internet.leave(nic, group, 0)
    assert group in nic.groups
    internet.leave(nic, group, 0)
    internet.leave(nic, group, 0)
    assert group not in nic.groups
    joined = [
        internet.join(nic, (0xEF000000 + n).to_bytes(4, "big"), 0) for n in range(GROUPS_LIMIT)
    ]
    assert joined[0] and not joined[-1]
    assert len(nic.groups) == GROUPS_LIMIT


def test_the_groups_that_every_node_is_in() -> None:
    chain = Chain()
    for nic, routers in ((chain.nic1, False), (chain.left, True)):
        assert ALL_NODES6 in nic.groups and A("224.0.0.1") in nic.groups
        assert (A("ff02::2") in nic.groups) is routers
        for address in nic.addresses:
            if len(address) == 16:
                assert solicited_node(address) in nic.groups
    group = solicited_node(A("2001:db8:0:1::1"))
    chain.one.internet.remove_address(chain.nic1, A("2001:db8:0:1::1"), 0)
    assert group not in chain.nic1.groups


def test_a_group_of_interface_scope_stays_on_the_host() -> None:
    pair = Pair()
    group = A("ff01::77")
    pair.one.internet.join(pair.nic1, group, 0)
    pair.two.internet.join(pair.nic2, group, 0)
    assert send(pair.one, group, b"", pair.nic1) == SENT
    assert len(pair.one.delivered) == 1 and pair.two.delivered == []


@both
def test_sources_that_cannot_be_are_dropped(version: int) -> None:
    pair = Pair()
    bad = [
        "127.0.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "240.0.0.1",
        "0.1.2.3",
        "10.0.1.255",
        "10.0.1.1",
        "0.0.0.0",
    ]
    if version == 6:
        bad = ["::1", "ff02::1", "2001:db8:0:1::1", "::", "::ffff:10.0.0.1", "fe80::1"]
    for text in bad:
        ip = IPv4(A(text), OWN[4], UDP) if version == 4 else IPv6(A(text), OWN[6], UDP)
        put(pair, Packet(ip, Udp(7, 9), b""))
    assert pair.one.delivered == []
    assert frames(pair, pair.one) == []
    counted = pair.one.internet.counters
    assert counted.get("internet: impossible source") + counted.get(
        "internet: own address as source"
    ) == len(bad)


@both
def test_loopback_destinations_from_a_wire_are_dropped(version: int) -> None:
    pair = Pair()
    dst = A("127.0.0.1") if version == 4 else A("::1")
    for number, (to, delivered) in enumerate(((dst, 0), (OWN[version], 1), (dst, 1), (dst, 1))):
        ip = IPv4(PEER[4], to, UDP) if version == 4 else IPv6(PEER[6], to, UDP)
        put(pair, Packet(ip, Udp(7, 9), b""))  # from a source that is well known, too
        assert len(pair.one.delivered) == delivered, number
    assert pair.one.internet.counters.get("internet: loopback address on a wire") == 3


@both
def test_damage_above_ip_is_counted_by_its_name(version: int) -> None:
    pair = Pair()
    ip = IPv4(PEER[4], OWN[4], UDP) if version == 4 else IPv6(PEER[6], OWN[6], UDP)
    packet = Packet(ip, Udp(7, 9), b"data")
    ethertype = ETHERTYPE_IPV4 if version == 4 else ETHERTYPE_IPV6
    packet.ethernet = Ethernet(pair.nic1.mac, pair.nic2.mac, ethertype)
    octets = bytearray(encode(packet))
    octets[-1] ^= 1
    pair.one.receive(pair.nic1, decode(bytes(octets), True), 0)
    assert pair.one.delivered == []
    assert pair.one.internet.counters.get("internet: damaged: UDP checksum") == 1


@both
def test_result_codes_say_what_stands_in_the_way(version: int) -> None:
    pair = Pair()
    one = pair.one.internet
    dst = A("192.0.2.1") if version == 4 else A("2001:db8:9::1")
    prefix = Prefix(dst, len(dst) * 8)
    assert send(pair.one, dst) == NO_ROUTE
    for kind, result, name in (
        (routes.BLACKHOLE, BLACKHOLED, "EINVAL"),
        (routes.UNREACHABLE, UNREACHABLE, "EHOSTUNREACH"),
        (routes.PROHIBIT, PROHIBITED, "EACCES"),
    ):
        one.routes.add(Route(prefix, b"", None, 0, b"", kind))
        assert send(pair.one, dst) == result
        assert ERRNO[result] == name
        one.routes.remove(prefix)
    assert send(pair.one, PEER[version], payload=bytes(65536)) == TOO_BIG
    path = one.path_to(PEER[version], b"", pair.nic1, 0)
    pair.nic1.up = False
    assert one.send(path, Udp(7, 9), b"", UDP, 0, 0, True, 0) == LINK_DOWN
    one.changed()
    assert send(pair.one, PEER[version]) == NO_ROUTE  # as Linux: its routes are gone with it


@both
def test_what_the_sender_asks_for_is_in_the_header(version: int) -> None:
    pair = Pair()
    path = pair.one.internet.path_to(PEER[version], b"", None, 0)
    for hop_limit, traffic_class in ((0, 0), (1, 0xB8), (255, 3)):
        pair.one.internet.send(path, Udp(7, 9), b"", UDP, hop_limit, traffic_class, True, 0)
    pair.one.internet.default_hop_limit = 33
    pair.one.internet.send(path, Udp(7, 9), b"", UDP, 0, 0, True, 0)
    pair.lan.settle()
    found = [(p.ip.hop_limit, p.ip.traffic_class) for p in pair.two.delivered if p.ip]
    assert found == [(64, 0), (1, 0xB8), (255, 3), (33, 0)]


@both
def test_a_nic_without_a_link_header_works_the_same(version: int) -> None:
    pair = Pair()
    one, two = pair.one.nic("tun0", BARE), pair.two.nic("tun0", BARE)
    pair.lan.join(one, two)
    net = "172.16.9.{}/24" if version == 4 else "2001:db8:9::{}/64"
    pair.one.address(one, net.format(1))
    dst = pair.two.address(two, net.format(2))
    assert send(pair.one, dst) == SENT
    [packet] = pair.two.delivered
    assert packet.ethernet is None


def test_paths_are_kept_within_a_limit() -> None:
    pair = Pair()
    default_route(pair.one, pair.nic1, "10.0.1.2")
    for number in range(PATHS_LIMIT + 100):
        dst = (0xC0000200 + number).to_bytes(4, "big")
        path = pair.one.internet.path_to(dst, b"", None, 0)
        assert pair.one.internet.path_to(dst, b"", None, 0) is path
    assert pair.one.internet.statistics()["paths known"] <= PATHS_LIMIT


def test_a_host_without_nics_reaches_nothing_and_breaks_nothing() -> None:
    pair = Pair()
    bare = Machine(pair.lan, "bare")
    for dst in ("192.0.2.1", "2001:db8::1", "fe80::1"):
        assert send(bare, A(dst)) == NO_ROUTE
    assert send(bare, A("127.0.0.1")) == SENT
    assert send(bare, A("224.0.0.1")) == SENT  # by the loopback, where it is alone


def test_neighbour_discovery_is_ndp_s() -> None:
    pair = Pair()
    put(pair, Packet(IPv6(PEER[6], OWN[6], ICMPV6, 64), Icmp(135, 0), bytes(16)))
    assert pair.one.link.counters.get("ndp: hop limit is not 255") == 1


def test_a_trace_hears_of_every_drop() -> None:
    class Watch(TraceSink):
        def __init__(self) -> None:
            self.heard: list[tuple[str, str]] = []

        def drop(self, node: str, reason: str, packet: Packet | None, now: int) -> None:
            self.heard.append((node, reason))

    pair = Pair()
    watch = Watch()
    pair.one.trace = watch
    put(pair, Packet(IPv4(A("224.0.0.9"), OWN[4], UDP), Udp(7, 9), b""))
    assert watch.heard == [("one", "internet: impossible source")]
