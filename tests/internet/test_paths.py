"""Path MTUs: learned from routers, never raised by a message, never below the floor, forgotten in time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.internet.harness import Chain, Pair, default_route
from trunkline.base.addresses import parse_address
from trunkline.base.results import SENT, TOO_BIG
from trunkline.base.units import MINUTE
from trunkline.internet.paths import (
    IPV4_PMTU_FLOOR,
    IPV6_PMTU_FLOOR,
    PMTU_LIFETIME,
    PMTU_LIMIT,
    Path,
)
from trunkline.wire import icmpv4, icmpv6
from trunkline.wire.ethernet import Ethernet
from trunkline.wire.frame import build_upper, decode, encode
from trunkline.wire.header import ETHERTYPE_IPV4, ETHERTYPE_IPV6, ICMP, ICMPV6, TCP, UDP
from trunkline.wire.ipv4 import IPv4, build_ipv4
from trunkline.wire.ipv6 import IPv6, build_ipv6
from trunkline.wire.packet import Packet
from trunkline.wire.tcp import Tcp
from trunkline.wire.udp import Udp

A = parse_address
FAR = {4: (A("10.0.1.1"), A("10.0.2.2")), 6: (A("2001:db8:0:1::1"), A("2001:db8:0:2::2"))}
NEAR = {4: (A("10.0.1.1"), A("10.0.1.2")), 6: (A("2001:db8:0:1::1"), A("2001:db8:0:1::2"))}
FLOOR = {4: IPV4_PMTU_FLOOR, 6: IPV6_PMTU_FLOOR}
both = pytest.mark.parametrize("version", [4, 6])


def too_big(pair: Pair, version: int, dst: bytes, mtu: int, length: int = 1500) -> None:
    """Host one gets a message that a datagram of `length` octets to `dst` was too big, from host two."""
    src, router = NEAR[version]
    if version == 4:
        quote = build_ipv4(IPv4(src, dst, UDP, 60, 0, True), length - 20) + build_upper(
            IPv4(src, dst, UDP), Udp(7, 9), b""
        )
        packet = Packet(IPv4(router, src, ICMP), icmpv4.fragmentation_needed(mtu), quote)
        ethertype = ETHERTYPE_IPV4
    else:
        quote = build_ipv6(IPv6(src, dst, UDP, 60), length - 40) + build_upper(
            IPv6(src, dst, UDP), Udp(7, 9), b""
        )
        packet = Packet(IPv6(router, src, ICMPV6), icmpv6.packet_too_big(mtu), quote)
        ethertype = ETHERTYPE_IPV6
    packet.ethernet = Ethernet(pair.nic1.mac, pair.nic2.mac, ethertype)
    pair.one.receive(pair.nic1, decode(encode(packet), True), pair.lan.now)
    pair.lan.settle()


def current(pair: Pair, version: int, dst: bytes) -> Path:
    path = pair.one.internet.path_to(dst, b"", None, pair.lan.now)
    assert path.result == SENT
    return path


@both
def test_a_router_tells_the_mtu_and_the_next_datagram_fits(version: int) -> None:
    chain = Chain(mtu2=1400)
    src, dst = FAR[version]
    path = chain.one.internet.path_to(dst, src, None, 0)
    assert path.mtu == 1500
    headers = 28 if version == 4 else 48

    def send(size: int) -> int:
        result = chain.one.internet.send(path, Udp(7, 9), bytes(size - headers), UDP, 0, 0, True, 0)
        chain.lan.settle()
        return result

    assert send(1500) == SENT
    [report] = chain.one.reports
    assert (report.code, report.hard, report.mtu) == (TOO_BIG, False, 1400)
    assert (report.local, report.local_port, report.remote, report.remote_port) == (src, 7, dst, 9)
    assert send(1401) == TOO_BIG
    assert path.mtu == 1400  # renewed in place
    assert send(1400) == SENT
    assert [len(packet.payload) for packet in chain.two.delivered] == [1400 - headers]
    # And what may be cut is cut to that size.
    chain.lan.wire.clear()
    chain.one.internet.send(path, Udp(7, 9), bytes(3000), UDP, 0, 0, False, 0)
    chain.lan.settle()
    assert len(chain.two.delivered[-1].payload) == 3000
    assert all(packet.ip_length() <= 1400 for _nic, packet in chain.lan.wire)


@both
@given(mtus=st.lists(st.integers(0, 70_000), min_size=1, max_size=12))
def test_the_estimate_never_rises_and_never_falls_below_the_floor(
    version: int, mtus: list[int]
) -> None:
    pair = Pair()
    dst = NEAR[version][1]
    before = 1500
    for mtu in mtus:
        too_big(pair, version, dst, mtu)
        now = current(pair, version, dst).mtu
        assert FLOOR[version] <= now <= before
        if version == 6 and mtu < IPV6_PMTU_FLOOR:
            assert now == before  # RFC 8201 §4: no news
        elif FLOOR[version] <= mtu < before:
            assert now == mtu
        before = now


@both
def test_an_old_estimate_is_forgotten(version: int) -> None:
    pair = Pair()
    dst = NEAR[version][1]
    too_big(pair, version, dst, 1300)
    pair.lan.run(PMTU_LIFETIME - MINUTE)
    assert current(pair, version, dst).mtu == 1300
    assert pair.lan.timers.idle()  # housekeeping: it keeps no run alive
    pair.lan.run(2 * MINUTE)
    assert current(pair, version, dst).mtu == 1500
    assert pair.one.internet.statistics()["path MTUs"] == 0


@both
def test_a_new_message_makes_the_time_start_afresh(version: int) -> None:
    pair = Pair()
    dst = NEAR[version][1]
    too_big(pair, version, dst, 1400)
    pair.lan.run(PMTU_LIFETIME // 2)
    too_big(pair, version, dst, 1300)
    pair.lan.run(PMTU_LIFETIME - MINUTE)
    assert current(pair, version, dst).mtu == 1300
    pair.lan.run(2 * MINUTE)
    assert current(pair, version, dst).mtu == 1500


@pytest.mark.parametrize(
    ("length", "expected"), [(1500, 1492), (1492, 1006), (1006, IPV4_PMTU_FLOOR), (9000, 1500)]
)
def test_a_message_without_an_mtu_leads_down_the_plateaus(length: int, expected: int) -> None:
    pair = Pair()
    dst = NEAR[4][1]
    too_big(pair, 4, dst, 0, length)
    assert current(pair, 4, dst).mtu == expected


def test_below_the_floor_datagrams_go_out_without_df() -> None:
    """As Linux: a link narrower than 552 octets is crossed in fragments."""
    chain = Chain(mtu2=300)
    src, dst = FAR[4]
    path = chain.one.internet.path_to(dst, src, None, 0)
    assert chain.one.internet.send(path, Udp(7, 9), bytes(1000), UDP, 0, 0, True, 0) == SENT
    chain.lan.settle()
    assert chain.two.delivered == []
    assert chain.one.internet.send(path, Udp(7, 9), bytes(500), UDP, 0, 0, True, 0) == SENT
    chain.lan.settle()
    [packet] = chain.two.delivered
    assert len(packet.payload) == 500
    assert path.mtu == IPV4_PMTU_FLOOR


@both
@pytest.mark.parametrize("length", [100, 1400, 1401])
def test_a_message_counts_whatever_length_its_quote_has(version: int, length: int) -> None:
    """As Linux: a router may have changed it (RFC 1191 §5), and who forges a message forges it as well."""
    pair = Pair()
    dst = NEAR[version][1]
    too_big(pair, version, dst, 1400, length)
    assert current(pair, version, dst).mtu == 1400
    [report] = pair.one.reports
    assert (report.code, report.mtu) == (TOO_BIG, 1400)
    too_big(pair, version, dst, 1450, length)  # told again, and never more
    assert current(pair, version, dst).mtu == 1400
    assert [report.mtu for report in pair.one.reports] == [1400, 1400]


@both
def test_unbelievable_messages_change_nothing(version: int) -> None:
    pair = Pair()
    dst = NEAR[version][1]
    if version == 6:
        too_big(pair, version, dst, 1279)  # RFC 8201 §4: no link is so narrow
        assert pair.one.internet.counters.get("icmp: unbelievable path MTU") == 1
        assert pair.one.reports == []
    too_big(pair, version, A("192.0.2.9") if version == 4 else A("2001:db8:9::9"), 1300)  # no way
    assert current(pair, version, dst).mtu == 1500
    assert pair.one.internet.statistics()["path MTUs"] == 0


@both
def test_what_quotes_tcp_counts_once_tcp_believes_it(version: int) -> None:
    """RFC 5927 §4: only TCP knows whether the quoted segment was ever sent."""
    chain = Chain(mtu2=1400)
    src, dst = FAR[version]
    path = chain.one.internet.path_to(dst, src, None, 0)
    chain.one.internet.send(path, Tcp(7, 9, 1, 0, 0, 0), bytes(1440), TCP, 0, 0, True, 0)
    chain.lan.settle()
    [report] = chain.one.reports
    assert (report.code, report.mtu, report.seq) == (TOO_BIG, 1400, 1)
    chain.one.internet.refresh(path)
    assert path.mtu == 1500
    chain.one.internet.narrowed(report, 0)
    chain.one.internet.refresh(path)
    assert (path.mtu, report.mtu) == (1400, 1400)


@both
def test_the_store_is_bounded(version: int) -> None:
    pair = Pair()
    default_route(pair.one, pair.nic1, "10.0.1.2", "2001:db8:0:1::2")
    first = int.from_bytes(A("172.16.0.0") if version == 4 else A("2001:db8:9::"), "big")
    for number in range(PMTU_LIMIT + 50):
        too_big(pair, version, (first + number).to_bytes(4 if version == 4 else 16, "big"), 1300)
    assert pair.one.internet.statistics()["path MTUs"] == PMTU_LIMIT


@both
def test_each_path_has_the_mtu_of_its_first_link(version: int) -> None:
    pair = Pair(mtu=1300)
    assert current(pair, version, NEAR[version][1]).mtu == 1300
    assert current(pair, version, NEAR[version][0]).mtu == (65535 if version == 4 else 65536)


def test_identifications_of_datagrams_that_may_be_cut_differ() -> None:
    """RFC 6864 §4.1: no number again for the same pair soon; DF needs none."""
    pair = Pair()
    src, dst = NEAR[4]
    path = pair.one.internet.path_to(dst, src, None, 0)
    other = pair.one.internet.path_to(dst, b"", None, 0)
    pair.one.internet.send(path, Udp(7, 9), b"", UDP, 0, 0, True, 0)
    pair.lan.settle()  # the neighbour is known from here
    pair.two.delivered.clear()
    for number in range(500):
        way = other if number % 2 else path
        pair.one.internet.send(way, Udp(7, 9), b"", UDP, 0, 0, False, 0)
    pair.one.internet.send(path, Udp(7, 9), b"", UDP, 0, 0, True, 0)
    pair.lan.settle()
    numbers = [packet.ip.identification for packet in pair.two.delivered if packet.ip]
    assert len(set(numbers[:500])) == 500
    last = pair.two.delivered[-1].ip
    assert isinstance(last, IPv4) and last.dont_fragment and last.identification == 0
