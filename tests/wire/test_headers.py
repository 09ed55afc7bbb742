"""Header by header: what is built is read back the same, for every value that a field can hold."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.wire import frames
from trunkline.base.addresses import Prefix, parse_address, parse_mac
from trunkline.wire import damage, icmpv4, icmpv6
from trunkline.wire.arp import Arp, build_arp, parse_arp
from trunkline.wire.ethernet import Ethernet, build_ethernet, padded, parse_ethernet
from trunkline.wire.frame import build_upper, decode, decode_upper, encode, quoted
from trunkline.wire.header import ICMP, ICMPV6, TCP, UDP
from trunkline.wire.icmp import (
    ABSENT,
    Icmp,
    echo,
    echo_identifier,
    echo_sequence,
    parse_quote,
)
from trunkline.wire.ipv4 import IPv4
from trunkline.wire.ipv6 import (
    EXTENSION_LIMIT,
    FRAGMENT,
    IPv6,
    build_fragment_header,
    parse_options,
)
from trunkline.wire.ndp import (
    NdpMessage,
    NdpOptions,
    PrefixInformation,
    build_ndp,
    neighbour_advertisement,
    neighbour_solicitation,
    parse_ndp,
)
from trunkline.wire.packet import Packet
from trunkline.wire.tcp import Tcp, TcpOptions, build_options, options_length, parse_tcp
from trunkline.wire.udp import Udp

half = st.integers(0, 0xFFFF)
whole = st.integers(0, 0xFFFFFFFF)
mac = st.binary(min_size=6, max_size=6)
address4 = st.binary(min_size=4, max_size=4)
address6 = st.binary(min_size=16, max_size=16)
words = st.integers(0, 10).flatmap(lambda count: st.binary(min_size=4 * count, max_size=4 * count))
extension = st.integers(1, 4).flatmap(
    lambda count: st.binary(min_size=8 * count - 2, max_size=8 * count - 2).map(
        lambda data: bytes((0, count - 1)) + data
    )
)


@st.composite
def ip_header(draw: st.DrawFn, protocol: int) -> IPv4 | IPv6:
    hop_limit, tos = draw(st.integers(0, 255)), draw(st.integers(0, 255))
    if draw(st.booleans()):
        header = IPv4(
            draw(address4),
            draw(address4),
            protocol,
            hop_limit,
            tos,
            draw(st.booleans()),
            draw(words),
        )
        header.identification = draw(half)
        header.reserved_flag = draw(st.booleans())
        return header
    chain = [
        (kind, draw(extension)) for kind in draw(st.lists(st.sampled_from([60, 43]), max_size=3))
    ]
    if draw(st.booleans()):
        chain.insert(0, (0, draw(extension)))
    flow = draw(st.integers(0, 0xFFFFF))
    return IPv6(draw(address6), draw(address6), protocol, hop_limit, tos, flow, tuple(chain))


tcp_options = st.builds(
    TcpOptions,
    mss=st.just(ABSENT) | half,
    window_scale=st.just(ABSENT) | st.integers(0, 255),
    sack_permitted=st.booleans(),
    sack=st.lists(st.tuples(whole, whole), max_size=2).map(tuple),
)


def fields(thing: object) -> dict[str, object]:
    """Every field of a header, and of the options that it holds."""
    found = {name: getattr(thing, name) for name in dir(thing) if name[0] != "_"}
    return {
        name: fields(value) if isinstance(value, TcpOptions) else value
        for name, value in found.items()
    }


def through(packet: Packet, ethernet: bool) -> Packet:
    octets = encode(packet)
    assert len(octets) == packet.length()
    back = decode(octets, ethernet)
    assert back.damage == damage.WHOLE
    assert back.payload == packet.payload
    if packet.ip is not None and back.ip is not None:
        assert fields_but_first_octets(back.ip) == fields_but_first_octets(packet.ip)
    return back


def fields_but_first_octets(header: object) -> dict[str, object]:
    """An extension's first octet is written anew when the packet is built."""
    found = fields(header)
    if isinstance(header, IPv6):
        found["extensions"] = [(kind, octets[1:]) for kind, octets in header.extensions]
    return found


