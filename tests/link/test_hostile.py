"""Hostile frames at the link floor and at neighbour discovery: nothing raises, hangs or grows, all is counted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.link.bench import OWN_MAC, PEER_MAC, V4, V6, Bench, arp, ndp
from trunkline.base.addresses import (
    ALL_NODES6,
    ANY4,
    ANY6,
    BROADCAST4,
    MAC_BROADCAST,
    MAC_NONE,
    multicast_mac,
    parse_address,
    solicited_node,
)
from trunkline.base.units import SECOND
from trunkline.link.nic import ETHERNET, Nic, Node
from trunkline.link.switch import Switch
from trunkline.wire.arp import Arp
from trunkline.wire.ethernet import Ethernet
from trunkline.wire.frame import decode, encode
from trunkline.wire.icmp import Icmp
from trunkline.wire.packet import Packet

TABLE = 8  # a small table, so that its limit is met
GROUP = solicited_node(V6.own)


def carried(packet: Packet, ethertype: int) -> Packet:
    packet.ethernet = Ethernet(OWN_MAC, PEER_MAC, ethertype)
    return packet


def corpus() -> list[bytes]:
    """One frame of each kind that this floor reads."""
    solicitation = V6.request(V6.own, V6.peer, PEER_MAC)
    packets = [
        V4.request(V4.own, V4.peer, PEER_MAC),
        V4.answer(V4.peer, PEER_MAC, V4.own),
        solicitation,
        V6.answer(V6.peer, PEER_MAC, V6.own),
        carried(V4.packet(V4.own, src=V4.peer), 0x0800),
        carried(V6.packet(V6.own, src=V6.peer), 0x86DD),
        ndp(OWN_MAC, PEER_MAC, V6.peer, ALL_NODES6, Icmp(134, 0, 0x40000708), bytes(8)),
        ndp(OWN_MAC, PEER_MAC, V6.peer, V6.own, Icmp(137, 0), V6.peer + V6.address(9)),
    ]
    frames = [encode(packet) for packet in packets]
    inside = b"\xaa\xaa\x03\x00\x00\x00" + frames[0][12:]
    frames.append(frames[0][:12] + len(inside).to_bytes(2, "big") + inside)
    return frames


class Target:
    """A bench that knows a peer of each family and waits for one more, beside a switch."""

    def __init__(self) -> None:
        self.bench = Bench()
        self.bench.link.policy.table_limit = TABLE
        self.bench.meet(V4)
        self.bench.meet(V6)
        for family in (V4, V6):
            self.bench.send(family.packet(family.address(9)), family.address(9))
        self.bench.out()
        marked: list[Node] = []
        self.switch = Switch("s1", marked)
        self.switch.table_limit = TABLE
        self.ports = [Nic(self.switch, f"p{i}", ETHERNET, MAC_NONE, 1500, i) for i in range(2)]

    def take(self, octets: bytes) -> None:
        """A frame arrives: it goes up or is counted, and what is sent in answer is sound."""
        bench = self.bench
        before = sum(bench.link.counters.statistics().values())
        packet = bench.receive_octets(octets)
        if packet is None:
            assert sum(bench.link.counters.statistics().values()) > before
        else:
            assert packet.ip is not None
        self.look()
        before = sum(self.switch.statistics().values())
        self.switch.receive(self.ports[0], decode(octets, True), bench.now)
        assert sum(self.switch.statistics().values()) > before
        assert self.switch.statistics()["switch: addresses"] <= TABLE
        assert self.ports[0].outbox == []
        for passed in self.ports[1].outbox:
            assert octets.startswith(encode(passed))
        self.ports[1].outbox.clear()

    def look(self) -> None:
        bench = self.bench
        for sent in bench.out():
            assert not sent.damage
            assert sent.ethernet is not None
            assert sent.ethernet.src == OWN_MAC
            assert sent.ethernet.dst != OWN_MAC
        table = bench.nic.neighbours
        assert table is not None
        assert len(table.entries) <= TABLE
        for address, neighbour in table.entries.items():
            assert address not in bench.nic.addresses
            assert not neighbour.mac[0] & 1
            assert (neighbour.header is None) == (neighbour.mac == MAC_NONE)

    def rest(self) -> None:
        """Left alone it comes to rest."""
        self.bench.run(self.bench.now + 60 * SECOND)
        assert self.bench.silent()


@pytest.mark.parametrize("frame", corpus(), ids=range(len(corpus())))
def test_every_truncation(frame: bytes) -> None:
    target = Target()
    for length in range(len(frame)):
        target.take(frame[:length])
    target.rest()


@pytest.mark.parametrize("frame", corpus(), ids=range(len(corpus())))
def test_every_single_bit(frame: bytes) -> None:
    target = Target()
    for bit in range(len(frame) * 8):
        octets = bytearray(frame)
        octets[bit >> 3] ^= 0x80 >> (bit & 7)
        target.take(bytes(octets))
    target.rest()


@pytest.mark.parametrize(
    "whole",
    [V6.request(V6.own, V6.peer, PEER_MAC), V6.answer(V6.peer, PEER_MAC, V6.own)],
    ids=["solicitation", "advertisement"],
)
def test_every_single_bit_of_a_message_with_the_right_checksum(whole: Packet) -> None:
    target = Target()
    for bit in range(len(whole.payload) * 8):
        payload = bytearray(whole.payload)
        payload[bit >> 3] ^= 0x80 >> (bit & 7)
        packet = Packet(whole.ip, whole.upper, bytes(payload))
        packet.ethernet = whole.ethernet
        target.take(encode(packet))
    target.rest()


@given(st.lists(st.binary(max_size=120), max_size=12))
def test_any_octets(frames: list[bytes]) -> None:
    target = Target()
    for octets in frames:
        target.take(octets)
    target.rest()


ETHERTYPES = st.sampled_from([b"\x08\x00", b"\x08\x06", b"\x86\xdd", b"\x00\x20", b"\x81\x00"])


@given(st.lists(st.tuples(ETHERTYPES, st.binary(max_size=90)), max_size=12))
def test_any_octets_behind_a_header(frames: list[tuple[bytes, bytes]]) -> None:
    target = Target()
    for ethertype, octets in frames:
        target.take(OWN_MAC + PEER_MAC + ethertype + octets)
    target.rest()


MACS = st.one_of(
    st.sampled_from([OWN_MAC, PEER_MAC, MAC_BROADCAST, MAC_NONE, multicast_mac(GROUP)]),
    st.binary(min_size=6, max_size=6),
)
ADDRESSES4 = st.one_of(
    st.sampled_from([V4.own, V4.peer, V4.address(9), ANY4, BROADCAST4, parse_address("224.0.0.1")]),
    st.binary(min_size=4, max_size=4),
)
ADDRESSES6 = st.one_of(
    st.sampled_from([V6.own, V6.peer, V6.address(9), ANY6, GROUP, ALL_NODES6]),
    st.binary(min_size=16, max_size=16),
)
ARPS = st.builds(
    lambda dst, src, operation, mac, ip, target_mac, target: arp(
        dst, src, Arp(operation, mac, ip, target_mac, target)
    ),
    st.sampled_from([OWN_MAC, MAC_BROADCAST]),
    MACS,
    st.one_of(st.integers(1, 2), st.integers(0, 0xFFFF)),
    MACS,
    ADDRESSES4,
    MACS,
    ADDRESSES4,
)
OPTIONS = st.lists(
    st.one_of(
        st.builds(lambda kind, mac: bytes((kind, 1)) + mac, st.integers(1, 2), MACS),
        st.binary(max_size=16),
    ),
    max_size=3,
).map(b"".join)
NDPS = st.builds(
    lambda dst_mac, src_mac, src, dst, kind, code, rest, target, options: ndp(
        dst_mac, src_mac, src, dst, Icmp(kind, code, rest), target + options
    ),
    st.sampled_from([OWN_MAC, multicast_mac(GROUP), multicast_mac(ALL_NODES6)]),
    MACS,
    ADDRESSES6,
    ADDRESSES6,
    st.sampled_from([135, 136, 135, 136, 133, 134, 137]),
    st.sampled_from([0, 0, 0, 1]),
    st.sampled_from([0, 1 << 31, 1 << 30, 1 << 29, 3 << 29, 7 << 29]),
    ADDRESSES6,
    OPTIONS,
)


@given(st.lists(st.tuples(st.one_of(ARPS, NDPS), st.integers(0, 4)), max_size=30))
def test_any_fields(frames: list[tuple[Packet, int]]) -> None:
    target = Target()
    for packet, wait in frames:
        target.take(encode(packet))
        for family in (V4, V6):
            target.bench.send(family.packet(family.peer), family.peer)
        target.bench.out()
        target.bench.run(target.bench.now + wait * SECOND)
        target.look()
    target.rest()
