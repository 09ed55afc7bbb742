"""Fragments in both families: any cut in any order gives the datagram once; what overlaps gives nothing."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.internet.harness import Pair
from trunkline.base.addresses import parse_address
from trunkline.base.results import SENT, TOO_BIG
from trunkline.base.units import SECOND
from trunkline.internet.fragments import (
    DATAGRAMS_LIMIT,
    OCTETS_LIMIT,
    OVERHEAD,
    PIECES_LIMIT,
    REASSEMBLY_TIMEOUT,
)
from trunkline.wire.ethernet import Ethernet
from trunkline.wire.frame import build_upper, decode, encode
from trunkline.wire.header import ETHERTYPE_IPV4, ETHERTYPE_IPV6, TCP, UDP, IpHeader
from trunkline.wire.icmp import Icmp
from trunkline.wire.ipv4 import IPv4
from trunkline.wire.ipv6 import FRAGMENT, HOP_BY_HOP, IPv6, build_fragment_header
from trunkline.wire.packet import Packet
from trunkline.wire.trace import TraceSink
from trunkline.wire.udp import Udp

A = parse_address
ADDRESSES = {4: (A("10.0.1.1"), A("10.0.1.2")), 6: (A("2001:db8:0:1::1"), A("2001:db8:0:1::2"))}
both = pytest.mark.parametrize("version", [4, 6])


class Target:
    """Host two of a pair, and fragments put into its NIC by hand."""

    def __init__(self, version: int) -> None:
        self.pair = Pair()
        self.version = version
        self.src, self.dst = ADDRESSES[version]
        self.host = self.pair.two

    def body(self, data: bytes) -> bytes:
        """The octets behind the IP header of a UDP datagram."""
        whole: IpHeader = IPv4(self.src, self.dst, UDP)
        if self.version == 6:
            whole = IPv6(self.src, self.dst, UDP)
        return build_upper(whole, Udp(5000, 6000), data)

    def fragment(
        self,
        chunk: bytes,
        offset: int,
        more: bool,
        number: int = 1,
        tos: int = 0,
        protocol: int = UDP,
    ) -> Packet:
        ip: IpHeader
        if self.version == 4:
            ip = IPv4(self.src, self.dst, protocol, 64, tos)
        else:
            header = build_fragment_header(offset, more, number)
            ip = IPv6(self.src, self.dst, protocol, 64, tos, 0, ((FRAGMENT, header),))
        ip.identification = number
        ip.fragment_offset = offset
        ip.more_fragments = more
        return Packet(ip, None, chunk)

    def put(self, packet: Packet) -> None:
        ethertype = ETHERTYPE_IPV4 if self.version == 4 else ETHERTYPE_IPV6
        packet.ethernet = Ethernet(self.pair.nic2.mac, self.pair.nic1.mac, ethertype)
        packet.octets = None
        self.host.receive(self.pair.nic2, decode(encode(packet), True), self.pair.lan.now)
        self.pair.lan.settle()

    def count(self, reason: str) -> int:
        return self.host.internet.counters.get(reason)

    def held(self) -> tuple[int, int]:
        statistics = self.host.internet.statistics()
        return statistics["fragments: datagrams held"], statistics["fragments: octets held"]

    def answers(self) -> list[tuple[int, int, int]]:
        """Type, code and `rest` of the ICMP messages that the host sent."""
        found = []
        for nic, packet in self.pair.lan.wire:
            if nic is self.pair.nic2 and isinstance(packet.upper, Icmp):
                if packet.upper.type not in (135, 136):
                    found.append((packet.upper.type, packet.upper.code, packet.upper.rest))
        return found


@st.composite
def cuts(draw: st.DrawFn) -> tuple[bytes, list[tuple[int, int]], list[int]]:
    """Data, a division of the datagram at multiples of 8, and an order with some pieces twice."""
    data = draw(st.binary(min_size=1, max_size=600))
    length = len(data) + 8
    places = sorted(draw(st.sets(st.integers(1, max(1, (length - 1) // 8)), max_size=20)))
    edges = [0] + [place * 8 for place in places if place * 8 < length] + [length]
    pieces = list(itertools.pairwise(edges))
    order = draw(st.permutations(range(len(pieces))))
    # A second copy of a piece, anywhere before the last piece that is new.
    for index in draw(st.lists(st.sampled_from(order), max_size=5)):
        order.insert(draw(st.integers(0, len(order) - 1)), index)
    while len(set(order[:-1])) == len(pieces):
        order.pop()
    return data, pieces, order


@both
@given(plan=cuts())
def test_any_cut_in_any_order_with_duplicates_gives_the_datagram_once(
    version: int, plan: tuple[bytes, list[tuple[int, int]], list[int]]
) -> None:
    data, pieces, order = plan
    target = Target(version)
    body = target.body(data)
    for index in order:
        start, end = pieces[index]
        target.put(target.fragment(body[start:end], start, end < len(body)))
    [packet] = target.host.delivered
    assert packet.payload == data
    assert isinstance(packet.upper, Udp)
    atomic = version == 6 and len(pieces) == 1  # a Fragment header, and nothing to put together
    assert packet.ip is not None
    assert packet.ip.header_length == (20 if version == 4 else 48 if atomic else 40)
    assert target.held() == (0, 0)
    target.pair.lan.run(2 * REASSEMBLY_TIMEOUT)
    assert target.answers() == []


@both
@given(
    data=st.binary(min_size=48, max_size=200),
    start=st.integers(0, 20),
    size=st.integers(1, 20),
    last=st.booleans(),
)
def test_a_piece_that_overlaps_gives_the_datagram_up(
    version: int, data: bytes, start: int, size: int, last: bool
) -> None:
    """The datagram's first half is there; a piece that reaches into it, of other octets, comes."""
    target = Target(version)
    body = target.body(data)
    half = len(body) // 16 * 8
    target.put(target.fragment(body[:half], 0, True))
    start = min(start * 8, half - 8)
    chunk = bytes(octet ^ 0xFF for octet in body[start : start + size * 8])
    if len(chunk) & 7:
        chunk = chunk[: len(chunk) & ~7] or bytes(8)
    target.put(
        target.fragment(chunk, start, not last or start == 0)
    )  # at 0, else it is no fragment
    target.put(target.fragment(body[half:], half, False))
    if version == 4 and start + len(chunk) <= half and (not last or start == 0):
        # as Linux: what brings nothing new is a duplicate, and the octets that came first count
        [packet] = target.host.delivered
        assert packet.payload == data
        assert target.count("fragments: duplicate") == 1
        return
    assert target.host.delivered == []
    target.put(target.fragment(body[:half], 0, True))  # and it stays given up
    assert target.host.delivered == []
    target.pair.lan.run(2 * REASSEMBLY_TIMEOUT)
    assert target.answers() == []  # RFC 8200 §4.5: silently
    assert target.held() == (0, 0)


