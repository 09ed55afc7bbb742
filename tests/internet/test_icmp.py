"""ICMP of both families: echo, who gets an error and who must not, and what Linux makes of each error."""

from __future__ import annotations

import errno

import pytest

from tests.internet.harness import Chain, Machine, Pair
from trunkline.base.addresses import multicast_mac, parse_address
from trunkline.base.results import ERRNO, SENT
from trunkline.base.units import SECOND
from trunkline.internet.errors import ERRORS_A_SECOND, ERRORS_AT_ONCE
from trunkline.wire.ethernet import Ethernet
from trunkline.wire.frame import build_upper, decode, encode, quoted
from trunkline.wire.header import ETHERTYPE_IPV4, ETHERTYPE_IPV6, ICMP, ICMPV6, TCP, UDP, IpHeader
from trunkline.wire.icmp import Icmp, echo, parse_quote
from trunkline.wire.ipv4 import IPv4
from trunkline.wire.ipv6 import DESTINATION_OPTIONS, HOP_BY_HOP, ROUTING, IPv6
from trunkline.wire.packet import Packet
from trunkline.wire.tcp import SYN, Tcp
from trunkline.wire.udp import Udp

A = parse_address
OWN = {4: A("10.0.1.1"), 6: A("2001:db8:0:1::1")}
PEER = {4: A("10.0.1.2"), 6: A("2001:db8:0:1::2")}
FAR = {4: A("10.0.2.2"), 6: A("2001:db8:0:2::2")}
PROTOCOL = {4: ICMP, 6: ICMPV6}
both = pytest.mark.parametrize("version", [4, 6])
UNKNOWN_PROTOCOL = 253


def header(version: int, src: bytes, dst: bytes, protocol: int, hop_limit: int = 64) -> IpHeader:
    if version == 4:
        return IPv4(src, dst, protocol, hop_limit)
    return IPv6(src, dst, protocol, hop_limit)


def put(pair: Pair, packet: Packet, dst_mac: bytes = b"", machine: Machine | None = None) -> None:
    """Host one gets a packet as if from host two."""
    assert packet.ip is not None
    ethertype = ETHERTYPE_IPV4 if packet.ip.version == 4 else ETHERTYPE_IPV6
    packet.ethernet = Ethernet(dst_mac or pair.nic1.mac, pair.nic2.mac, ethertype)
    packet.octets = None
    pair.one.receive(pair.nic1, decode(encode(packet), True), pair.lan.now)
    pair.lan.settle()


def messages(machine: Machine) -> list[Packet]:
    """The ICMP messages a machine sent, neighbour discovery left out."""
    found = []
    for nic, packet in machine.lan.wire:
        if nic.node is machine and isinstance(packet.upper, Icmp):
            if packet.ip is not None and (
                packet.ip.version == 4 or not 133 <= packet.upper.type <= 137
            ):
                found.append(packet)
    return found


def kinds(machine: Machine) -> list[tuple[int, int]]:
    return [
        (packet.upper.type, packet.upper.code)
        for packet in messages(machine)
        if isinstance(packet.upper, Icmp)
    ]


# ---------------------------------------------------------------- echo


@both
@pytest.mark.parametrize("size", [0, 56, 1472, 5000, 60000])
def test_echo_comes_back_with_all_its_data(version: int, size: int) -> None:
    pair = Pair()
    data = bytes(number & 255 for number in range(size))
    kind = 8 if version == 4 else 128
    path = pair.one.internet.path_to(PEER[version], b"", None, 0)
    sent = echo(kind, 0x1234, 7)
    assert pair.one.internet.send(path, sent, data, PROTOCOL[version], 0, 0, False, 0) == SENT
    pair.lan.settle()
    [reply] = pair.one.delivered
    assert isinstance(reply.upper, Icmp) and reply.ip is not None
    assert (reply.upper.type, reply.upper.rest) == (0 if version == 4 else 129, sent.rest)
    assert reply.payload == data
    assert (reply.ip.src, reply.ip.dst) == (PEER[version], OWN[version])


@both
def test_the_code_of_an_echo_request_comes_back_where_it_may(version: int) -> None:
    """RFC 792: nothing but the type changes; RFC 4443 §4.2: the code is 0."""
    pair = Pair()
    request = Icmp(8 if version == 4 else 128, 5, 7)
    put(pair, Packet(header(version, PEER[version], OWN[version], PROTOCOL[version]), request, b""))
    assert kinds(pair.one) == [(0, 5) if version == 4 else (129, 0)]


