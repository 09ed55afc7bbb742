"""Frames of real kernels, and odd ones: read right, written back to the bit, and never a raise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire import frames
from tests.wire.frames import ETHERNET4, ETHERNET6, all_frames, linux_frames, odd_frames
from trunkline.base.addresses import address_text, mac_text
from trunkline.wire import damage
from trunkline.wire.arp import Arp
from trunkline.wire.frame import decode, encode, quoted, strict_copy
from trunkline.wire.icmp import ABSENT, Icmp
from trunkline.wire.ipv4 import IPv4
from trunkline.wire.ipv6 import IPv6
from trunkline.wire.ndp import parse_ndp
from trunkline.wire.packet import Packet
from trunkline.wire.tcp import Tcp
from trunkline.wire.text import describe
from trunkline.wire.udp import Udp

# Damage that says a checksum was wrong, or that a length or an offset cannot be.
CHECKSUMS = {
    damage.IPV4_CHECKSUM,
    damage.TCP_CHECKSUM,
    damage.UDP_CHECKSUM,
    damage.ICMP_CHECKSUM,
}


def again(packet: Packet) -> bytes:
    """The octets of a packet, made anew from its fields."""
    packet.octets = None
    return encode(packet)


def known_fields(packet: Packet) -> dict[str, object]:
    """What was read, by tshark's names."""
    fields: dict[str, object] = {}
    ip, upper = packet.ip, packet.upper
    if isinstance(ip, IPv4):
        fields |= {
            "ip.src": address_text(ip.src),
            "ip.dst": address_text(ip.dst),
            "ip.ttl": ip.hop_limit,
            "ip.id": ip.identification,
            "ip.flags.df": int(ip.dont_fragment),
            "ip.flags.mf": int(ip.more_fragments),
            "ip.frag_offset": ip.fragment_offset // 8,
            "ip.dsfield": ip.traffic_class,
            "ip.proto": ip.protocol,
        }
    if isinstance(ip, IPv6):
        fields |= {
            "ipv6.src": address_text(ip.src),
            "ipv6.dst": address_text(ip.dst),
            "ipv6.hlim": ip.hop_limit,
            "ipv6.flow": ip.flow_label,
            "ipv6.tclass": ip.traffic_class,
        }
        if ip.fragment_offset or ip.more_fragments:
            fields["ipv6.fraghdr.ident"] = ip.identification
    if isinstance(upper, Tcp):
        fields |= tcp_fields(upper, packet)
    if isinstance(upper, Udp):
        fields |= {
            "udp.srcport": upper.src_port,
            "udp.dstport": upper.dst_port,
            "udp.length": 8 + len(packet.payload),
        }
    if isinstance(upper, Icmp) and ip is not None:
        name = "icmp" if ip.version == 4 else "icmpv6"
        fields |= {f"{name}.type": upper.type, f"{name}.code": upper.code}
        message = parse_ndp(upper, packet.payload) if ip.version == 6 else None
        if message is not None:
            for place in (message.options.source_mac, message.options.target_mac):
                if place:
                    fields["icmpv6.opt.linkaddr"] = mac_text(place)
            if upper.type == 135:
                fields["icmpv6.nd.ns.target_address"] = address_text(message.target)
            if upper.type == 136:
                fields["icmpv6.nd.na.target_address"] = address_text(message.target)
    if isinstance(upper, Arp):
        fields |= {
            "arp.opcode": upper.operation,
            "arp.src.proto_ipv4": address_text(upper.sender_ip),
            "arp.dst.proto_ipv4": address_text(upper.target_ip),
            "arp.src.hw_mac": mac_text(upper.sender_mac),
        }
    return fields


def tcp_fields(tcp: Tcp, packet: Packet) -> dict[str, object]:
    fields: dict[str, object] = {
        "tcp.srcport": tcp.src_port,
        "tcp.dstport": tcp.dst_port,
        "tcp.seq_raw": tcp.seq,
        "tcp.ack_raw": tcp.ack,
        "tcp.flags": tcp.flags,
        "tcp.window_size_value": tcp.window,
        "tcp.urgent_pointer": tcp.urgent,
        "tcp.len": len(packet.payload),
    }
    if tcp.ts_val != ABSENT:
        fields["tcp.options.timestamp.tsval"] = tcp.ts_val
        fields["tcp.options.timestamp.tsecr"] = tcp.ts_ecr
    options = tcp.options
    if options is not None:
        if options.mss != ABSENT:
            fields["tcp.options.mss_val"] = options.mss
        if options.window_scale != ABSENT:
            fields["tcp.options.wscale.shift"] = options.window_scale
        for name, side in (("le", 0), ("re", 1)):
            if options.sack:
                fields[f"tcp.options.sack_{name}"] = [block[side] for block in options.sack]
    return fields


