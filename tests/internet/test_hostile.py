"""A hostile network: whatever octets come, nothing raises or grows, and each frame is accounted for."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.internet.harness import Chain, Machine, default_route
from trunkline.base.addresses import multicast_mac, parse_address
from trunkline.base.dice import Dice
from trunkline.base.units import MINUTE, SECOND
from trunkline.internet.configuration import REDIRECTS_LIMIT
from trunkline.internet.fragments import DATAGRAMS_LIMIT, OCTETS_LIMIT
from trunkline.internet.layer import SOURCES_LIMIT, WAYS_LIMIT
from trunkline.internet.output import PATHS_LIMIT
from trunkline.internet.paths import PMTU_LIMIT
from trunkline.link.nic import Nic
from trunkline.wire import icmpv4, icmpv6
from trunkline.wire.checksum import checksum
from trunkline.wire.ethernet import Ethernet
from trunkline.wire.frame import build_upper, decode, encode, quoted
from trunkline.wire.header import ETHERTYPE_IPV4, ETHERTYPE_IPV6, ICMP, ICMPV6, TCP, UDP
from trunkline.wire.icmp import Icmp, echo
from trunkline.wire.ipv4 import IPv4
from trunkline.wire.ipv6 import (
    DESTINATION_OPTIONS,
    FRAGMENT,
    HOP_BY_HOP,
    ROUTING,
    IPv6,
    build_fragment_header,
)
from trunkline.wire.packet import Packet
from trunkline.wire.tcp import Tcp
from trunkline.wire.udp import Udp

A = parse_address


class Victims:
    """A host and a router, a door to each, and a ledger of what became of every frame."""

    def __init__(self) -> None:
        self.chain = Chain(mtu2=1300)
        default_route(self.chain.router, self.chain.right, "10.0.2.2", "2001:db8:0:2::2")
        for machine in (self.chain.one, self.chain.router, self.chain.two):
            machine.answer_closed_ports = True
        self.doors = [(self.chain.one, self.chain.nic1), (self.chain.router, self.chain.left)]

    def put(self, octets: bytes, ethernet: bool = True) -> None:
        for machine, nic in self.doors:
            before = accounted(machine)
            machine.receive(nic, decode(octets, ethernet), self.chain.lan.now)
            assert accounted(machine) > before, f"{machine.name} lost a frame without a word"
        self.chain.lan.settle()
        self.chain.lan.wire.clear()

    def check_bounds(self) -> None:
        for machine in (self.chain.one, self.chain.router, self.chain.two):
            statistics = machine.internet.statistics()
            assert statistics["fragments: datagrams held"] <= DATAGRAMS_LIMIT
            assert statistics["fragments: octets held"] <= OCTETS_LIMIT
            assert statistics["path MTUs"] <= PMTU_LIMIT
            assert statistics["paths known"] <= PATHS_LIMIT
            assert statistics["sources known"] <= SOURCES_LIMIT
            assert statistics["destinations known"] <= WAYS_LIMIT
            assert statistics["routes"] <= 10 + REDIRECTS_LIMIT


def accounted(machine: Machine) -> int:
    """Frames that were used, sent on, or counted under a reason."""
    statistics = machine.internet.statistics()
    found = len(machine.delivered) + len(machine.reports) + statistics["forwarded"]
    found += sum(machine.internet.counters.statistics().values())
    found += sum(machine.link.counters.statistics().values())
    return found


def corpus() -> list[bytes]:
    """Real frames of every sort, to the host and through the router."""
    found: list[bytes] = []

    def add(packet: Packet, nic: Nic) -> None:
        ip = packet.ip
        assert ip is not None
        mac = (
            multicast_mac(ip.dst)
            if ip.dst[0] in (224, 0xFF) and len(ip.dst) in (4, 16)
            else nic.mac
        )
        packet.ethernet = Ethernet(
            mac, b"\x02\0\0\0\0\x99", ETHERTYPE_IPV4 if ip.version == 4 else ETHERTYPE_IPV6
        )
        packet.octets = None
        found.append(encode(packet))

    chain = Chain()
    for nic, dst4, dst6 in (
        (chain.nic1, "10.0.1.1", "2001:db8:0:1::1"),
        (chain.left, "10.0.2.2", "2001:db8:0:2::2"),
    ):
        to4, from4 = A(dst4), A("10.0.1.77")
        to6, from6 = A(dst6), A("2001:db8:0:1::77")
        add(Packet(IPv4(from4, to4, TCP), Tcp(1, 2, 3, 4, 16, 5), b"data"), nic)
        add(Packet(IPv6(from6, to6, TCP), Tcp(1, 2, 3, 4, 16, 5), b"data"), nic)
        add(Packet(IPv4(from4, to4, UDP, 1), Udp(1, 2), b"data"), nic)
        add(Packet(IPv6(from6, to6, UDP, 1), Udp(1, 2), b"data"), nic)
        add(
            Packet(
                IPv4(from4, to4, UDP, 9, 0, False, bytes((0x83, 7, 4, 10, 0, 2, 2, 0))),
                Udp(1, 2),
                b"x",
            ),
            nic,
        )
        add(Packet(IPv4(from4, to4, UDP, 9, 0, True), Udp(1, 2), bytes(1400)), nic)
        add(Packet(IPv6(from6, to6, UDP, 9), Udp(1, 2), bytes(1400)), nic)
        add(Packet(IPv4(from4, to4, ICMP), echo(8, 1, 1), b"ping"), nic)
        add(Packet(IPv6(from6, to6, ICMPV6), echo(128, 1, 1), b"ping"), nic)
        add(Packet(IPv4(from4, to4, 253), None, b"unknown"), nic)
        add(Packet(IPv6(from6, to6, 253), None, b"unknown"), nic)
        extensions = (
            (HOP_BY_HOP, bytes((0, 0, 0x9E, 4, 1, 2, 3, 4))),
            (ROUTING, bytes((0, 0, 0, 1, 0, 0, 0, 0))),
            (DESTINATION_OPTIONS, bytes((0, 0, 0xDE, 2, 0, 0, 1, 0))),
        )
        add(Packet(IPv6(from6, to6, UDP, 9, 0, 0, extensions), Udp(1, 2), b"x"), nic)
        for offset, more in ((0, True), (24, True), (48, False)):
            piece4 = IPv4(from4, to4, UDP)
            piece4.identification, piece4.fragment_offset, piece4.more_fragments = 9, offset, more
            add(Packet(piece4, None, bytes(24)), nic)
            piece6 = IPv6(
                from6, to6, UDP, 64, 0, 0, ((FRAGMENT, build_fragment_header(offset, more, 9)),)
            )
            piece6.identification, piece6.fragment_offset, piece6.more_fragments = 9, offset, more
            add(Packet(piece6, None, bytes(24)), nic)
        quote4 = quoted(
            Packet(
                IPv4(to4, from4, UDP),
                None,
                build_upper(IPv4(to4, from4, UDP), Udp(1, 2), bytes(2000)),
            ),
            99,
        )
        quote6 = quoted(
            Packet(
                IPv6(to6, from6, UDP),
                None,
                build_upper(IPv6(to6, from6, UDP), Udp(1, 2), bytes(2000)),
            ),
            99,
        )
        add(Packet(IPv4(from4, to4, ICMP), icmpv4.fragmentation_needed(1300), quote4), nic)
        add(Packet(IPv4(from4, to4, ICMP), Icmp(3, 3), quote4), nic)
        add(
            Packet(
                IPv4(from4, to4, ICMP), Icmp(5, 1, int.from_bytes(A("10.0.1.78"), "big")), quote4
            ),
            nic,
        )
        add(Packet(IPv6(from6, to6, ICMPV6), icmpv6.packet_too_big(1300), quote6), nic)
        add(Packet(IPv6(from6, to6, ICMPV6), Icmp(1, 4), quote6), nic)
        add(Packet(IPv4(from4, A("224.0.0.1"), UDP), Udp(1, 2), b"all"), nic)
        add(Packet(IPv6(from6, A("ff02::1"), UDP), Udp(1, 2), b"all"), nic)
    return found


CORPUS = corpus()


@pytest.mark.parametrize("number", range(len(CORPUS)))
def test_every_truncation_and_every_bit_flip_of_real_frames(number: int) -> None:
    """Header octets bit by bit; what lies behind them only here and there."""
    victims = Victims()
    octets = CORPUS[number]
    victims.put(octets)
    for length in range(min(len(octets), 110)):
        victims.put(octets[:length])
    for bit in range(min(len(octets), 86) * 8):
        flipped = bytearray(octets)
        flipped[bit >> 3] ^= 0x80 >> (bit & 7)
        victims.put(bytes(flipped))
    victims.check_bounds()
    victims.chain.lan.run(2 * MINUTE)


@given(st.lists(st.tuples(st.binary(max_size=200), st.booleans()), min_size=1, max_size=20))
def test_random_octets(frames: list[tuple[bytes, bool]]) -> None:
    victims = Victims()
    for octets, ethernet in frames:
        victims.put(octets, ethernet)
    victims.chain.lan.run(2 * MINUTE)
    victims.check_bounds()


VALUES = (0, 1, 2, 4, 6, 8, 17, 44, 58, 60, 127, 128, 224, 254, 255)


@settings(max_examples=40)
@given(st.integers(0, 1 << 40))
def test_real_frames_with_octets_changed_together(seed: int) -> None:
    """Several changes at once, with the IPv4 header checksum made right, so that more gets in."""
    victims = Victims()
    dice = Dice(seed, "changes")
    for _number in range(60):
        octets = bytearray(CORPUS[dice.below(len(CORPUS))])
        for _change in range(dice.between(1, 6)):
            place = dice.between(12, min(len(octets) - 1, 90))
            octets[place] = VALUES[dice.below(len(VALUES))]
        if octets[12:14] == b"\x08\x00":
            octets[24:26] = bytes(2)
            header = bytes(octets[14 : 14 + (octets[14] & 15) * 4])
            octets[24:26] = checksum(header).to_bytes(2, "big")
        victims.put(bytes(octets))
    victims.check_bounds()
    victims.chain.lan.run(2 * MINUTE)


@pytest.mark.parametrize("version", [4, 6])
def test_a_flood_of_pings_from_everywhere_is_answered_within_bounds(version: int) -> None:
    victims = Victims()
    host, nic = victims.doors[0]
    first = int.from_bytes(A("10.0.1.2") if version == 4 else A("2001:db8:0:1::100"), "big")
    own = A("10.0.1.1") if version == 4 else A("2001:db8:0:1::1")
    for number in range(6000):
        src = (first + number % 250 if version == 4 else first + number).to_bytes(len(own), "big")
        ip = IPv4(src, own, ICMP) if version == 4 else IPv6(src, own, ICMPV6)
        packet = Packet(ip, echo(8 if version == 4 else 128, 1, 1), b"")
        packet.ethernet = Ethernet(
            nic.mac, b"\x02\0\0\0\0\x99", ETHERTYPE_IPV4 if version == 4 else ETHERTYPE_IPV6
        )
        host.receive(nic, packet, victims.chain.lan.now)
        if number % 500 == 0:
            victims.chain.lan.settle()
            victims.chain.lan.wire.clear()
    victims.check_bounds()
    victims.chain.lan.run(10 * SECOND)
    victims.check_bounds()