@both
def test_echo_to_oneself_and_to_every_loopback_address(version: int) -> None:
    pair = Pair()
    targets = ["127.0.0.1", "127.9.8.7", "10.0.1.1"] if version == 4 else ["::1", "2001:db8:0:1::1"]
    for text in targets:
        path = pair.one.internet.path_to(A(text), b"", None, 0)
        kind = 8 if version == 4 else 128
        pair.one.internet.send(path, echo(kind, 1, 1), b"me", PROTOCOL[version], 0, 0, False, 0)
        pair.lan.settle()
        reply = pair.one.delivered.pop()
        assert reply.ip is not None and reply.ip.src == A(text)
    assert all(nic.kind == 2 for nic, _packet in pair.lan.wire)  # nothing left the host


def test_a_router_answers_for_each_of_its_addresses() -> None:
    chain = Chain()
    for text in ("10.0.1.254", "10.0.2.254", "2001:db8:0:1::254", "2001:db8:0:2::254"):
        path = chain.one.internet.path_to(A(text), b"", None, 0)
        kind, protocol = (8, ICMP) if len(A(text)) == 4 else (128, ICMPV6)
        chain.one.internet.send(path, echo(kind, 1, 1), b"", protocol, 0, 0, False, 0)
        chain.lan.settle()
        reply = chain.one.delivered.pop()
        assert reply.ip is not None and reply.ip.src == A(text)


def test_echo_to_many() -> None:
    """RFC 1122 §3.2.2.6: not answered in IPv4, as Linux; RFC 4443 §4.2: answered from a single address."""
    pair = Pair()
    put(pair, Packet(IPv4(PEER[4], A("10.0.1.255"), ICMP), echo(8, 1, 1), b""), b"\xff" * 6)
    put(
        pair,
        Packet(IPv4(PEER[4], A("224.0.0.1"), ICMP), echo(8, 1, 1), b""),
        multicast_mac(A("224.0.0.1")),
    )
    assert messages(pair.one) == []
    assert pair.one.internet.counters.get("icmp: echo to many") == 2
    put(
        pair,
        Packet(IPv6(PEER[6], A("ff02::1"), ICMPV6), echo(128, 1, 1), b""),
        multicast_mac(A("ff02::1")),
    )
    [reply] = messages(pair.one)
    assert reply.ip is not None and (reply.ip.src, reply.ip.dst) == (OWN[6], PEER[6])
    put(pair, Packet(IPv6(bytes(16), OWN[6], ICMPV6), echo(128, 1, 1), b""))
    assert len(messages(pair.one)) == 1  # there is nobody to answer


@both
def test_unknown_informational_types_are_dropped(version: int) -> None:
    pair = Pair()
    for kind in (1, 2, 7, 15, 17, 38, 250) if version == 4 else (130, 131, 144, 200, 255):
        put(
            pair,
            Packet(
                header(version, PEER[version], OWN[version], PROTOCOL[version]), Icmp(kind, 0), b"x"
            ),
        )
    assert messages(pair.one) == []
    assert pair.one.delivered == [] and pair.one.reports == []


def test_a_timestamp_is_answered_in_milliseconds_since_midnight() -> None:
    """RFC 792: the time that the request names, when it came, and when the reply left."""
    pair = Pair()
    pair.lan.run(25 * 3600 * SECOND + 1_234_567_890)
    ip = IPv4(PEER[4], OWN[4], ICMP, 64, 0x10)
    put(pair, Packet(ip, Icmp(13, 0, 0x00070001), bytes.fromhex("01020304 00000000 00000000")))
    [reply] = messages(pair.one)
    assert kinds(pair.one) == [(14, 0)]
    assert isinstance(reply.upper, Icmp) and reply.ip is not None
    assert reply.upper.rest == 0x00070001
    assert (reply.ip.src, reply.ip.dst, reply.ip.traffic_class) == (OWN[4], PEER[4], 0x10)
    time = (3600_000 + 1234).to_bytes(4, "big")
    assert reply.payload == bytes.fromhex("01020304") + time + time
    # without a time, and to everybody: RFC 1122 §3.2.2.8
    put(pair, Packet(IPv4(PEER[4], OWN[4], ICMP), Icmp(13, 0), b"abc"))
    put(pair, Packet(IPv4(PEER[4], A("10.0.1.255"), ICMP), Icmp(13, 0), bytes(12)), b"\xff" * 6)
    put(pair, Packet(IPv4(PEER[4], A("224.0.0.1"), ICMP), Icmp(13, 0), bytes(12)))
    assert len(messages(pair.one)) == 1


