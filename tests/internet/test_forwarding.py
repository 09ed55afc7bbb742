"""Routers: what is sent on and how it looks then, what is not, and what senders are told."""

from __future__ import annotations

import pytest

from tests.internet.harness import Chain, Pair, default_route
from trunkline.base.addresses import Prefix, parse_address
from trunkline.base.results import ERRNO, SENT
from trunkline.base.units import SECOND
from trunkline.internet import routes
from trunkline.internet.configuration import DEAD_TIME
from trunkline.internet.layer import SOURCES_LIMIT, WAYS_LIMIT
from trunkline.internet.routes import Route
from trunkline.wire.ethernet import Ethernet
from trunkline.wire.frame import decode, encode
from trunkline.wire.header import ETHERTYPE_IPV4, ETHERTYPE_IPV6, TCP, UDP, IpHeader
from trunkline.wire.icmp import Icmp
from trunkline.wire.ipv4 import IPv4
from trunkline.wire.ipv6 import DESTINATION_OPTIONS, HOP_BY_HOP, IPv6
from trunkline.wire.packet import Packet
from trunkline.wire.tcp import Tcp
from trunkline.wire.udp import Udp

A = parse_address
SRC = {4: A("10.0.1.1"), 6: A("2001:db8:0:1::1")}
DST = {4: A("10.0.2.2"), 6: A("2001:db8:0:2::2")}
NOWHERE = {4: A("192.0.2.1"), 6: A("2001:db8:99::1")}
both = pytest.mark.parametrize("version", [4, 6])
strictly = pytest.mark.parametrize("strict", [True, False])


def header(version: int, src: bytes, dst: bytes, protocol: int, hop_limit: int = 64) -> IpHeader:
    if version == 4:
        return IPv4(src, dst, protocol, hop_limit)
    return IPv6(src, dst, protocol, hop_limit)


def frame(chain: Chain, packet: Packet, dst_mac: bytes = b"") -> bytes:
    assert packet.ip is not None
    ethertype = ETHERTYPE_IPV4 if packet.ip.version == 4 else ETHERTYPE_IPV6
    packet.ethernet = Ethernet(dst_mac or chain.left.mac, chain.nic1.mac, ethertype)
    packet.octets = None
    return encode(packet)


def put(chain: Chain, octets: bytes) -> None:
    """The router gets a frame at its left NIC."""
    chain.router.receive(chain.left, decode(octets, True), chain.lan.now)
    chain.lan.settle()


def passed(chain: Chain) -> list[Packet]:
    """What left the router by its right NIC, ARP and neighbour discovery left out."""
    found = []
    for nic, packet in chain.lan.wire:
        if nic is chain.right and packet.ip is not None:
            if not (isinstance(packet.upper, Icmp) and 133 <= packet.upper.type <= 137):
                found.append(packet)
    return found


@both
@strictly
def test_a_packet_goes_on_one_hop_older_and_otherwise_the_same(version: int, strict: bool) -> None:
    chain = Chain(strict)
    path = chain.one.internet.path_to(DST[version], b"", None, 0)
    for number in range(3):  # the first takes the slow walk, the others the short one
        segment = Tcp(1, 2, number, 0, 0, 100)
        sent = chain.one.internet.send(path, segment, b"data", TCP, 17 + number, 0x2E, True, 0)
        assert sent == SENT
        chain.lan.settle()
        packet = chain.two.delivered[-1]
        assert packet.ip is not None and isinstance(packet.upper, Tcp)
        assert packet.ip.hop_limit == 16 + number
        assert (packet.ip.src, packet.ip.dst) == (SRC[version], DST[version])
        assert (packet.ip.traffic_class, packet.payload, packet.upper.seq) == (
            0x2E,
            b"data",
            number,
        )
        assert not packet.damage
    assert chain.router.internet.statistics()["forwarded"] == 3
    assert chain.two.internet.statistics()["forwarded"] == 0