@given(
    ip_header(TCP),
    st.builds(Tcp, half, half, whole, whole, st.integers(0, 0xFFF), half, st.just(ABSENT) | whole),
    st.none() | tcp_options,
    whole,
    half,
    st.binary(max_size=100),
)
def test_tcp(
    ip: IPv4 | IPv6, plain: Tcp, options: TcpOptions | None, echo: int, urgent: int, payload: bytes
) -> None:
    if plain.ts_val == ABSENT:
        echo = 0
    if options is not None and not any(
        (
            options.mss != ABSENT,
            options.window_scale != ABSENT,
            options.sack_permitted,
            options.sack,
        )
    ):
        options = None
    if options is not None and options_length(options, plain.ts_val != ABSENT) > 40:
        options.sack = ()
    tcp = Tcp(
        plain.src_port, plain.dst_port, plain.seq, plain.ack, plain.flags, plain.window,
        plain.ts_val, echo, options, urgent,
    )  # fmt: skip
    back = through(Packet(ip, tcp, payload), False).upper
    assert isinstance(back, Tcp)
    back.raw_options = None
    assert fields(back) == fields(tcp)


@given(tcp_options, st.booleans())
def test_the_length_of_options_is_what_is_built(options: TcpOptions, timestamps: bool) -> None:
    tcp = Tcp(1, 2, 3, 4, 0, 5, 6 if timestamps else ABSENT, 7, options)
    length = len(build_options(tcp))
    assert length % 4 == 0
    assert length == options_length(options, timestamps)
    assert tcp.header_length == 20 + length


def test_options_are_laid_out_as_linux_has_them() -> None:
    tcp = Tcp(1, 2, 3, 4, 2, 5, 6, 0, TcpOptions(1460, 7, True))
    assert build_options(tcp).hex(" ") == (
        "02 04 05 b4 04 02 08 0a 00 00 00 06 00 00 00 00 01 03 03 07"
    )
    tcp = Tcp(1, 2, 3, 4, 2, 5, ABSENT, 0, TcpOptions(1460, 7, True))
    assert build_options(tcp).hex(" ") == "02 04 05 b4 01 01 04 02 01 03 03 07"
    tcp = Tcp(1, 2, 3, 4, 16, 5, 6, 7, TcpOptions(sack=((8, 9),)))
    assert build_options(tcp).hex(" ") == (
        "01 01 08 0a 00 00 00 06 00 00 00 07 01 01 05 0a 00 00 00 08 00 00 00 09"
    )


@given(st.binary(max_size=40))
def test_any_options_are_read_to_an_end(options: bytes) -> None:
    options = options.ljust((len(options) + 3) & ~3, b"\0")
    octets = frames.tcp_with(options)
    tcp = parse_tcp(octets, 0, len(octets))
    assert tcp is not None
    assert tcp.header_length == 20 + len(options)
    assert build_options(tcp) == options


def test_options_at_any_alignment_and_after_unknown_ones() -> None:
    # RFC 9293 §3.1 MUST-5, MUST-6; §3.2 MUST-64
    raw = bytes.fromhex("01 fe 03 99 02 04 05 b4 01 08 0a 00 00 00 01 00 00 00 02 03 03 07 04 02")
    tcp = parse_tcp(frames.tcp_with(raw), 0, 20 + len(raw))
    assert tcp is not None
    assert tcp.options is not None
    assert (tcp.options.mss, tcp.options.window_scale) == (1460, 7)
    assert tcp.options.sack_permitted
    assert (tcp.ts_val, tcp.ts_ecr) == (1, 2)


def test_a_known_option_of_a_wrong_length_is_skipped() -> None:
    raw = bytes.fromhex("02 03 05 03 04 07 07 04 03 00 05 08 00 00 00 00 00 00 02 04 01 02 00 00")
    tcp = parse_tcp(frames.tcp_with(raw), 0, 20 + len(raw))
    assert tcp is not None
    assert tcp.options is not None
    assert tcp.options.mss == 0x102
    assert tcp.options.window_scale == ABSENT
    assert not tcp.options.sack_permitted
    assert tcp.options.sack == ()


@given(ip_header(UDP), half, half, st.booleans(), st.binary(max_size=100))
def test_udp(ip: IPv4 | IPv6, src: int, dst: int, checksummed: bool, payload: bytes) -> None:
    udp = Udp(src, dst, checksummed or ip.version == 6)
    back = through(Packet(ip, udp, payload), False).upper
    assert isinstance(back, Udp)
    assert fields(back) == fields(udp)