# ---------------------------------------------------------------- errors that are sent


@pytest.mark.parametrize(
    ("traffic_class", "expected"), [(0, 0xC0), (0xB8, 0xD8), (0x10, 0xD0), (0xFF, 0xDC), (3, 0xC0)]
)
def test_an_error_has_the_type_of_service_of_its_cause(traffic_class: int, expected: int) -> None:
    """RFC 1812 §4.3.2.5, as Linux: that and the precedence of control; what ECN says is not taken over."""
    pair = Pair()
    pair.one.answer_closed_ports = True
    put(pair, Packet(IPv4(PEER[4], OWN[4], UDP, 64, traffic_class), Udp(7, 9), b""))
    [error] = messages(pair.one)
    assert error.ip is not None and error.ip.traffic_class == expected


@both
def test_a_closed_port_is_told_with_as_much_as_fits(version: int) -> None:
    pair = Pair()
    pair.one.answer_closed_ports = True
    packet = Packet(header(version, PEER[version], OWN[version], UDP, 9), Udp(77, 99), bytes(1400))
    put(pair, packet)
    original = quoted(packet, 65535)
    [error] = messages(pair.one)
    assert kinds(pair.one) == [(3, 3) if version == 4 else (1, 4)]
    assert error.ip_length() == (576 if version == 4 else 1280)
    assert original.startswith(error.payload)  # as received, hop limit and checksums too
    quote = parse_quote(error.payload)
    assert quote is not None and (quote.src_port, quote.dst_port) == (77, 99)
    assert error.ip is not None and error.ip.src == OWN[version]
    [report] = pair.two.reports
    assert ERRNO[report.code] == "ECONNREFUSED" and report.hard
    assert (report.local, report.local_port) == (PEER[version], 77)
    assert (report.remote, report.remote_port, report.offender) == (OWN[version], 99, OWN[version])
    assert report.protocol == UDP


@both
def test_an_unknown_protocol_is_told(version: int) -> None:
    pair = Pair()
    put(
        pair,
        Packet(header(version, PEER[version], OWN[version], UNKNOWN_PROTOCOL), None, bytes(20)),
    )
    assert kinds(pair.one) == [(3, 2) if version == 4 else (4, 1)]
    if version == 6:
        upper = messages(pair.one)[0].upper
        assert isinstance(upper, Icmp) and upper.rest == 6  # the Next Header field
    [report] = pair.two.reports
    assert ERRNO[report.code] == ("ENOPROTOOPT" if version == 4 else "EPROTO")


@both
def test_the_seq_of_a_quoted_segment_is_reported(version: int) -> None:
    chain = Chain()
    path = chain.one.internet.path_to(FAR[version], b"", None, 0)
    segment = Tcp(1025, 80, 0xFEDCBA98, 0, SYN, 1000)
    chain.one.internet.send(path, segment, b"", TCP, 1, 0, True, 0)
    chain.lan.settle()
    [report] = chain.one.reports
    assert (report.protocol, report.local_port, report.remote_port) == (TCP, 1025, 80)
    assert report.seq == 0xFEDCBA98
    assert (ERRNO[report.code], report.hard) == ("EHOSTUNREACH", False)
    router = chain.router.internet
    assert router.is_local(report.offender)
    assert report.offender in chain.left.addresses  # RFC 1812 §4.3.2.4: the way it leaves by


