"""ARP on the wire, by RFC 826's algorithm."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.link.bench import (
    OTHER_MAC,
    OWN_MAC,
    PEER_MAC,
    V4,
    Bench,
    arp,
)
from trunkline.base.addresses import (
    ANY4,
    BROADCAST4,
    MAC_BROADCAST,
    MAC_NONE,
    parse_address,
    parse_mac,
)
from trunkline.base.units import SECOND
from trunkline.link.arp import (
    BAD_SENDER_IP,
    BAD_SENDER_MAC,
    CONFLICT,
    OWN_FRAME,
    REPLIES_IN,
    REPLIES_OUT,
    REQUESTS_IN,
    UNKNOWN_OPERATION,
)
from trunkline.link.nic import LOOPBACK, Nic
from trunkline.wire.arp import REPLY, REQUEST, Arp
from trunkline.wire.ethernet import padded
from trunkline.wire.frame import encode


def request(target: bytes, sender: bytes = V4.peer, mac: bytes = PEER_MAC) -> Arp:
    return Arp(REQUEST, mac, sender, MAC_NONE, target)


def test_request_for_own_address_is_answered_to_the_asker() -> None:
    bench = Bench()
    bench.receive(V4.request(V4.own, V4.peer, PEER_MAC))
    [packet] = bench.out()
    assert packet.ethernet is not None
    assert packet.ethernet.dst == PEER_MAC
    assert packet.ethernet.src == OWN_MAC
    answer = packet.upper
    assert isinstance(answer, Arp)
    assert answer.operation == REPLY
    assert (answer.sender_mac, answer.sender_ip) == (OWN_MAC, V4.own)
    assert (answer.target_mac, answer.target_ip) == (PEER_MAC, V4.peer)
    assert bench.count(REQUESTS_IN) == bench.count(REPLIES_OUT) == 1


def test_an_address_of_another_nic_is_answered_for() -> None:
    """As Linux: addresses are the host's. A loopback address stays in it, and so does one that is down."""
    bench = Bench()
    loopback = Nic(bench.node, "lo", LOOPBACK, b"", 65536, 7)
    loopback.addresses[parse_address("127.0.0.1")] = 8
    loopback.addresses[parse_address("192.0.2.1")] = 32
    for text in ("192.0.2.1", "127.0.0.1", "192.0.2.2"):
        bench.receive(V4.request(parse_address(text), V4.peer, PEER_MAC))
    [packet] = bench.out()
    answer = packet.upper
    assert isinstance(answer, Arp)
    assert (answer.operation, answer.sender_mac) == (REPLY, OWN_MAC)
    assert answer.sender_ip == parse_address("192.0.2.1")
    loopback.up = False
    bench.receive(V4.request(parse_address("192.0.2.1"), V4.peer, PEER_MAC))
    assert bench.out() == []


def test_request_for_another_is_not_answered_and_its_sender_not_kept() -> None:
    bench = Bench()
    bench.receive(V4.request(V4.address(9), V4.peer, PEER_MAC))
    assert bench.out() == []
    assert bench.state(V4.peer) == "GONE"


def test_request_for_another_updates_a_known_sender() -> None:
    bench = Bench()
    bench.meet(V4)
    bench.receive(V4.request(V4.address(9), V4.peer, OTHER_MAC))
    neighbour = bench.entry(V4.peer)
    assert neighbour is not None
    assert neighbour.mac == OTHER_MAC
    assert bench.out() == []


def test_reply_of_a_stranger_to_us_is_kept() -> None:
    bench = Bench()
    bench.receive(V4.answer(V4.peer, PEER_MAC, V4.own))
    assert bench.state(V4.peer) == "STALE"  # nobody asked: no proof
    assert bench.count(REPLIES_IN) == 1
    assert bench.out() == []


def test_reply_nobody_asked_for_proves_nothing() -> None:
    bench = Bench()
    bench.age(V4)
    bench.receive(V4.answer(V4.peer, PEER_MAC, V4.own))
    assert bench.state(V4.peer) == "STALE"


def test_broadcast_reply_gives_the_address_but_no_proof() -> None:
    bench = Bench()
    bench.send(V4.packet(V4.peer), V4.peer)
    bench.out()
    bench.receive(V4.answer(V4.peer, PEER_MAC, V4.own, solicited=False))
    assert bench.state(V4.peer) == "DELAY"
    assert len(bench.out()) == 1


def test_question_is_a_broadcast_with_no_target_hardware_address() -> None:
    bench = Bench()
    bench.send(V4.packet(V4.peer), V4.peer)
    [packet] = bench.out()
    question = packet.upper
    assert isinstance(question, Arp)
    assert packet.ethernet is not None
    assert packet.ethernet.dst == MAC_BROADCAST
    assert question.target_mac == MAC_NONE
    assert (question.sender_mac, question.sender_ip) == (OWN_MAC, V4.own)


def test_question_is_asked_from_the_address_the_packet_comes_from() -> None:
    bench = Bench()
    second, third = parse_address("10.0.0.7"), parse_address("192.168.0.7")
    bench.nic.addresses[second] = 24
    bench.nic.addresses[third] = 24
    bench.send(V4.packet(V4.peer, src=second), V4.peer)
    [packet] = bench.out()
    assert isinstance(packet.upper, Arp)
    assert packet.upper.sender_ip == second
    # a forwarded packet's source is somebody else's: the address on the target's network asks
    target = parse_address("192.168.0.9")
    bench.send(V4.packet(target, src=parse_address("172.16.0.1")), target)
    [packet] = bench.out()
    assert isinstance(packet.upper, Arp)
    assert packet.upper.sender_ip == third