@both
@pytest.mark.parametrize(
    ("first", "second", "whole"),
    [
        (((0, 8), (8, 16)), (0, 16), True),  # two pieces, and both at once
        (((0, 8), (8, 16)), (4, 12), True),  # a part of each
        (((0, 8), (12, 16)), (4, 16), False),  # a gap between them
        (((4, 8), (8, 16)), (0, 16), False),  # it begins before
        (((4, 8), (8, 16)), (0, 8), False),
    ],
)
def test_pieces_cut_in_another_way_are_duplicates_if_they_bring_nothing_new(
    version: int, first: tuple[tuple[int, int], ...], second: tuple[int, int], whole: bool
) -> None:
    target = Target(version)
    data = bytes(range(200))
    body = target.body(data)
    for start, end in (*first, second):
        target.put(target.fragment(body[start * 8 : end * 8], start * 8, True))
    target.put(target.fragment(body[128:], 128, False))
    whole = whole and version == 4  # RFC 8200 §4.5: in IPv6 an overlap is one unless exact
    assert [packet.payload for packet in target.host.delivered] == [data] * whole
    assert target.count("fragments: overlap") == (not whole)


@both
@given(data=st.binary(min_size=0, max_size=5000), mtu=st.integers(1280, 2000), df=st.booleans())
def test_what_is_cut_here_is_put_together_there(
    version: int, data: bytes, mtu: int, df: bool
) -> None:
    pair = Pair(mtu=mtu)
    src, dst = ADDRESSES[version]
    path = pair.one.internet.path_to(dst, src, None, 0)
    result = pair.one.internet.send(path, Udp(1, 2), data, UDP, 0, 0, df, 0)
    pair.lan.settle()
    length = len(data) + (28 if version == 4 else 48)
    if df and length > mtu:
        assert result == TOO_BIG  # RFC 1122 §3.3.3: nothing is sent
        assert pair.two.delivered == []
        return
    assert result == SENT
    [packet] = pair.two.delivered
    assert packet.payload == data
    for _nic, sent in pair.lan.wire:
        assert sent.ip_length() <= mtu