@both
def test_octets_above_ip_are_sent_on_to_the_bit(version: int) -> None:
    """Options, extension headers, unknown protocols and damage are the end host's business."""
    extensions = (
        (HOP_BY_HOP, bytes((0, 0, 1, 4, 1, 2, 3, 4))),
        (DESTINATION_OPTIONS, bytes((0, 0, 0x1E, 4) + (7,) * 4)),
    )
    ip: IpHeader = IPv6(SRC[6], DST[6], UDP, 9, 0, 0xABCDE, extensions)
    if version == 4:
        ip = IPv4(SRC[4], DST[4], UDP, 9, 0, False, bytes((7, 7, 4, 0, 0, 0, 0, 1)))
    for damage in range(3):
        chain = Chain()
        octets = bytearray(frame(chain, Packet(ip, Udp(1, 2), b"some data")))
        if damage:
            octets[-damage * 5] ^= 0x10
        put(chain, bytes(octets))
        [packet] = passed(chain)
        after = bytearray(encode(packet))
        assert after[14 + 8 if version == 4 else 14 + 7] == 8
        ttl, checksum = (22, (24, 26)) if version == 4 else (21, (0, 0))
        for changed in (octets, after):
            changed[:12] = bytes(12)
            changed[ttl] = 0
            changed[checksum[0] : checksum[1]] = bytes(checksum[1] - checksum[0])
        assert after == octets
        if damage:  # dropped, under a reason, where it was going
            assert chain.two.delivered == []
            assert any(
                reason.startswith("internet: damaged")
                for reason in chain.two.internet.counters.counts
            )


@both
def test_the_hop_limit_runs_out(version: int) -> None:
    for hop_limit in (0, 1, 2):
        chain = Chain()
        put(
            chain,
            frame(
                chain,
                Packet(header(version, SRC[version], DST[version], UDP, hop_limit), Udp(1, 2), b""),
            ),
        )
        assert len(chain.two.delivered) == (1 if hop_limit == 2 else 0)
        if hop_limit < 2:
            [report] = chain.one.reports
            assert (report.icmp_type, report.icmp_code) == ((11, 0) if version == 4 else (3, 0))


@both
def test_a_router_takes_what_is_for_itself_whatever_the_hop_limit(version: int) -> None:
    chain = Chain()
    own = A("10.0.2.254") if version == 4 else A("2001:db8:0:2::254")
    put(chain, frame(chain, Packet(header(version, SRC[version], own, UDP, 1), Udp(1, 2), b"")))
    assert len(chain.router.delivered) == 1


@both
def test_no_route_and_routes_that_say_no(version: int) -> None:
    cases = [
        (None, (3, 0, "ENETUNREACH") if version == 4 else (1, 0, "ENETUNREACH")),
        (routes.UNREACHABLE, (3, 1, "EHOSTUNREACH") if version == 4 else (1, 3, "EHOSTUNREACH")),
        (routes.PROHIBIT, (3, 13, "EHOSTUNREACH") if version == 4 else (1, 1, "EACCES")),
        (routes.BLACKHOLE, None),
    ]
    for kind, expected in cases:
        chain = Chain()
        if kind is not None:
            prefix = Prefix(NOWHERE[version], 24 if version == 4 else 48)
            chain.router.internet.routes.add(Route(prefix, b"", None, 0, b"", kind))
        put(
            chain,
            frame(
                chain, Packet(header(version, SRC[version], NOWHERE[version], UDP), Udp(1, 2), b"")
            ),
        )
        found = [(r.icmp_type, r.icmp_code, ERRNO[r.code]) for r in chain.one.reports]
        assert found == ([] if expected is None else [expected])


@both
def test_a_neighbour_that_does_not_answer_is_told(version: int) -> None:
    chain = Chain()
    dst = A("10.0.2.77") if version == 4 else A("2001:db8:0:2::77")
    path = chain.one.internet.path_to(dst, b"", None, 0)
    chain.one.internet.send(path, Udp(5, 6), b"", UDP, 0, 0, False, 0)
    chain.lan.run(10 * SECOND)
    [report] = chain.one.reports
    assert (report.icmp_type, report.icmp_code) == ((3, 1) if version == 4 else (1, 3))
    assert (ERRNO[report.code], report.hard, report.remote, report.local_port) == (
        "EHOSTUNREACH",
        False,
        dst,
        5,
    )
    assert chain.router.internet.is_local(report.offender)


@both
def test_own_packets_that_nobody_answers_for_are_reported(version: int) -> None:
    pair = Pair()
    dst = A("10.0.1.77") if version == 4 else A("2001:db8:0:1::77")
    path = pair.one.internet.path_to(dst, b"", None, 0)
    for port in (5, 6):
        pair.one.internet.send(path, Tcp(port, 80, 99, 0, 2, 0), b"", TCP, 0, 0, True, 0)
    pair.lan.run(10 * SECOND)
    assert [(ERRNO[r.code], r.local_port, r.seq) for r in pair.one.reports] == [
        ("EHOSTUNREACH", 5, 99),
        ("EHOSTUNREACH", 6, 99),
    ]


