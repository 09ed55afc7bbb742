"""Neighbour discovery on the wire: RFC 4861 §7, what is checked, answered and believed."""

from __future__ import annotations

import pytest

from tests.link.bench import OTHER_MAC, OWN_MAC, PEER_MAC, V6, Bench, ndp
from trunkline.base.addresses import (
    ALL_NODES6,
    ANY6,
    MAC_BROADCAST,
    MAC_NONE,
    multicast_mac,
    parse_address,
    solicited_node,
)
from trunkline.base.units import SECOND
from trunkline.internet.ndp import (
    BAD_HOP_LIMIT,
    BAD_MAC,
    BAD_PROBE,
    BAD_SOLICITED,
    CONFLICT,
    FRAGMENTED,
    LEFT_OUT,
    MALFORMED,
    NO_LONGER_ROUTER,
    NO_SOURCE,
    NOT_ASKED,
    NOT_BELIEVED,
    OTHER_TARGET,
    OWN_SOURCE,
)
from trunkline.wire.frame import encode
from trunkline.wire.header import ICMPV6
from trunkline.wire.icmp import Icmp
from trunkline.wire.icmpv6 import NEIGHBOUR_ADVERTISEMENT, NEIGHBOUR_SOLICITATION
from trunkline.wire.ipv6 import IPv6
from trunkline.wire.ndp import (
    NdpMessage,
    neighbour_advertisement,
    neighbour_solicitation,
    parse_ndp,
)
from trunkline.wire.packet import Packet

GROUP = solicited_node(V6.own)
UNKNOWN_OPTION = b"\xfd\x01" + bytes(6)


def message(packet: Packet) -> NdpMessage:
    assert isinstance(packet.upper, Icmp)
    parsed = parse_ndp(packet.upper, packet.payload)
    assert parsed is not None
    return parsed


def solicitation(
    target: bytes = V6.own,
    src: bytes = V6.peer,
    dst: bytes = GROUP,
    mac: bytes = PEER_MAC,
    extra: bytes = b"",
    code: int = 0,
    hop_limit: int = 255,
) -> Packet:
    icmp, payload = neighbour_solicitation(target, mac)
    icmp.code = code
    dst_mac = multicast_mac(dst) if dst[0] == 0xFF else OWN_MAC
    packet = ndp(dst_mac, PEER_MAC, src, dst, icmp, payload + extra)
    assert packet.ip is not None
    packet.ip.hop_limit = hop_limit
    return packet


def advertisement(
    target: bytes = V6.peer,
    mac: bytes = PEER_MAC,
    router: bool = False,
    solicited: bool = True,
    override: bool = True,
    dst: bytes = V6.own,
) -> Packet:
    icmp, payload = neighbour_advertisement(target, mac, router, solicited, override)
    dst_mac = multicast_mac(dst) if dst[0] == 0xFF else OWN_MAC
    return ndp(dst_mac, mac or PEER_MAC, target, dst, icmp, payload)


# ---------------------------------------------------------------- answering


@pytest.mark.parametrize("router", [False, True])
@pytest.mark.parametrize("dst", [GROUP, V6.own], ids=["multicast", "unicast"])
def test_solicitation_for_an_own_address_is_answered(dst: bytes, router: bool) -> None:
    bench = Bench()
    bench.ndp.router = router
    bench.receive(solicitation(dst=dst))
    [packet] = bench.out()
    assert packet.ethernet is not None and packet.ip is not None
    assert packet.ethernet.dst == PEER_MAC
    assert (packet.ip.src, packet.ip.dst) == (V6.own, V6.peer)
    assert packet.ip.hop_limit == 255
    answer = message(packet)
    assert answer.type == NEIGHBOUR_ADVERTISEMENT
    assert answer.target == V6.own
    assert answer.options.target_mac == OWN_MAC
    assert (answer.router, answer.solicited, answer.override) == (router, True, True)