@given(ip_header(ICMP), st.integers(0, 255), st.integers(0, 255), whole, st.binary(max_size=100))
def test_icmp(ip: IPv4 | IPv6, kind: int, code: int, rest: int, payload: bytes) -> None:
    ip.protocol = ICMP if ip.version == 4 else ICMPV6
    icmp = Icmp(kind, code, rest)
    back = through(Packet(ip, icmp, payload), False).upper
    assert isinstance(back, Icmp)
    assert fields(back) == fields(icmp)


@given(half, mac, address4, mac, address4, mac, mac)
def test_arp_and_ethernet(
    operation: int, mac1: bytes, ip1: bytes, mac2: bytes, ip2: bytes, dst: bytes, src: bytes
) -> None:
    arp = Arp(operation, mac1, ip1, mac2, ip2)
    packet = Packet(None, arp, b"")
    packet.ethernet = Ethernet(dst, src, 0x0806)
    back = through(packet, True)
    assert isinstance(back.upper, Arp)
    assert fields(back.upper) == fields(arp)
    assert back.ethernet is not None
    assert fields(back.ethernet) == fields(packet.ethernet)
    assert parse_arp(build_arp(arp)[:27], 0) is None
    assert parse_ethernet(build_ethernet(packet.ethernet)[:13], 0) is None


def test_arp_for_other_hardware_is_not_understood() -> None:
    octets = frames.linux_frames()[4][0]
    for at in range(14, 20):  # RFC 826: types and lengths come before anything else
        wrong = octets[:at] + b"\x63" + octets[at + 1 :]
        assert decode(wrong, True).damage == damage.ARP_MALFORMED


def test_a_frame_is_padded_only_when_asked() -> None:
    octets = frames.linux_frames()[4][0]
    assert len(encode(decode(octets, True))) == 42
    assert len(padded(octets)) == 60
    assert padded(bytes(100)) == bytes(100)


@given(st.integers(0, 8191).map(lambda n: n * 8), st.booleans(), whole, st.binary(max_size=40))
def test_fragments_stay_raw(offset: int, more: bool, identification: int, payload: bytes) -> None:
    ip = IPv6(
        frames.SRC6, frames.DST6, TCP, extensions=((FRAGMENT, build_fragment_header(offset, more, identification)),)
    )  # fmt: skip
    if not offset and not more:
        return
    packet = decode(encode(Packet(ip, None, payload)), False)
    assert packet.damage == damage.WHOLE
    assert packet.upper is None
    assert packet.payload == payload
    assert packet.ip is not None
    assert packet.ip.protocol == TCP
    assert packet.ip.fragment_offset == offset
    assert packet.ip.more_fragments == more
    assert packet.ip.identification == identification


def test_an_atomic_fragment_is_read_to_its_end() -> None:
    inner = frames.summed(UDP, bytes.fromhex("c000 0035 000b 0000") + b"abc", 6, version=6)
    body = bytes.fromhex("3c00 0000 01020304") + bytes.fromhex("1100 0104 00000000") + inner
    packet = decode(frames.ipv6(44, body), True)
    assert isinstance(packet.upper, Udp)
    assert isinstance(packet.ip, IPv6)
    assert [kind for kind, _octets in packet.ip.extensions] == [44, 60]


def test_a_first_fragment_is_read_no_further_than_its_fragment_header() -> None:
    body = bytes.fromhex("3c00 0001 01020304") + bytes.fromhex("1100 0104 00000000") + b"rest"
    packet = decode(frames.ipv6(44, body), True)
    assert packet.ip is not None
    assert packet.ip.protocol == 60
    assert packet.payload == body[8:]


def test_hop_by_hop_options_anywhere_but_first_are_an_unknown_header() -> None:
    # RFC 8200 §4.1
    body = bytes.fromhex("0000 0104 00000000") + bytes.fromhex("3b00 0104 00000000")
    packet = decode(frames.ipv6(60, body), True)
    assert packet.ip is not None
    assert packet.ip.protocol == 0
    assert packet.payload == body[8:]
    assert packet.damage == damage.WHOLE