@both
def test_traffic_moves_to_another_gateway_and_back(version: int) -> None:
    """RFC 1122 §3.3.1.5: a dead gateway is noticed, the next one used; later it gets another chance."""
    pair = Pair()
    good = "10.0.1.2" if version == 4 else "2001:db8:0:1::2"
    dead = "10.0.1.77" if version == 4 else "2001:db8:0:1::77"
    default_route(pair.one, pair.nic1, dead, metric=0)
    default_route(pair.one, pair.nic1, good, metric=5)
    path = pair.one.internet.path_to(NOWHERE[version], b"", None, 0)
    assert path.next_hop == A(dead)
    pair.one.internet.send(path, Udp(5, 6), b"", UDP, 0, 0, False, 0)
    pair.lan.run(10 * SECOND)
    pair.one.internet.refresh(path)
    assert path.next_hop == A(good)
    pair.lan.run(DEAD_TIME)
    pair.one.internet.refresh(path)
    assert path.next_hop == A(dead)


@both
def test_a_failure_elsewhere_does_not_bury_a_gateway_that_answers(version: int) -> None:
    """What was bound to another NIC and reached nobody there says nothing about the gateway."""
    chain = Chain()
    dst = NOWHERE[version]
    gateway = "10.0.2.2" if version == 4 else "2001:db8:0:2::2"
    other = "10.0.1.77" if version == 4 else "2001:db8:0:1::77"
    router = chain.router
    default_route(router, chain.right, gateway)
    default_route(router, chain.left, other, metric=9)
    path = router.internet.path_to(dst, b"", None, 0)
    router.internet.send(path, Udp(5, 6), b"", UDP, 0, 0, False, 0)
    chain.lan.settle()  # the gateway is known
    bound = router.internet.path_to(dst, b"", chain.left, 0)
    assert bound.next_hop == A(other)
    router.internet.send(bound, Udp(5, 6), b"", UDP, 0, 0, False, 0)
    chain.lan.run(10 * SECOND)
    assert len(router.reports) == 1
    router.internet.refresh(path)
    assert path.next_hop == A(gateway)


@both
def test_a_large_datagram_that_nobody_answers_for_is_reported_once(version: int) -> None:
    pair = Pair()
    dst = A("10.0.1.77") if version == 4 else A("2001:db8:0:1::77")
    path = pair.one.internet.path_to(dst, b"", None, 0)
    pair.one.internet.send(path, Udp(5, 6), bytes(9000), UDP, 0, 0, False, 0)
    pair.lan.run(10 * SECOND)
    assert [(r.local_port, r.remote_port) for r in pair.one.reports] == [(5, 6)]


@both
def test_too_big_with_the_next_links_mtu(version: int) -> None:
    for size, fits in ((1300, True), (1301, False)):
        chain = Chain(mtu2=1300)
        headers = 28 if version == 4 else 48
        ip = header(version, SRC[version], DST[version], UDP)
        if isinstance(ip, IPv4):
            ip.dont_fragment = True
        put(chain, frame(chain, Packet(ip, Udp(1, 2), bytes(size - headers))))
        assert len(chain.two.delivered) == (1 if fits else 0)
        assert [report.mtu for report in chain.one.reports] == ([] if fits else [1300])


def test_a_router_cuts_what_may_be_cut_and_cuts_pieces_again() -> None:
    chain = Chain(mtu2=600)
    ip = IPv4(SRC[4], DST[4], UDP, 9)
    ip.identification = 77
    put(chain, frame(chain, Packet(ip, Udp(1, 2), bytes(range(250)) * 5)))
    [packet] = chain.two.delivered
    assert packet.payload == bytes(range(250)) * 5
    pieces = passed(chain)
    assert [
        (p.ip.fragment_offset, p.ip.more_fragments, p.ip.hop_limit, p.ip.identification)
        for p in pieces
        if p.ip
    ] == [(0, True, 8, 77), (576, True, 8, 77), (1152, False, 8, 77)]
    # A fragment from before, in the middle of its datagram, is cut again.
    middle = IPv4(SRC[4], DST[4], UDP, 9)
    middle.identification, middle.fragment_offset, middle.more_fragments = 78, 8, True
    chain.lan.wire.clear()
    put(chain, frame(chain, Packet(middle, None, bytes(800))))
    assert [
        (p.ip.fragment_offset, p.ip.more_fragments, len(p.payload)) for p in passed(chain) if p.ip
    ] == [(8, True, 576), (584, True, 224)]