@both
def test_the_largest_datagram_goes_and_one_octet_more_does_not(version: int) -> None:
    pair = Pair()
    src, dst = ADDRESSES[version]
    path = pair.one.internet.path_to(dst, src, None, 0)
    largest = 65507 if version == 4 else 65527
    assert (
        pair.one.internet.send(path, Udp(1, 2), bytes(largest + 1), UDP, 0, 0, False, 0) == TOO_BIG
    )
    assert pair.one.internet.send(path, Udp(1, 2), bytes(largest), UDP, 0, 0, False, 0) == SENT
    pair.lan.settle()
    [packet] = pair.two.delivered
    assert len(packet.payload) == largest


@both
def test_loopback_takes_the_largest_datagram_too(version: int) -> None:
    pair = Pair()
    src, _dst = ADDRESSES[version]
    path = pair.one.internet.path_to(src, src, None, 0)
    largest = 65507 if version == 4 else 65527
    assert pair.one.internet.send(path, Udp(1, 2), bytes(largest), UDP, 0, 0, False, 0) == SENT
    pair.lan.settle()
    [packet] = pair.one.delivered
    assert len(packet.payload) == largest


@both
def test_time_exceeded_is_sent_only_if_the_first_fragment_came(version: int) -> None:
    for offset, expected in ((0, [(11, 1, 0)] if version == 4 else [(3, 1, 0)]), (64, [])):
        target = Target(version)
        body = target.body(bytes(100))
        target.put(target.fragment(body[offset : offset + 32], offset, True))
        assert target.held()[0] == 1
        target.pair.lan.run(REASSEMBLY_TIMEOUT - SECOND)
        assert target.answers() == []
        target.pair.lan.run(2 * SECOND)
        assert target.answers() == expected
        assert target.held() == (0, 0)
        assert target.count("fragments: timed out") == 1


@both
def test_only_what_belongs_together_is_put_together(version: int) -> None:
    target = Target(version)
    body = target.body(bytes(40))
    target.put(target.fragment(body[:24], 0, True, 1))
    target.put(target.fragment(body[24:], 24, False, 2))
    assert target.host.delivered == []
    target.put(target.fragment(body[24:], 24, False, 1, 0, TCP))
    # RFC 791 §3.2: IPv4 tells protocols apart; RFC 8200 §4.5: IPv6 takes that of the first fragment.
    assert len(target.host.delivered) == (0 if version == 4 else 1)
    target.put(target.fragment(body[24:], 24, False, 1))
    assert len(target.host.delivered) == 1


@both
def test_fragments_that_cannot_be_are_counted(version: int) -> None:
    target = Target(version)
    target.put(target.fragment(bytes(17), 0, True))  # no multiple of 8
    target.put(target.fragment(b"", 8, False))  # of nothing
    target.put(target.fragment(bytes(1480), 65528, False))  # past the largest datagram
    assert target.host.delivered == []
    assert target.held() == (0, 0)
    if version == 6:
        # RFC 8200 §4.5, IP6-012, IP6-013: with the field that is wrong
        assert target.answers() == [(4, 0, 4), (4, 0, 42)]


@both
def test_a_last_fragment_settles_the_length(version: int) -> None:
    for second in ((64, 8, False), (64, 8, True), (40, 16, False)):
        target = Target(version)
        target.put(target.fragment(bytes(8), 48, False))
        offset, size, more = second
        target.put(target.fragment(bytes(size), offset, more))
        assert target.count("fragments: beyond the end") + target.count("fragments: overlap") == 1
        assert target.held() == (1, 0)


def test_an_atomic_fragment_is_taken_at_once_and_apart() -> None:
    target = Target(6)
    body = target.body(b"atom")
    target.put(target.fragment(target.body(bytes(40))[:24], 0, True, 9))
    target.put(target.fragment(body, 0, False, 9))
    [packet] = target.host.delivered
    assert packet.payload == b"atom"
    assert target.held()[0] == 1


def test_a_first_fragment_must_hold_every_header() -> None:
    target = Target(6)
    target.put(target.fragment(bytes(8), 0, True, 1, 0, TCP))
    assert target.answers() == [(4, 3, 0)]
    options = bytes((UDP, 1)) + bytes(14)
    target.put(target.fragment(options[:8], 0, True, 2, 0, 60))
    assert target.answers() == [(4, 3, 0)] * 2
    assert target.held() == (0, 0)