def unanswerable(version: int) -> list[tuple[str, Packet, bytes]]:
    """Packets that call for an error that nobody may send."""
    src, dst = PEER[version], OWN[version]
    protocol = UNKNOWN_PROTOCOL
    group = A("224.0.0.1") if version == 4 else A("ff02::1")
    nobody = bytes(len(src))
    found = [
        (
            "to a group",
            Packet(header(version, src, group, protocol), None, bytes(20)),
            multicast_mac(group),
        ),
        ("from a group", Packet(header(version, group, dst, protocol), None, bytes(20)), b""),
        ("from nobody", Packet(header(version, nobody, dst, protocol), None, bytes(20)), b""),
        (
            "in a broadcast",
            Packet(header(version, src, dst, protocol), None, bytes(20)),
            b"\xff" * 6,
        ),
        (
            "from loopback",
            Packet(
                header(version, A("127.0.0.1") if version == 4 else A("::1"), dst, protocol),
                None,
                bytes(20),
            ),
            b"",
        ),
    ]
    inner = build_upper(header(version, dst, src, UDP), Udp(1, 2), b"")
    quote = quoted(Packet(header(version, dst, src, UDP), None, inner), 500)
    for kind in (3, 4, 11, 12, 5) if version == 4 else (1, 2, 3, 4, 100):
        # An error about an error: one that cannot go on, hop limit 1, to a router's far side.
        found.append(
            (
                f"about type {kind}",
                Packet(
                    header(version, src, FAR[version], PROTOCOL[version], 1),
                    Icmp(kind, 0, 0),
                    quote,
                ),
                b"",
            )
        )
    if version == 4:
        late = header(4, src, FAR[4], UDP, 1)
        late.fragment_offset = 64
        late.identification = 5
        found += [
            (
                "to the network, sent to one",
                Packet(header(4, src, A("10.0.1.255"), protocol), None, bytes(20)),
                b"",
            ),
            (
                "to a group, sent to one",
                Packet(header(4, src, A("224.0.0.1"), protocol), None, bytes(20)),
                b"",
            ),
        ]
        found += [
            ("a later fragment", Packet(late, None, bytes(16)), b""),
            (
                "to everybody",
                Packet(header(4, src, A("255.255.255.255"), protocol), None, bytes(20)),
                b"\xff" * 6,
            ),
            (
                "to the network",
                Packet(header(4, src, A("10.0.1.255"), protocol), None, bytes(20)),
                b"\xff" * 6,
            ),
            (
                "from everybody",
                Packet(header(4, A("255.255.255.255"), dst, protocol), None, bytes(20)),
                b"",
            ),
            (
                "from the network",
                Packet(header(4, A("10.0.1.255"), dst, protocol), None, bytes(20)),
                b"",
            ),
            (
                "from class E",
                Packet(header(4, A("240.0.0.1"), dst, protocol), None, bytes(20)),
                b"",
            ),
            ("from 0/8", Packet(header(4, A("0.1.2.3"), dst, protocol), None, bytes(20)), b""),
            ("an unknown type", Packet(header(4, src, FAR[4], ICMP, 1), Icmp(40, 0), b""), b""),
        ]
    return found


@pytest.mark.parametrize(
    ("version", "what"),
    [(version, what) for version in (4, 6) for what, _packet, _mac in unanswerable(version)],
)
def test_no_error_where_none_may_be_sent(version: int, what: str) -> None:
    pair = Pair()
    pair.one.internet.forwarding = True
    [(packet, mac)] = [(packet, mac) for name, packet, mac in unanswerable(version) if name == what]
    put(pair, packet, mac)
    assert messages(pair.one) == []