def test_options_with_the_copied_flag_go_into_every_fragment() -> None:
    chain = Chain(mtu2=600)
    copied, once = bytes((0x82, 4, 9, 9)), bytes((0x07, 4, 4, 0))
    for options, later in ((once + copied, copied), (once, b""), (bytes((1, 0x82, 1, 0)), b"")):
        chain.lan.wire.clear()
        put(
            chain,
            frame(
                chain,
                Packet(IPv4(SRC[4], DST[4], UDP, 9, 0, False, options), Udp(1, 2), bytes(1200)),
            ),
        )
        found = [p.ip.options for p in passed(chain) if isinstance(p.ip, IPv4)]
        assert found == [options] + [later] * (len(found) - 1)
        assert len(found) == 3


def martians() -> list[tuple[str, Packet, bytes]]:
    """What a router must not send on."""
    groups = b"\x01\x00\x5e\x00\x00\x05"
    return [
        (
            name,
            Packet(header(4 if len(A(src)) == 4 else 6, A(src), A(dst), UDP), Udp(1, 2), b""),
            mac,
        )
        for name, src, dst, mac in [
            ("to 0/8", "10.0.1.1", "0.1.2.3", b""),
            ("to nobody", "10.0.1.1", "0.0.0.0", b""),
            ("to loopback", "10.0.1.1", "127.0.0.1", b""),
            ("to class E", "10.0.1.1", "240.1.2.3", b""),
            ("to everybody", "10.0.1.1", "255.255.255.255", b"\xff" * 6),
            ("to the next network", "10.0.1.1", "10.0.2.255", b""),
            ("to the next network, zeros", "10.0.1.1", "10.0.2.0", b""),
            ("to link-local", "10.0.1.1", "169.254.1.1", b""),
            ("to a group", "10.0.1.1", "224.0.0.5", groups),
            ("from 0/8", "0.1.2.3", "10.0.2.2", b""),
            ("from nobody", "0.0.0.0", "10.0.2.2", b""),
            ("from loopback", "127.0.0.1", "10.0.2.2", b""),
            ("from class E", "240.1.2.3", "10.0.2.2", b""),
            ("from everybody", "255.255.255.255", "10.0.2.2", b""),
            ("from a network", "10.0.1.255", "10.0.2.2", b""),
            ("from a group", "224.0.0.5", "10.0.2.2", b""),
            ("from the router", "10.0.2.254", "10.0.2.2", b""),
            ("from link-local", "169.254.1.1", "10.0.2.2", b""),
            ("in a broadcast", "10.0.1.1", "10.0.2.2", b"\xff" * 6),
            ("v6 to nobody", "2001:db8:0:1::1", "::", b""),
            ("v6 to loopback", "2001:db8:0:1::1", "::1", b""),
            ("v6 to link-local", "2001:db8:0:1::1", "fe80::9", b""),
            ("v6 to a group", "2001:db8:0:1::1", "ff0e::5", b"\x33\x33\x00\x00\x00\x05"),
            ("v6 from nobody", "::", "2001:db8:0:2::2", b""),
            ("v6 from loopback", "::1", "2001:db8:0:2::2", b""),
            ("v6 from link-local", "fe80::1:1", "2001:db8:0:2::2", b""),
            ("v6 from a group", "ff02::5", "2001:db8:0:2::2", b""),
            ("v6 from the router", "2001:db8:0:2::254", "2001:db8:0:2::2", b""),
            ("v6 from a mapped address", "::ffff:10.0.1.1", "2001:db8:0:2::2", b""),
            ("v6 in a broadcast", "2001:db8:0:1::1", "2001:db8:0:2::2", b"\xff" * 6),
        ]
    ]


@pytest.mark.parametrize("what", [name for name, _packet, _mac in martians()])
def test_martians_are_not_sent_on(what: str) -> None:
    chain = Chain()
    default_route(chain.router, chain.right, "10.0.2.2", "2001:db8:0:2::2")
    chain.router.nic("eth2")
    [(packet, mac)] = [(packet, mac) for name, packet, mac in martians() if name == what]
    put(chain, frame(chain, packet, mac))
    assert passed(chain) == []
    assert chain.two.delivered == []
    counters = chain.router.internet.counters.statistics()
    delivered = len(chain.router.delivered)
    dropped = sum(chain.router.link.counters.statistics().values())
    assert sum(counters.values()) + delivered + dropped > 0  # each is counted, or was for us