def test_headers_behind_the_fragment_header_are_walked_when_it_is_whole() -> None:
    target = Target(6)
    options = bytes((UDP, 0, 1, 4, 0, 0, 0, 0))
    body = options + target.body(b"behind options")
    target.put(target.fragment(body[:24], 0, True, 2, 0, 60))
    target.put(target.fragment(body[24:], 24, False, 2, 0, 60))
    [packet] = target.host.delivered
    assert packet.payload == b"behind options"


@both
def test_ecn_of_fragments(version: int) -> None:
    """RFC 3168 §5.3: one mark of congestion marks the whole; capable and not capable cannot be one."""
    body = Target(version).body(bytes(40))
    for first, second, expected in (
        (2, 3, 3),
        (1, 1, 1),
        (0, 0, 0),
        (3, 3, 3),
        (0, 2, None),
        (0, 3, None),
    ):
        target = Target(version)
        target.put(target.fragment(body[:24], 0, True, 1, first))
        target.put(target.fragment(body[24:], 24, False, 1, second))
        classes = [packet.ip.traffic_class for packet in target.host.delivered if packet.ip]
        assert classes == ([] if expected is None else [expected])


@both
def test_floods_of_fragments_are_bounded(version: int) -> None:
    target = Target(version)
    chunk = bytes(1400)
    for number in range(OCTETS_LIMIT // 1400 + 500):
        target.put(target.fragment(chunk, 1400, True, number))
        datagrams, octets = target.held()
        assert datagrams <= DATAGRAMS_LIMIT
        assert octets <= OCTETS_LIMIT
    for number in range(
        OCTETS_LIMIT // (40000 + OVERHEAD * 30) + 10
    ):  # few datagrams, much in them
        for part in range(30):
            target.put(target.fragment(chunk, part * 1400 + 1400, True, 60_000 + number))
        assert target.held()[1] <= OCTETS_LIMIT
    assert target.count("fragments: too many datagrams") > 0
    assert target.count("fragments: too many octets") > 0
    body = target.body(bytes(40))
    target.put(target.fragment(body[:24], 0, True, 7))
    target.put(target.fragment(body[24:], 24, False, 7))
    assert len(target.host.delivered) == 1
    target.pair.lan.run(2 * REASSEMBLY_TIMEOUT)
    assert target.held() == (0, 0)


@both
def test_a_datagram_in_very_many_fragments_is_refused(version: int) -> None:
    target = Target(version)
    for part in range(PIECES_LIMIT + 10):
        target.put(target.fragment(bytes(8), 8 + part * 16, True))
    assert target.count("fragments: too many of one datagram") == 1
    assert target.held() == (1, 0)


def test_hop_by_hop_options_within_the_fragments_are_an_unknown_header() -> None:
    """RFC 8200 §4.1: they stand right after the fixed header or nowhere."""
    target = Target(6)
    body = bytes((UDP, 0, 1, 4, 0, 0, 0, 0)) + target.body(bytes(40))
    target.put(target.fragment(body[:32], 0, True, protocol=HOP_BY_HOP))
    target.put(target.fragment(body[32:], 32, False, protocol=HOP_BY_HOP))
    assert target.host.delivered == []
    assert target.answers() == [
        (4, 1, 6)
    ]  # the Next Header field, once the Fragment header is gone


@both
def test_the_trace_hears_of_every_fragment_that_is_not_used(version: int) -> None:
    class Watch(TraceSink):
        def __init__(self) -> None:
            self.heard: list[str] = []

        def drop(self, node: str, reason: str, packet: Packet | None, now: int) -> None:
            assert node == "two" and packet is not None
            self.heard.append(reason)

    target = Target(version)
    watch = target.host.trace = Watch()
    body = target.body(bytes(100))
    for number, start, end, more in (
        (1, 0, 32, True),
        (1, 0, 32, True),  # again
        (1, 24, 56, True),  # into it
        (1, 32, len(body), False),  # too late
        (2, 32, len(body), False),
        (2, 112, 120, True),  # behind the end
        (3, 8, 8, False),  # nothing
    ):
        target.put(target.fragment((body + bytes(20))[start:end], start, more, number))
    assert watch.heard == [
        "fragments: duplicate",
        "fragments: overlap",
        "fragments: of a refused datagram",
        "fragments: beyond the end",
        "fragments: malformed",
    ]
    for number in range(DATAGRAMS_LIMIT + 3):
        target.put(target.fragment(body[:32], 0, True, 10 + number))
    assert watch.heard[5:] == ["fragments: too many datagrams"] * 3
    assert all(target.count(reason) >= 1 for reason in watch.heard)
