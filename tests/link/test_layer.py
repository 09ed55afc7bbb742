"""Which frames go up, which are eaten, and what is counted; what is sent to whom. Both families."""

from __future__ import annotations

import pytest

from tests.link.bench import (
    FAMILIES,
    OTHER_MAC,
    OWN_MAC,
    PEER_MAC,
    V4,
    V6,
    Bench,
    Family,
    arp,
)
from trunkline.base.addresses import (
    MAC_BROADCAST,
    MAC_NONE,
    multicast_mac,
    parse_address,
    parse_mac,
)
from trunkline.base.results import LINK_DOWN, SENT, TOO_BIG
from trunkline.link.layer import (
    DAMAGED,
    FOREIGN,
    FOREIGN_GROUP,
    NIC_DOWN,
    NO_HEADER,
    UNKNOWN_ETHERTYPE,
)
from trunkline.link.nic import BARE, LOOPBACK
from trunkline.wire.arp import REQUEST, Arp
from trunkline.wire.damage import NAMES
from trunkline.wire.ethernet import Ethernet
from trunkline.wire.frame import encode
from trunkline.wire.packet import Packet
from trunkline.wire.trace import TraceSink

both = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
GROUPS = {V4.name: parse_address("239.1.2.3"), V6.name: parse_address("ff05::1:3")}


def frame(family: Family, dst: bytes, dst_ip: bytes, payload: bytes = b"hello") -> Packet:
    packet = family.packet(dst_ip, payload, family.peer)
    packet.ethernet = Ethernet(dst, PEER_MAC, family.ethertype)
    return packet


# ---------------------------------------------------------------- receiving


@both
def test_frame_for_this_nic_goes_up(family: Family) -> None:
    bench = Bench()
    packet = bench.receive(frame(family, OWN_MAC, family.own))
    assert packet is not None
    assert packet.payload == b"hello"
    assert bench.link.counters.statistics() == {}


@both
def test_frame_for_everybody_goes_up_and_says_so(family: Family) -> None:
    bench = Bench()
    packet = bench.receive(frame(family, MAC_BROADCAST, family.own))
    assert packet is not None
    assert packet.ethernet is not None
    assert packet.ethernet.dst == MAC_BROADCAST


@both
def test_frame_for_somebody_else(family: Family) -> None:
    bench = Bench()
    assert bench.receive(frame(family, OTHER_MAC, family.own)) is None
    assert bench.count(FOREIGN) == 1
    bench.nic.promiscuous = True
    assert bench.receive(frame(family, OTHER_MAC, family.own)) is not None


@both
def test_groups(family: Family) -> None:
    bench = Bench()
    group = GROUPS[family.name]
    packet = frame(family, multicast_mac(group), group)
    assert bench.receive(packet) is None
    assert bench.count(FOREIGN_GROUP) == 1
    bench.nic.groups[group] = 1
    assert bench.receive(packet) is not None
    del bench.nic.groups[group]
    assert bench.receive(packet) is None
    bench.nic.all_multicast = True
    assert bench.receive(packet) is not None


@both
def test_group_with_another_groups_hardware_address(family: Family) -> None:
    bench = Bench()
    group = GROUPS[family.name]
    bench.nic.groups[group] = 1
    assert bench.receive(frame(family, parse_mac("01:00:5e:09:09:09"), group)) is None
    assert bench.count(FOREIGN_GROUP) == 1


@pytest.mark.parametrize(("family", "group"), [(V4, "224.0.0.1"), (V6, "ff02::1")])
def test_all_nodes_need_no_joining(family: Family, group: str) -> None:
    bench = Bench()
    address = parse_address(group)
    assert bench.receive(frame(family, multicast_mac(address), address)) is not None


@both
def test_larger_than_the_mtu_is_still_taken(family: Family) -> None:
    bench = Bench()
    assert bench.receive(frame(family, OWN_MAC, family.own, bytes(4000))) is not None


@both
def test_nothing_comes_in_by_a_nic_that_is_down(family: Family) -> None:
    bench = Bench()
    bench.nic.up = False
    assert bench.receive(frame(family, OWN_MAC, family.own)) is None
    assert bench.count(NIC_DOWN) == 1