def test_solicitation_from_nobody_is_answered_to_everybody() -> None:
    bench = Bench()
    bench.receive(solicitation(src=ANY6, mac=b""))
    [packet] = bench.out()
    assert packet.ethernet is not None and packet.ip is not None
    assert packet.ethernet.dst == multicast_mac(ALL_NODES6)
    assert packet.ip.dst == ALL_NODES6
    assert not message(packet).solicited
    assert message(packet).options.target_mac == OWN_MAC
    assert bench.size() == 0


def test_solicitation_without_address_is_answered_when_the_asker_is_found() -> None:
    bench = Bench()
    bench.receive(solicitation(mac=b""))
    [question] = bench.out()
    assert V6.question(question) == (V6.peer, multicast_mac(solicited_node(V6.peer)))
    bench.receive(advertisement())
    [answer] = bench.out()
    assert message(answer).type == NEIGHBOUR_ADVERTISEMENT


def test_any_address_of_the_nic_is_answered_for_and_no_other() -> None:
    bench = Bench()
    local = parse_address("fe80::1")
    bench.nic.addresses[local] = 64
    bench.nic.groups[solicited_node(local)] = 1
    bench.receive(solicitation(local, dst=solicited_node(local)))
    [packet] = bench.out()
    assert message(packet).target == local
    other = local[:-4] + b"\xff\x00\x00\x01"  # the same solicited-node group
    assert solicited_node(other) == solicited_node(local)
    bench.receive(solicitation(other, dst=solicited_node(other)))
    assert bench.out() == []
    assert bench.count(OTHER_TARGET) == 1


def test_asker_does_not_become_or_cease_to_be_a_router() -> None:
    bench = Bench()
    bench.meet(V6)
    bench.receive(advertisement(router=True))
    neighbour = bench.entry(V6.peer)
    assert neighbour is not None
    assert neighbour.is_router
    bench.receive(solicitation(mac=OTHER_MAC))
    assert neighbour.is_router
    assert neighbour.mac == OTHER_MAC


def test_unasked_advertisement() -> None:
    bench = Bench()
    bench.ndp.advertise(bench.nic, V6.own, 0)
    [packet] = bench.out()
    assert packet.ip is not None
    assert packet.ip.dst == ALL_NODES6
    told = message(packet)
    assert (told.target, told.solicited, told.override) == (V6.own, False, True)
    assert told.options.target_mac == OWN_MAC


# ---------------------------------------------------------------- asking


def test_question() -> None:
    bench = Bench()
    bench.send(V6.packet(V6.peer), V6.peer)
    [packet] = bench.out()
    assert packet.ip is not None
    assert packet.ip.src == V6.own
    assert packet.ip.dst == solicited_node(V6.peer)
    assert packet.ip.hop_limit == 255
    asked = message(packet)
    assert asked.type == NEIGHBOUR_SOLICITATION
    assert asked.target == V6.peer
    assert asked.options.source_mac == OWN_MAC


def test_question_comes_from_where_the_packet_does() -> None:
    bench = Bench()
    local, second = parse_address("fe80::1"), parse_address("2001:db8:0:7::1")
    bench.nic.addresses[local] = 64
    bench.nic.addresses[second] = 64
    for target, src, expected in (
        (V6.peer, local, local),  # an own one
        (parse_address("2001:db8:0:7::9"), parse_address("2001:db8:9::9"), second),  # forwarded
        (parse_address("2001:db8:5::9"), parse_address("2001:db8:9::9"), local),  # off any prefix
    ):
        bench.send(V6.packet(target, src=src), target)
        [packet] = bench.out()
        assert packet.ip is not None
        assert packet.ip.src == expected


def test_without_an_address_nothing_is_asked() -> None:
    bench = Bench()
    del bench.nic.addresses[V6.own]
    bench.send(V6.packet(V6.peer), V6.peer)
    assert bench.out() == []
    assert bench.count(NO_SOURCE) == 1
    assert bench.run(10 * SECOND) == []
    assert len(bench.link.failed()) == 1


# ---------------------------------------------------------------- believing