def test_a_chain_of_extension_headers_has_a_limit() -> None:
    one = bytes.fromhex("3c00 0104 00000000")
    packet = decode(frames.ipv6(60, one * EXTENSION_LIMIT + b"\x3b" + bytes(7)), True)
    assert packet.damage == damage.IPV6_EXTENSION
    assert packet.upper is None
    fits = one * (EXTENSION_LIMIT - 1) + b"\x3b" + one[1:]
    assert decode(frames.ipv6(60, fits), True).damage == damage.WHOLE


def test_an_extension_header_past_the_end() -> None:
    for body in (b"", b"\x3b\x00", b"\x3b\x01" + bytes(8)):
        packet = decode(frames.ipv6(60, body), True)
        assert packet.damage == damage.IPV6_EXTENSION
        assert packet.ip is not None
        assert packet.payload == body


def test_options_of_extension_headers() -> None:
    # RFC 8200 §4.2: Pad1 and PadN anywhere; the pointer of an error needs the offset
    octets = bytes.fromhex("3b01 00 0101ff 05020000 c203010203 00 ")[:16]
    assert parse_options(octets) == [(5, 6, b"\0\0"), (0xC2, 10, b"\1\2\3")]
    assert parse_options(bytes.fromhex("3b00 01ff 00000000")) is None
    assert parse_options(bytes.fromhex("3b00 0000 000000c2")) is None


@given(ip_header(TCP), st.binary(max_size=60))
def test_a_reassembled_packet_is_read_like_a_whole_one(ip: IPv4 | IPv6, payload: bytes) -> None:
    octets = build_upper(ip, Tcp(1, 2, 3, 4, 5, 6), payload)
    if isinstance(ip, IPv6):  # the part that was cut up begins with an extension header
        ip = IPv6(ip.src, ip.dst, 60)
        octets = bytes.fromhex("0600 0104 00000000") + octets
    upper, rest, damaged = decode_upper(ip, octets)
    assert isinstance(upper, Tcp)
    assert rest == payload
    assert damaged == damage.WHOLE
    assert ip.protocol == TCP
    octets = build_upper(ip, upper, payload)
    octets = octets[:-1] + bytes((octets[-1] ^ 1,))
    assert decode_upper(ip, octets) == (None, octets, damage.TCP_CHECKSUM)


def test_what_an_icmp_error_quotes() -> None:
    for octets, _known in frames.linux_frames():
        packet = decode(octets, True)
        ip, upper = packet.ip, packet.upper
        if ip is None or (upper is None):
            continue
        for limit in (ip.header_length + 8, 548):
            quote = parse_quote(quoted(packet, limit))
            assert quote is not None
            assert (quote.ip.src, quote.ip.dst, quote.protocol) == (ip.src, ip.dst, ip.protocol)
            if isinstance(upper, Tcp):
                assert (quote.src_port, quote.dst_port) == (upper.src_port, upper.dst_port)
                assert quote.seq == upper.seq
            elif isinstance(upper, Udp):
                assert (quote.src_port, quote.dst_port) == (upper.src_port, upper.dst_port)
                assert quote.seq == ABSENT
            elif isinstance(upper, Icmp):
                assert quote.icmp_type == upper.type
                assert quote.src_port == echo_identifier(upper)
                assert quote.dst_port == echo_sequence(upper)
        short = parse_quote(quoted(packet, ip.header_length + 7))
        assert short is not None
        assert (short.src_port, short.icmp_type) == (ABSENT, ABSENT)
        assert parse_quote(quoted(packet, 19)) is None
    assert parse_quote(b"") is None


@given(st.binary(max_size=80))
def test_any_octets_may_be_quoted(octets: bytes) -> None:
    parse_quote(octets)


def test_echo_and_errors() -> None:
    icmp = echo(icmpv4.ECHO_REQUEST, 0x1234, 0xFFFF)
    assert (echo_identifier(icmp), echo_sequence(icmp)) == (0x1234, 0xFFFF)
    assert icmpv4.mtu_of(icmpv4.fragmentation_needed(1400)) == 1400
    assert icmpv4.pointer_of(icmpv4.parameter_problem(20)) == 20
    assert icmpv6.packet_too_big(1280).rest == 1280
    errors = [kind for kind in range(256) if icmpv4.is_error(kind)]
    assert errors == [3, 4, 5, 11, 12]
    assert [kind for kind in range(256) if icmpv6.is_error(kind)] == list(range(128))