@both
def test_damage_is_counted_by_its_name(family: Family) -> None:
    bench = Bench()
    octets = bytearray(encode(frame(family, OWN_MAC, family.own)))
    octets[14] = 0xF0  # IP version 15
    assert bench.receive_octets(bytes(octets)) is None
    assert bench.count(DAMAGED + "IP version") == 1
    assert bench.receive_octets(bytes(octets[:20])) is None
    assert bench.receive_octets(bytes(octets[:9])) is None
    assert bench.count(DAMAGED + "frame too short") == 1
    assert sum(bench.link.counters.statistics().values()) == 3
    assert all(name.removeprefix(DAMAGED) in NAMES for name in bench.link.counters.statistics())


def test_malformed_arp() -> None:
    bench = Bench()
    whole = encode(arp(OWN_MAC, PEER_MAC, Arp(REQUEST, PEER_MAC, V4.peer, MAC_NONE, V4.own)))
    for at, value in ((15, 6), (16, 9), (18, 8), (19, 16)):  # hardware, protocol, lengths
        octets = bytearray(whole)
        octets[at] = value
        bench.receive_octets(bytes(octets))
    bench.receive_octets(whole[:-1])
    assert bench.count(DAMAGED + "malformed ARP") == 5
    assert bench.out() == []
    assert bench.size() == 0


@pytest.mark.parametrize("ethertype", [0x0801, 0x8100, 0x88CC, 0xFFFF, 100])
def test_unknown_ethertypes(ethertype: int) -> None:
    bench = Bench()
    packet = Packet(None, None, b"whatever")
    packet.ethernet = Ethernet(OWN_MAC, PEER_MAC, ethertype)
    assert bench.receive(packet) is None
    assert bench.count(UNKNOWN_ETHERTYPE) == 1


@both
def test_frames_of_rfc_1042_are_received(family: Family) -> None:
    bench = Bench()
    plain = encode(frame(family, OWN_MAC, family.own))
    inside = b"\xaa\xaa\x03\x00\x00\x00" + plain[12:]
    octets = plain[:12] + len(inside).to_bytes(2, "big") + inside
    packet = bench.receive_octets(octets + bytes(3))  # padding is ignored
    assert packet is not None
    assert packet.payload == b"hello"
    assert encode(packet) == plain
    # a length that is not there, a SNAP header that is another's, a length inside
    for wrong in (
        octets[:-1],
        octets.replace(b"\xaa\xaa\x03", b"\xaa\xaa\x04"),
        plain[:12] + b"\x00\x10" + b"\xaa\xaa\x03\x00\x00\x00\x00\x10" + bytes(8),
        plain[:12] + b"\x00\x07" + b"\xaa\xaa\x03\x00\x00\x00\x08\x00" + bytes(8),
    ):
        before = bench.count(UNKNOWN_ETHERTYPE)
        assert bench.receive_octets(wrong) is None
        assert bench.count(UNKNOWN_ETHERTYPE) == before + 1


def test_frames_of_rfc_1042_are_not_nested() -> None:
    bench = Bench()
    inside = encode(frame(V4, OWN_MAC, V4.own))[12:]
    for _ in range(2):
        inside = b"\xaa\xaa\x03\x00\x00\x00" + inside
        inside = len(inside).to_bytes(2, "big") + inside
    assert bench.receive_octets(OWN_MAC + PEER_MAC + inside) is None
    assert bench.count(UNKNOWN_ETHERTYPE) == 1


@both
def test_a_tag_that_names_no_vlan_is_looked_through(family: Family) -> None:
    """IEEE 802.1Q: of VLAN 0 only the priority counts; Linux takes such frames as well."""
    bench = Bench()
    plain = encode(frame(family, OWN_MAC, family.own))
    for tag in (b"\x81\x00\x00\x00", b"\x81\x00\xe0\x00", b"\x81\x00\x10\x00"):
        packet = bench.receive_octets(plain[:12] + tag + plain[12:])
        assert packet is not None
        assert packet.payload == b"hello"
        assert encode(packet) == plain
    # of another VLAN, cut off, twice tagged, tagged within SNAP within a tag
    snap = b"\xaa\xaa\x03\x00\x00\x00"
    zero = b"\x81\x00\x00\x00"
    nested = zero + (len(plain)).to_bytes(2, "big") + snap + zero + plain[12:]
    for wrong in (
        b"\x81\x00\x00\x05" + plain[12:],
        b"\x81\x00\x01\x00" + plain[12:],
        b"\x81\x00\x00",
        zero,
        zero * 5000 + plain[12:],
        nested,
    ):
        before = bench.count(UNKNOWN_ETHERTYPE)
        assert bench.receive_octets(plain[:12] + wrong) is None
        assert bench.count(UNKNOWN_ETHERTYPE) == before + 1