@both
def test_errors_are_limited_in_rate(version: int) -> None:
    pair = Pair()
    pair.one.answer_closed_ports = True

    def flood(count: int) -> int:
        before = len(messages(pair.one))
        for _number in range(count):
            put(pair, Packet(header(version, PEER[version], OWN[version], UDP), Udp(77, 99), b""))
        return len(messages(pair.one)) - before

    assert flood(200) == ERRORS_AT_ONCE
    assert pair.one.internet.counters.get("icmp: errors limited") == 200 - ERRORS_AT_ONCE
    pair.lan.run(SECOND // ERRORS_A_SECOND * 10)
    assert flood(100) == 10
    pair.lan.run(10 * SECOND)
    assert flood(100) == ERRORS_AT_ONCE


@both
def test_a_flood_of_other_errors_makes_no_black_hole(version: int) -> None:
    chain = Chain(mtu2=1300)
    unreachable = chain.one.internet.path_to(
        A("10.9.9.9") if version == 4 else A("2001:db8:99::9"), b"", None, 0
    )
    path = chain.one.internet.path_to(FAR[version], b"", None, 0)
    for _number in range(2 * ERRORS_AT_ONCE):
        chain.one.internet.send(unreachable, Udp(1, 2), b"", UDP, 0, 0, True, 0)
        chain.lan.settle()
    assert len(chain.one.reports) == ERRORS_AT_ONCE
    chain.one.internet.send(path, Udp(1, 2), bytes(1400), UDP, 0, 0, True, 0)
    chain.lan.settle()
    assert chain.one.reports[-1].mtu == 1300


def test_within_a_host_errors_are_not_limited() -> None:
    pair = Pair()
    pair.one.answer_closed_ports = True
    path = pair.one.internet.path_to(A("127.0.0.1"), b"", None, 0)
    for number in range(3 * ERRORS_AT_ONCE):
        pair.one.internet.send(path, Udp(5, 6), b"", UDP, 0, 0, False, 0)
        pair.lan.settle()
        assert len(pair.one.reports) == number + 1


# ---------------------------------------------------------------- extension headers


def test_what_is_wrong_in_extension_headers_is_pointed_at() -> None:
    """RFC 8200 §4.2, §4.4: type, code and pointer of the answer, or none."""
    skip, silent, tell, unless = 0x1E, 0x5E, 0x9E, 0xDE

    def option(kind: int) -> bytes:
        return bytes((0, 0, kind, 2, 0, 0, 1, 0))

    def routing(kind: int, left: int) -> bytes:
        return bytes((0, 0, kind, left, 0, 0, 0, 0))

    cases: list[tuple[tuple[tuple[int, bytes], ...], tuple[int, int, int] | None, bool]] = [
        (((HOP_BY_HOP, option(skip)),), None, True),
        (((DESTINATION_OPTIONS, option(skip)), (DESTINATION_OPTIONS, option(skip))), None, True),
        (((DESTINATION_OPTIONS, option(silent)),), None, False),
        (((DESTINATION_OPTIONS, option(tell)),), (4, 2, 42), False),
        (((HOP_BY_HOP, option(skip)), (DESTINATION_OPTIONS, option(unless))), (4, 2, 50), False),
        (((ROUTING, routing(0, 0)),), None, True),
        (((ROUTING, routing(0, 1)),), (4, 0, 42), False),  # RFC 5095: type 0 is unknown
        (((ROUTING, routing(200, 3)),), (4, 0, 42), False),
        (((DESTINATION_OPTIONS, bytes((0, 0, skip, 200, 0, 0, 0, 0))),), (4, 0, 41), False),
        (((DESTINATION_OPTIONS, option(skip)), (HOP_BY_HOP, option(skip))), (4, 1, 40), False),
    ]
    for extensions, answer, delivered in cases:
        pair = Pair()
        put(pair, Packet(IPv6(PEER[6], OWN[6], UDP, 64, 0, 0, extensions), Udp(1, 2), b"x"))
        sent = [
            (p.upper.type, p.upper.code, p.upper.rest)
            for p in messages(pair.one)
            if isinstance(p.upper, Icmp)
        ]
        assert sent == ([] if answer is None else [answer]), extensions
        assert len(pair.one.delivered) == (1 if delivered else 0)


def test_an_unknown_option_to_a_group_is_told_or_not_as_its_bits_say() -> None:
    group = A("ff02::1")
    for kind, answer in ((0x9E, [(4, 2)]), (0xDE, [])):
        pair = Pair()
        extension = ((DESTINATION_OPTIONS, bytes((0, 0, kind, 2, 0, 0, 1, 0))),)
        put(
            pair,
            Packet(IPv6(PEER[6], group, UDP, 64, 0, 0, extension), Udp(1, 2), b"x"),
            multicast_mac(group),
        )
        assert kinds(pair.one) == answer


def test_an_unknown_next_header_behind_others_is_pointed_at() -> None:
    pair = Pair()
    extension = ((DESTINATION_OPTIONS, bytes((0, 0, 1, 4, 0, 0, 0, 0))),)
    put(pair, Packet(IPv6(PEER[6], OWN[6], UNKNOWN_PROTOCOL, 64, 0, 0, extension), None, bytes(8)))
    upper = messages(pair.one)[0].upper
    assert isinstance(upper, Icmp) and (upper.type, upper.code, upper.rest) == (4, 1, 40)
    put(pair, Packet(IPv6(PEER[6], OWN[6], 59), None, b""))  # no next header: nothing to say
    assert len(messages(pair.one)) == 1


# ---------------------------------------------------------------- errors that are understood

LINUX4 = {
    (3, 0): ("ENETUNREACH", False),
    (3, 1): ("EHOSTUNREACH", False),
    (3, 2): ("ENOPROTOOPT", True),
    (3, 3): ("ECONNREFUSED", True),
    (3, 5): ("EOPNOTSUPP", False),
    (3, 6): ("ENETUNREACH", True),
    (3, 7): ("EHOSTDOWN", True),
    (3, 8): ("ENONET", True),
    (3, 9): ("ENETUNREACH", True),
    (3, 10): ("EHOSTUNREACH", True),
    (3, 11): ("ENETUNREACH", False),
    (3, 12): ("EHOSTUNREACH", False),
    (3, 13): ("EHOSTUNREACH", True),
    (3, 14): ("EHOSTUNREACH", True),
    (3, 15): ("EHOSTUNREACH", True),
    (11, 0): ("EHOSTUNREACH", False),
    (11, 1): ("EHOSTUNREACH", False),
    (12, 0): ("EPROTO", True),
}
LINUX6 = {
    (1, 0): ("ENETUNREACH", False),
    (1, 1): ("EACCES", True),
    (1, 2): ("EHOSTUNREACH", False),
    (1, 3): ("EHOSTUNREACH", False),
    (1, 4): ("ECONNREFUSED", True),
    (1, 5): ("EACCES", True),
    (1, 6): ("EACCES", True),
    (3, 0): ("EHOSTUNREACH", False),
    (3, 1): ("EHOSTUNREACH", False),
    (4, 0): ("EPROTO", True),
    (4, 1): ("EPROTO", True),
    (100, 0): ("EPROTO", False),
}


def error(version: int, kind: int, code: int, src: bytes, dst: bytes) -> Packet:
    """An error about a datagram that `src` sent to `dst`."""
    body = build_upper(header(version, src, dst, UDP), Udp(7, 9), b"data")
    quote = quoted(Packet(header(version, src, dst, UDP), None, body), 100)
    return Packet(
        header(version, PEER[version], OWN[version], PROTOCOL[version]), Icmp(kind, code), quote
    )


@pytest.mark.parametrize(
    ("version", "kind", "code", "expected"),
    [(4, *key, value) for key, value in LINUX4.items()]
    + [(6, *key, value) for key, value in LINUX6.items()],
)
def test_each_error_has_the_errno_that_linux_gives(
    version: int, kind: int, code: int, expected: tuple[str, bool]
) -> None:
    pair = Pair()
    put(pair, error(version, kind, code, OWN[version], FAR[version]))
    [report] = pair.one.reports
    assert (ERRNO[report.code], report.hard) == expected
    assert hasattr(errno, ERRNO[report.code])
    assert (report.icmp_type, report.icmp_code) == (kind, code)
    assert (report.local_port, report.remote, report.remote_port) == (7, FAR[version], 9)


@both
def test_errors_about_what_we_never_sent_are_dropped(version: int) -> None:
    pair = Pair()
    kind = 3 if version == 4 else 1
    put(pair, error(version, kind, 1, PEER[version], FAR[version]))
    put(
        pair,
        Packet(header(version, PEER[version], OWN[version], PROTOCOL[version]), Icmp(kind, 1), b""),
    )
    put(
        pair,
        Packet(
            header(version, PEER[version], OWN[version], PROTOCOL[version]),
            Icmp(kind, 1),
            bytes(60),
        ),
    )
    other = error(6 if version == 4 else 4, 1, 1, OWN[10 - version], FAR[10 - version]).payload
    put(
        pair,
        Packet(
            header(version, PEER[version], OWN[version], PROTOCOL[version]), Icmp(kind, 1), other
        ),
    )
    assert pair.one.reports == []


@both
def test_a_short_quote_still_says_which_host(version: int) -> None:
    pair = Pair()
    packet = error(version, 3 if version == 4 else 1, 1, OWN[version], FAR[version])
    packet.payload = packet.payload[: 20 if version == 4 else 40]
    put(pair, packet)
    [report] = pair.one.reports
    assert (report.remote, report.local_port, report.remote_port, report.seq) == (
        FAR[version],
        -1,
        -1,
        -1,
    )


def test_source_quench_is_not_used() -> None:
    pair = Pair()
    put(pair, error(4, 4, 0, OWN[4], FAR[4]))
    assert pair.one.reports == []  # RFC 6633


@both
def test_a_quoted_echo_names_its_identifier(version: int) -> None:
    chain = Chain()
    path = chain.one.internet.path_to(FAR[version], b"", None, 0)
    kind = 8 if version == 4 else 128
    chain.one.internet.send(path, echo(kind, 0x4242, 3), b"", PROTOCOL[version], 1, 0, False, 0)
    chain.lan.settle()
    [report] = chain.one.reports
    assert (report.protocol, report.local_port) == (PROTOCOL[version], 0x4242)