@pytest.mark.parametrize("number", range(len(linux_frames())))
def test_linux_frames_read_as_tshark_reads_them(number: int) -> None:
    octets, expected = linux_frames()[number]
    packet = decode(octets, True)
    assert packet.damage == damage.WHOLE
    found = known_fields(packet)
    fragment = packet.ip is not None and packet.upper is None
    for name, values in expected.items():
        if fragment and name.startswith("udp"):
            continue  # tshark looks into a first fragment; here the payload stays raw
        if isinstance(packet.upper, Icmp) and name.startswith(("udp", "tcp")):
            continue  # of the quoted packet
        assert name in found, name
        mine = found[name]
        if not isinstance(mine, list):
            mine, values = [mine], values[:1]
        if isinstance(mine[0], int):
            assert mine == [int(value, 0) for value in values], name
        else:
            assert mine == values, name


@pytest.mark.parametrize("number", range(len(linux_frames())))
def test_linux_frames_are_written_back_to_the_bit(number: int) -> None:
    octets, _fields = linux_frames()[number]
    packet = decode(octets, True)
    assert packet.length() == len(octets)
    assert again(packet) == octets
    assert again(strict_copy(packet, True)) == octets
    tcp = packet.upper
    if isinstance(tcp, Tcp):  # what Linux sends, our own builder would have sent
        tcp.raw_options = None
        assert again(packet) == octets


@pytest.mark.parametrize("name", odd_frames())
def test_odd_frames_are_written_back_to_the_bit(name: str) -> None:
    octets = odd_frames()[name]
    packet = decode(octets, True)
    assert packet.damage == damage.WHOLE, damage.NAMES[packet.damage]
    assert packet.length() == len(octets)
    assert again(packet) == octets
    assert again(packet.copy()) == octets


@pytest.mark.parametrize("octets", all_frames())
def test_without_its_link_header_a_packet_reads_the_same(octets: bytes) -> None:
    whole = decode(octets, True)
    if whole.ip is None:
        return
    bare = decode(octets[14:], False)
    assert bare.ethernet is None
    assert again(bare) == octets[14:]
    assert describe(bare) == describe(whole)


@pytest.mark.parametrize("octets", all_frames())
def test_padding_is_ignored_and_not_passed_on(octets: bytes) -> None:
    packet = decode(octets, True)
    if packet.ip is None and packet.upper is None:
        return  # nobody can tell padding from content
    padded = decode(octets.ljust(len(octets) + 30, b"\xaa"), True)
    assert padded.damage == damage.WHOLE
    assert encode(padded) == octets
    assert again(padded) == octets


@pytest.mark.parametrize("octets", all_frames())
def test_a_router_changes_nothing_but_the_hop_limit(octets: bytes) -> None:
    packet = decode(octets, True)
    if packet.ip is None:
        return
    packet.ip.hop_limit -= 1
    forwarded = again(packet)
    differing = [at for at in range(len(octets)) if octets[at] != forwarded[at]]
    if packet.ip.version == 6:
        assert differing == [21]
    else:
        assert 22 in differing
        assert set(differing) <= {22, 24, 25}
    packet = decode(forwarded, True)
    assert packet.damage == damage.WHOLE


@pytest.mark.parametrize("number", range(len(all_frames())))
def test_every_truncation_is_survived_and_known(number: int) -> None:
    octets = all_frames()[number]
    whole = decode(octets, True)
    for length in range(len(octets)):
        packet = decode(octets[:length], True)
        assert again(packet) == octets[:length]
        describe(packet)
        if whole.ip is not None and length >= 14:
            assert packet.damage != damage.WHOLE, length
            assert packet.ip is None
        decode(octets[14:length], False)