def test_probe_is_answered_and_alters_nothing() -> None:
    bench = Bench()
    bench.receive(V4.request(V4.own, ANY4, PEER_MAC))
    [packet] = bench.out()
    assert isinstance(packet.upper, Arp)
    assert packet.upper.operation == REPLY
    assert packet.upper.sender_ip == V4.own
    assert packet.upper.target_ip == ANY4
    assert packet.ethernet is not None
    assert packet.ethernet.dst == PEER_MAC
    assert bench.size() == 0


@pytest.mark.parametrize("operation", [0, 3, 4, 8, 65535])
def test_unknown_operations_are_not_answered(operation: int) -> None:
    bench = Bench()
    bench.receive(arp(OWN_MAC, PEER_MAC, Arp(operation, PEER_MAC, V4.peer, OWN_MAC, V4.own)))
    assert bench.out() == []
    assert bench.count(UNKNOWN_OPERATION) == 1


@pytest.mark.parametrize(
    "mac", [MAC_BROADCAST, MAC_NONE, parse_mac("01:00:5e:00:00:01"), parse_mac("33:33:00:00:00:01")]
)
@pytest.mark.parametrize("operation", [REQUEST, REPLY])
def test_group_hardware_addresses_are_not_believed(mac: bytes, operation: int) -> None:
    bench = Bench()
    bench.meet(V4)
    bench.receive(arp(OWN_MAC, PEER_MAC, Arp(operation, mac, V4.peer, OWN_MAC, V4.own)))
    neighbour = bench.entry(V4.peer)
    assert neighbour is not None
    assert neighbour.mac == PEER_MAC
    assert bench.count(BAD_SENDER_MAC) == 1
    assert bench.out() == []


@pytest.mark.parametrize(
    "text", ["224.0.0.1", "127.0.0.1", "255.255.255.255", "0.1.2.3", "240.0.0.1"]
)
def test_senders_that_are_no_unicast_address(text: str) -> None:
    bench = Bench()
    bench.receive(arp(OWN_MAC, PEER_MAC, request(V4.own, parse_address(text))))
    assert bench.count(BAD_SENDER_IP) == 1
    assert bench.size() == 0
    assert bench.out() == []


def test_conflict_is_counted_and_not_believed() -> None:
    bench = Bench()
    bench.receive(arp(MAC_BROADCAST, PEER_MAC, request(V4.own, V4.own)))
    bench.receive(arp(MAC_BROADCAST, PEER_MAC, Arp(REPLY, PEER_MAC, V4.own, OWN_MAC, V4.own)))
    assert bench.count(CONFLICT) == 2
    assert bench.size() == 0
    assert bench.out() == []


def test_own_frame_that_comes_back() -> None:
    bench = Bench()
    bench.send(V4.packet(V4.peer), V4.peer)
    [packet] = bench.out()
    bench.receive(packet)
    assert bench.count(OWN_FRAME) == 1
    assert bench.out() == []
    assert bench.count(CONFLICT) == 0


def test_announcement() -> None:
    bench = Bench()
    bench.link.announce(bench.nic, V4.own)
    [packet] = bench.out()
    assert packet.ethernet is not None
    assert packet.ethernet.dst == MAC_BROADCAST
    assert isinstance(packet.upper, Arp)
    assert packet.upper.operation == REQUEST
    assert packet.upper.sender_ip == packet.upper.target_ip == V4.own

    other = Bench()  # who knew another hardware address for it hears
    other.nic.addresses.clear()
    other.nic.addresses[V4.peer] = 24
    other.nic.mac = OTHER_MAC
    other.send(V4.packet(V4.own, src=V4.peer), V4.own)
    other.receive(V4.answer(V4.own, PEER_MAC, V4.peer, OTHER_MAC))
    other.receive(packet)
    neighbour = other.entry(V4.own)
    assert neighbour is not None
    assert neighbour.mac == OWN_MAC
    assert other.state(V4.own) == "STALE"

    bench.nic.up = False
    bench.link.announce(bench.nic, V4.own)
    assert bench.out() == []


def test_padding_is_ignored() -> None:
    bench = Bench()
    frame = padded(encode(V4.request(V4.own, V4.peer, PEER_MAC)))
    assert len(frame) == 60
    bench.receive_octets(frame)
    assert len(bench.out()) == 1


def test_one_question_a_second_however_many_packets() -> None:
    bench = Bench()
    sent = []
    for _ in range(40):
        bench.send(V4.packet(V4.peer), V4.peer)
        sent += [bench.now] * len(bench.out())
        sent += [when for when, _packet in bench.run(bench.now + SECOND // 4)]
        bench.link.failed()
    assert all(later - sooner >= SECOND for sooner, later in pairwise(sent))
    assert len(sent) == 11  # at 0, 1 ... 10 s


def test_link_broadcasts_need_no_question() -> None:
    bench = Bench()
    for address in (BROADCAST4, parse_address("10.0.0.255")):
        bench.send(V4.packet(address), address)
        [packet] = bench.out()
        assert packet.ethernet is not None
        assert packet.ethernet.dst == MAC_BROADCAST
    assert bench.size() == 0


def test_last_address_of_a_point_to_point_network_is_no_broadcast() -> None:
    bench = Bench()
    bench.nic.addresses.clear()
    bench.nic.addresses[parse_address("10.9.0.0")] = 31
    target = parse_address("10.9.0.1")
    bench.send(V4.packet(target, src=parse_address("10.9.0.0")), target)
    [packet] = bench.out()
    question = V4.question(packet)
    assert question is not None
    assert question[0] == target