def test_advertisement_without_address_resolves_nothing() -> None:
    bench = Bench()
    bench.send(V6.packet(V6.peer), V6.peer)
    bench.receive(advertisement(mac=b""))
    assert bench.state(V6.peer) == "INCOMPLETE"
    assert bench.count(NOT_BELIEVED) == 1


def test_advertisement_without_address_proves_a_known_one() -> None:
    bench = Bench()
    bench.age(V6)
    bench.receive(advertisement(mac=b""))
    assert bench.state(V6.peer) == "REACHABLE"
    neighbour = bench.entry(V6.peer)
    assert neighbour is not None
    assert neighbour.mac == PEER_MAC


@pytest.mark.parametrize(
    ("same", "solicited", "override", "state", "taken"),
    [
        # from REACHABLE: RFC 4861 §7.2.5, appendix C
        (True, False, False, "REACHABLE", True),
        (True, False, True, "REACHABLE", True),
        (True, True, False, "REACHABLE", True),
        (True, True, True, "REACHABLE", True),
        (False, False, False, "STALE", False),
        (False, True, False, "STALE", False),
        (False, False, True, "STALE", True),
        (False, True, True, "REACHABLE", True),
    ],
)
def test_advertisement_to_a_reachable_entry(
    same: bool, solicited: bool, override: bool, state: str, taken: bool
) -> None:
    bench = Bench()
    neighbour = bench.meet(V6)
    mac = PEER_MAC if same else OTHER_MAC
    dst = V6.own if solicited else ALL_NODES6
    bench.receive(advertisement(V6.peer, mac, True, solicited, override, dst))
    assert bench.state(V6.peer) == state
    assert neighbour.mac == (mac if taken else PEER_MAC)
    assert neighbour.is_router == taken