@pytest.mark.parametrize("number", range(len(all_frames())))
def test_every_flipped_bit_is_survived_and_known_where_a_checksum_covers_it(number: int) -> None:
    octets = all_frames()[number]
    whole = decode(octets, True)
    ip = whole.ip
    covered4 = 14 + ip.header_length if isinstance(ip, IPv4) else 0
    summed = ip is not None and isinstance(whole.upper, Tcp | Udp | Icmp)
    if isinstance(whole.upper, Udp) and (not whole.upper.checksummed or whole.upper.surplus):
        summed = False
    for bit in range(len(octets) * 8):
        at = bit >> 3
        if 200 < at < len(octets) - 20 and bit % 8 != at % 8:
            continue  # in the middle of a long payload one bit of each octet will do
        flipped = bytearray(octets)
        flipped[at] ^= 0x80 >> (bit & 7)
        packet = decode(bytes(flipped), True)
        back = again(packet)
        assert bytes(flipped).startswith(back)
        if 14 <= at < covered4:
            assert packet.ip is None
            assert packet.damage != damage.WHOLE
        if summed and isinstance(ip, IPv6) and 22 <= at < 54:
            assert packet.damage in CHECKSUMS  # the addresses, by way of the pseudo-header
        if summed and ip is not None and at >= 14 + ip.header_length:
            assert packet.damage in CHECKSUMS | {damage.TCP_OFFSET, damage.UDP_LENGTH} or (
                # RFC 768: an IPv4 checksum that becomes zero says that there is none
                isinstance(packet.upper, Udp) and not packet.upper.checksummed
            )
            assert packet.upper is None or isinstance(packet.upper, Udp)


@given(st.binary(max_size=200), st.booleans())
def test_random_octets(octets: bytes, ethernet: bool) -> None:
    packet = decode(octets, ethernet)
    assert octets.startswith(again(packet))
    describe(packet)


@given(
    st.sampled_from([ETHERNET4, ETHERNET6]),
    st.sampled_from([1, 6, 17, 58, 0, 43, 44, 60, 59, 2]),
    st.binary(max_size=120),
)
def test_random_octets_behind_a_sound_ip_header(link: bytes, protocol: int, body: bytes) -> None:
    if link == ETHERNET4:
        octets = frames.ipv4(protocol, body)
    else:
        octets = frames.ipv6(protocol, body)
    packet = decode(octets, True)
    assert packet.ip is not None
    assert again(packet) == octets
    assert packet.length() == len(octets)
    describe(packet)
    quoted(packet, 548)


@given(st.sampled_from(all_frames()), st.data())
def test_several_changes_at_once(octets: bytes, data: st.DataObject) -> None:
    changed = bytearray(octets)
    for _ in range(data.draw(st.integers(1, 6))):
        changed[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    packet = decode(bytes(changed), True)
    assert bytes(changed).startswith(again(packet))
    describe(packet)


def test_a_strict_copy_carries_identity_and_notes() -> None:
    packet = decode(all_frames()[20], True)
    packet.identity = 77
    packet.note("delayed")
    copy = strict_copy(packet, True)
    assert copy is not packet
    assert (copy.identity, copy.notes) == (77, ["delayed"])
    assert copy.notes is not packet.notes


def test_octets_are_made_once() -> None:
    packet = decode(all_frames()[20], True)
    packet.octets = None
    assert encode(packet) is encode(packet)


def test_a_checksum_of_minus_zero_is_accepted_and_written_as_zero() -> None:
    body = bytes.fromhex("0800 0000 f7ff 0000")  # an echo request whose words add up to 0xFFFF
    packet = decode(frames.ipv4(1, body[:2] + b"\xff\xff" + body[4:]), True)
    assert packet.damage == damage.WHOLE
    assert again(packet) == frames.ipv4(1, body)


def test_all_zero_is_no_checksum_of_zeros() -> None:
    packet = decode(frames.ipv4(1, bytes(8)), True)  # an echo reply of zeros needs 0xFFFF
    assert packet.damage == damage.ICMP_CHECKSUM
    assert decode(frames.ipv4(1, b"\0\0\xff\xff" + bytes(4)), True).damage == damage.WHOLE


def test_udp_over_ipv6_is_never_without_a_checksum() -> None:
    packet = decode(frames.ipv6(17, bytes.fromhex("c000 0035 000b 0000") + b"abc"), True)
    assert packet.damage == damage.UDP_CHECKSUM
    assert packet.upper is None


def test_a_computed_udp_checksum_of_zero_is_sent_as_all_ones() -> None:
    bare = decode(frames.ipv4(17, frames.summed(17, bytes.fromhex("c00000350008 0000"), 6)), True)
    assert isinstance(bare.upper, Udp)
    bare.upper.src_port = 0
    rest = int.from_bytes(again(bare)[40:42], "big")
    bare.upper.src_port = rest  # now all words add up to 0xFFFF
    octets = again(bare)
    assert octets[40:42] == b"\xff\xff"
    assert decode(octets, True).damage == damage.WHOLE