def test_arp_behind_a_priority_tag_is_answered() -> None:
    bench = Bench()
    plain = encode(V4.request(V4.own, V4.peer, PEER_MAC))
    bench.receive_octets(plain[:12] + b"\x81\x00\xe0\x00" + plain[12:])
    assert len(bench.out()) == 1


def test_arp_in_a_frame_of_rfc_1042_is_answered() -> None:
    bench = Bench()
    plain = encode(V4.request(V4.own, V4.peer, PEER_MAC))
    inside = b"\xaa\xaa\x03\x00\x00\x00" + plain[12:]
    bench.receive_octets(plain[:12] + len(inside).to_bytes(2, "big") + inside)
    assert len(bench.out()) == 1


@both
@pytest.mark.parametrize("kind", [BARE, LOOPBACK])
def test_nics_without_header(family: Family, kind: int) -> None:
    bench = Bench(kind)
    assert bench.link.receive(bench.nic, family.packet(family.own), 0)
    assert bench.send(family.packet(family.peer), family.peer) == SENT
    [packet] = bench.out()
    assert packet.ethernet is None
    assert packet.payload == b"hello"
    assert bench.size() == 0
    bench.link.announce(bench.nic, V4.own)
    bench.ndp.advertise(bench.nic, V6.own, 0)
    assert bench.out() == []


@both
def test_frame_that_lost_its_header(family: Family) -> None:
    bench = Bench()
    assert not bench.link.receive(bench.nic, family.packet(family.own), 0)
    assert bench.count(NO_HEADER) == 1


class Drops(TraceSink):
    def __init__(self) -> None:
        self.drops: list[tuple[str, str]] = []

    def drop(self, node: str, reason: str, packet: Packet | None, now: int) -> None:
        self.drops.append((node, reason))


@both
def test_the_trace_hears_of_drops(family: Family) -> None:
    bench = Bench()
    sink = Drops()
    bench.node.trace = sink
    bench.receive(frame(family, OTHER_MAC, family.own))
    assert sink.drops == [("host", FOREIGN)]


# ---------------------------------------------------------------- sending


@both
def test_to_a_group_without_asking(family: Family) -> None:
    bench = Bench()
    group = GROUPS[family.name]
    assert bench.send(family.packet(group), group) == SENT
    [packet] = bench.out()
    assert packet.ethernet is not None
    assert packet.ethernet.dst == multicast_mac(group)
    assert packet.ethernet.ethertype == family.ethertype
    assert bench.size() == 0


@both
def test_by_way_of_a_router(family: Family) -> None:
    bench = Bench()
    bench.meet(family)
    far = GROUPS[family.name][:-1] + b"\x01"
    bench.send(family.packet(far), family.peer)
    [packet] = bench.out()
    assert packet.ethernet is not None
    assert packet.ethernet.dst == PEER_MAC


@both
def test_nic_down(family: Family) -> None:
    bench = Bench()
    bench.meet(family)
    bench.nic.up = False
    group = GROUPS[family.name]
    assert bench.send(family.packet(family.peer), family.peer) == LINK_DOWN
    assert bench.send(family.packet(family.address(9)), family.address(9)) == LINK_DOWN
    assert bench.send(family.packet(group), group) == LINK_DOWN
    assert bench.out() == []


@both
def test_larger_than_the_mtu_is_not_sent(family: Family) -> None:
    bench = Bench()
    bench.meet(family)
    header = 20 if family is V4 else 40
    for next_hop in (family.peer, family.address(9), GROUPS[family.name]):
        fits = family.packet(next_hop, bytes(1500 - header))
        large = family.packet(next_hop, bytes(1501 - header))
        assert bench.send(large, next_hop) == TOO_BIG
        assert bench.out() == []
        assert bench.send(fits, next_hop) == SENT
        assert len(bench.out()) == 1


@both
def test_a_forwarded_packet_is_made_anew(family: Family) -> None:
    bench = Bench()
    bench.meet(family)
    packet = bench.receive(frame(family, OWN_MAC, family.address(9)))
    assert packet is not None
    packet.identity = 77
    bench.send(packet, family.peer)
    assert bench.nic.outbox == [packet]
    assert packet.octets is None
    [sent] = bench.out()
    assert sent.ethernet is not None
    assert (sent.ethernet.src, sent.ethernet.dst) == (OWN_MAC, PEER_MAC)
    assert packet.identity == 77