@pytest.mark.parametrize("doubt", ["STALE", "DELAY", "PROBE"])
@pytest.mark.parametrize(
    ("same", "solicited", "override", "state"),
    [
        (True, False, False, ""),  # no change
        (True, False, True, ""),
        (True, True, False, "REACHABLE"),
        (True, True, True, "REACHABLE"),
        (False, False, False, ""),
        (False, True, False, ""),
        (False, False, True, "STALE"),
        (False, True, True, "REACHABLE"),
    ],
)
def test_advertisement_to_a_doubted_entry(
    doubt: str, same: bool, solicited: bool, override: bool, state: str
) -> None:
    bench = Bench()
    neighbour = bench.age(V6)
    if doubt != "STALE":
        bench.send(V6.packet(V6.peer), V6.peer)
        bench.run(bench.now + (SECOND if doubt == "DELAY" else 5500 * SECOND // 1000))
    assert bench.state(V6.peer) == doubt
    mac = PEER_MAC if same else OTHER_MAC
    dst = V6.own if solicited else ALL_NODES6
    bench.receive(advertisement(V6.peer, mac, False, solicited, override, dst))
    assert bench.state(V6.peer) == (state or doubt)
    assert neighbour.mac == (OTHER_MAC if not same and override else PEER_MAC)
    if state == "STALE":
        assert bench.silent()


@pytest.mark.parametrize(("solicited", "state"), [(True, "REACHABLE"), (False, "DELAY")])
@pytest.mark.parametrize("override", [False, True])
def test_advertisement_to_an_incomplete_entry(solicited: bool, state: str, override: bool) -> None:
    bench = Bench()
    bench.send(V6.packet(V6.peer, b"one"), V6.peer)
    bench.out()
    dst = V6.own if solicited else ALL_NODES6
    bench.receive(advertisement(V6.peer, PEER_MAC, True, solicited, override, dst))
    assert bench.state(V6.peer) == state  # STALE, and used at once by what waited
    assert [packet.payload for packet in bench.out()] == [b"one"]
    neighbour = bench.entry(V6.peer)
    assert neighbour is not None
    assert neighbour.is_router


def test_router_that_is_none_any_more() -> None:
    bench = Bench()
    neighbour = bench.meet(V6)
    bench.receive(advertisement(router=True))
    assert neighbour.is_router
    bench.receive(advertisement(router=False))
    assert not neighbour.is_router
    assert bench.count(NO_LONGER_ROUTER) == 1


# ---------------------------------------------------------------- refusing


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (solicitation(hop_limit=254), BAD_HOP_LIMIT),
        (solicitation(code=1), MALFORMED),
        (solicitation(extra=b"\xfd\x00" + bytes(6)), MALFORMED),  # an option of length 0
        (solicitation(extra=b"\xfd\x02" + bytes(6)), MALFORMED),  # one that does not fit
        (solicitation(extra=b"\xfd"), MALFORMED),
        (solicitation(target=parse_address("ff02::1")), MALFORMED),
        (solicitation(src=ANY6), BAD_PROBE),  # with a link-layer address
        (solicitation(src=ANY6, mac=b"", dst=V6.own), BAD_PROBE),
        (solicitation(src=ANY6, mac=b"", dst=ALL_NODES6), BAD_PROBE),
        (solicitation(mac=MAC_BROADCAST), BAD_MAC),
        (solicitation(mac=MAC_NONE), BAD_MAC),
        (solicitation(mac=OWN_MAC), BAD_MAC),
        (solicitation(target=V6.address(9)), OTHER_TARGET),
        (solicitation(src=V6.own), OWN_SOURCE),
        (advertisement(target=ALL_NODES6), MALFORMED),
        (advertisement(dst=ALL_NODES6), BAD_SOLICITED),
        (advertisement(mac=MAC_BROADCAST), BAD_MAC),
        (advertisement(mac=OWN_MAC), BAD_MAC),
        (advertisement(target=V6.own), CONFLICT),
        (advertisement(), NOT_ASKED),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_refused(packet: Packet, reason: str) -> None:
    bench = Bench()
    packet.octets = None
    assert bench.receive(packet) is None
    assert bench.count(reason) == 1
    assert bench.size() == 0
    assert bench.out() == []


def test_short_messages() -> None:
    for whole in (solicitation(mac=b""), advertisement(mac=b"")):
        for length in range(16):
            bench = Bench()
            short = Packet(whole.ip, whole.upper, whole.payload[:length])
            short.ethernet = whole.ethernet
            bench.receive(short)
            assert bench.count(MALFORMED) == 1
            assert bench.size() == 0


def test_wrong_checksum() -> None:
    bench = Bench()
    octets = bytearray(encode(solicitation()))
    octets[-1] ^= 1
    bench.receive_octets(bytes(octets))
    assert bench.out() == []
    assert bench.size() == 0


def test_unknown_options_are_skipped() -> None:
    bench = Bench()
    bench.receive(solicitation(extra=UNKNOWN_OPTION))
    [packet] = bench.out()
    assert message(packet).type == NEIGHBOUR_ADVERTISEMENT


def test_in_fragments() -> None:
    bench = Bench()
    icmp, payload = neighbour_solicitation(V6.own, PEER_MAC)
    fragment = ((44, b"\x3a\x00\x00\x00\x00\x00\x00\x01"),)
    packet = Packet(IPv6(V6.peer, GROUP, ICMPV6, 255, 0, 0, fragment), icmp, payload)
    packet.ethernet = solicitation().ethernet
    bench.receive(packet)
    assert bench.count(FRAGMENTED) == 1
    assert bench.out() == []


@pytest.mark.parametrize("kind", list(LEFT_OUT))
def test_what_is_not_used_yet_is_counted(kind: int) -> None:
    bench = Bench()
    router = parse_address("fe80::2")
    bench.receive(
        ndp(multicast_mac(ALL_NODES6), PEER_MAC, router, ALL_NODES6, Icmp(kind, 0), bytes(32))
    )
    assert bench.count(LEFT_OUT[kind]) + bench.count(MALFORMED) == 1
    payload = {133: b"", 134: bytes(8), 137: bytes(32)}[kind]
    bench.receive(
        ndp(multicast_mac(ALL_NODES6), PEER_MAC, router, ALL_NODES6, Icmp(kind, 0), payload)
    )
    assert bench.count(LEFT_OUT[kind]) >= 1
    assert bench.out() == []
    assert bench.size() == 0