def test_beyond_the_scope_of_its_source() -> None:
    chain = Chain()
    put(chain, frame(chain, Packet(IPv6(A("fe80::1:1"), DST[6], UDP), Udp(1, 2), b"")))
    [report] = chain.one.reports
    assert (report.icmp_type, report.icmp_code) == (1, 2)


@both
def test_a_way_that_is_known_is_still_checked(version: int) -> None:
    """The short walk makes no exceptions: it is the same for the first packet and the tenth."""
    chain = Chain(mtu2=1300)
    plain = Packet(header(version, SRC[version], DST[version], UDP), Udp(1, 2), b"")
    octets = frame(chain, plain)
    put(chain, octets)
    put(chain, octets)
    late = Packet(header(version, SRC[version], DST[version], UDP, 1), Udp(1, 2), b"")
    put(chain, frame(chain, late))
    ip = header(version, SRC[version], DST[version], UDP)
    if isinstance(ip, IPv4):
        ip.dont_fragment = True
    put(chain, frame(chain, Packet(ip, Udp(1, 2), bytes(1400))))
    put(chain, frame(chain, plain, b"\xff" * 6))
    assert len(chain.two.delivered) == 2
    assert [report.icmp_type for report in chain.one.reports] == (
        [11, 3] if version == 4 else [3, 2]
    )


@both
def test_a_host_does_not_forward(version: int) -> None:
    chain = Chain()
    chain.router.internet.forwarding = False
    put(
        chain,
        frame(chain, Packet(header(version, SRC[version], DST[version], UDP), Udp(1, 2), b"")),
    )
    assert passed(chain) == []
    assert chain.one.reports == []
    assert chain.router.internet.counters.get("internet: for somebody else") == 1


@both
def test_a_change_of_routes_is_followed_at_once(version: int) -> None:
    chain = Chain()
    packet = Packet(header(version, SRC[version], DST[version], UDP), Udp(1, 2), b"")
    octets = frame(chain, packet)
    put(chain, octets)
    put(chain, octets)
    assert len(chain.two.delivered) == 2
    prefix = Prefix(DST[version], len(DST[version]) * 8)
    chain.router.internet.routes.add(Route(prefix, b"", None, 0, b"", routes.BLACKHOLE))
    put(chain, octets)
    assert len(chain.two.delivered) == 2
    chain.router.internet.routes.remove(prefix)
    put(chain, octets)
    assert len(chain.two.delivered) == 3
    chain.right.up = False
    chain.router.internet.changed()
    put(chain, octets)
    assert len(chain.two.delivered) == 3


@both
def test_caches_do_not_grow_with_the_addresses_seen(version: int) -> None:
    chain = Chain()
    default_route(chain.router, chain.right, "10.0.2.2", "2001:db8:0:2::2")
    first = int.from_bytes(NOWHERE[version], "big")
    other = int.from_bytes(A("172.16.0.0") if version == 4 else A("2001:db8:77::"), "big")
    width = 4 if version == 4 else 16
    count = max(SOURCES_LIMIT, WAYS_LIMIT) + 200
    for number in range(count):
        src = (other + number).to_bytes(width, "big")
        dst = (first + number).to_bytes(width, "big")
        chain.router.receive(
            chain.left,
            decode(frame(chain, Packet(header(version, src, dst, UDP), Udp(1, 2), b"")), True),
            0,
        )
    chain.lan.settle()
    statistics = chain.router.internet.statistics()
    assert statistics["forwarded"] == count
    assert statistics["destinations known"] <= WAYS_LIMIT
    assert statistics["sources known"] <= SOURCES_LIMIT


def test_packets_between_two_networks_of_one_nic() -> None:
    """A router on a stick: in and out by the same NIC."""
    pair = Pair()
    pair.one.internet.forwarding = True
    pair.one.address(pair.nic1, "172.16.1.1/24")
    pair.two.address(pair.nic2, "172.16.1.2/24")
    packet = Packet(IPv4(A("10.0.1.2"), A("172.16.1.2"), UDP), Udp(1, 2), b"")
    packet.ethernet = Ethernet(pair.nic1.mac, pair.nic2.mac, ETHERTYPE_IPV4)
    for _number in range(2):
        pair.one.receive(pair.nic1, decode(encode(packet), True), 0)
        pair.lan.settle()
    assert pair.one.internet.statistics()["forwarded"] == 2
    assert pair.two.internet.counters.get("icmp: redirect not believed") == 0  # none was sent
    assert pair.two.internet.counters.get("icmp: redirected") == 0