prefixes = st.builds(
    PrefixInformation,
    st.builds(Prefix, address6, st.integers(0, 128)),
    st.booleans(),
    st.booleans(),
    whole,
    whole,
)
ndp_options = st.builds(
    NdpOptions,
    st.just(b"") | mac,
    st.just(b"") | mac,
    st.just(ABSENT) | whole,
    st.lists(prefixes, max_size=3).map(tuple),
    st.integers(0, 6).flatmap(lambda n: st.binary(min_size=8 * n, max_size=8 * n)),
)


@given(st.integers(133, 137), ndp_options, address6, address6, st.data())
def test_neighbour_discovery(
    kind: int, options: NdpOptions, target: bytes, destination: bytes, data: st.DataObject
) -> None:
    message = NdpMessage(kind, options)
    if kind in (135, 136, 137):
        message.target = b"\x20" + target[1:]
    if kind == 137:
        message.destination = destination
    if kind == 136:
        message.router, message.solicited, message.override = data.draw(
            st.tuples(st.booleans(), st.booleans(), st.booleans())
        )
    if kind == 134:
        message.hop_limit = data.draw(st.integers(0, 255))
        message.managed, message.other = data.draw(st.tuples(st.booleans(), st.booleans()))
        message.router_lifetime = data.draw(half)
        message.reachable_time, message.retrans_timer = data.draw(st.tuples(whole, whole))
    icmp, payload = build_ndp(message)
    back = parse_ndp(icmp, payload)
    assert back is not None
    assert message_fields(back) == message_fields(message)
    assert parse_ndp(Icmp(kind, 1, icmp.rest), payload) is None
    for length in range(len(payload)):
        short = parse_ndp(icmp, payload[:length])
        assert short is None or length % 8 == 0


MESSAGE = [
    "type",
    "target",
    "destination",
    "router",
    "solicited",
    "override",
    "hop_limit",
    "managed",
    "other",
    "router_lifetime",
    "reachable_time",
    "retrans_timer",
]


def message_fields(message: NdpMessage) -> list[object]:
    options = message.options
    return [getattr(message, name) for name in MESSAGE] + [
        options.source_mac,
        options.target_mac,
        options.mtu,
        options.redirected,
        [
            (p.prefix, p.on_link, p.autonomous, p.valid_lifetime, p.preferred_lifetime)
            for p in options.prefixes
        ],
    ]


def test_neighbour_discovery_of_linux_is_built_the_same() -> None:
    lines = frames.linux_frames()
    solicited, advertised = decode(lines[20][0], True), decode(lines[21][0], True)
    icmp, payload = neighbour_solicitation(
        parse_address("2001:db8::2"), parse_mac("02:00:00:00:00:01")
    )
    assert isinstance(solicited.upper, Icmp)
    assert (icmp.type, icmp.rest, payload) == (135, solicited.upper.rest, solicited.payload)
    icmp, payload = neighbour_advertisement(
        parse_address("2001:db8::2"), parse_mac("02:00:00:00:00:02"), False, True, True
    )
    assert isinstance(advertised.upper, Icmp)
    assert (icmp.type, icmp.rest, payload) == (136, advertised.upper.rest, advertised.payload)


def test_neighbour_discovery_that_must_be_refused() -> None:
    target = parse_address("2001:db8::2")
    # RFC 4861 §4.6: an option of length 0; §7.1.1: a target that is a group
    assert parse_ndp(Icmp(135, 0), target + bytes.fromhex("0100 020000000001")) is None
    assert parse_ndp(Icmp(135, 0), parse_address("ff02::1")) is None
    assert parse_ndp(Icmp(135, 0), target[:15]) is None
    # RFC 2464 §6: a hardware address that would not be Ethernet's
    for kind in ("01", "02"):
        option = bytes.fromhex(kind + "02 020000000001 0000000000000000")
        assert parse_ndp(Icmp(136, 0), target + option) is None
    unknown = parse_ndp(Icmp(135, 0), target + bytes.fromhex("fd01 000000000000 0101 020000000001"))
    assert unknown is not None
    assert unknown.options.source_mac == parse_mac("02:00:00:00:00:01")
