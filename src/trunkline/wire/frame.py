"""Packets to octets and back: the one place where typed headers meet the wire (RFC 894, 791, 8200, 9293).

`decode` takes any octets and never raises: what it cannot understand stays raw in `payload`, with the reason
in `damage`. Damage with `ip` set lies above IP, so that a router forwards the packet to the bit. What
`decode` made, `encode` gives back to the bit, but for link padding and for a checksum of minus zero
(0xFFFF where RFC 1071's sum gives 0), which it writes as zero.
"""

from __future__ import annotations

from typing import Final

from trunkline.wire import damage
from trunkline.wire.arp import Arp, build_arp, parse_arp
from trunkline.wire.checksum import fold, pseudo_total, total
from trunkline.wire.ethernet import HEADER_LENGTH, Ethernet, build_ethernet, parse_ethernet
from trunkline.wire.header import (
    ETHERTYPE_ARP,
    ETHERTYPE_IPV4,
    ETHERTYPE_IPV6,
    ICMP,
    ICMPV6,
    TCP,
    UDP,
    Header,
    IpHeader,
)
from trunkline.wire.icmp import Icmp, build_icmp, parse_icmp
from trunkline.wire.ipv4 import IPv4, build_ipv4, parse_ipv4, total_length
from trunkline.wire.ipv6 import (
    HOP_BY_HOP,
    IPv6,
    build_ipv6,
    parse_ipv6,
    payload_length,
    walk_extensions,
)
from trunkline.wire.packet import Packet
from trunkline.wire.quick import build_quick, parse_quick
from trunkline.wire.tcp import Tcp, build_tcp, parse_tcp
from trunkline.wire.udp import Udp, build_udp, parse_udp

VALID: Final = 0xFFFF  # the total of octets whose checksum is right


def encode(packet: Packet) -> bytes:
    """The octets of a packet, link header first and without padding; kept in `packet.octets`."""
    octets = packet.octets
    if octets is None:
        octets = build(packet)
        packet.octets = octets
    return octets


def build(packet: Packet) -> bytes:
    """The octets of a packet made from its fields, whatever `packet.octets` holds."""
    octets = build_quick(packet)
    return build_any(packet) if octets is None else octets


def decode(octets: bytes, ethernet: bool) -> Packet:
    """The packet of a frame, or of a bare IP packet where `ethernet` is false. Never raises."""
    if ethernet:
        quick = parse_quick(octets)
        if quick is not None:
            return quick
    return parse_any(octets, ethernet)


def parse_any(octets: bytes, ethernet: bool) -> Packet:
    """What `decode` does, without the short cut."""
    packet = Packet(None, None, b"")
    packet.octets = octets
    if not ethernet:
        if not octets:
            packet.damage = damage.FRAME_SHORT
        elif octets[0] >> 4 == 4:
            _decode_ipv4(packet, octets, 0)
        else:
            _decode_ipv6(packet, octets, 0)
        return packet
    header = parse_ethernet(octets, 0)
    if header is None:
        packet.payload = octets
        packet.damage = damage.FRAME_SHORT
        return packet
    packet.ethernet = header
    ethertype = header.ethertype
    if ethertype == ETHERTYPE_IPV4:
        _decode_ipv4(packet, octets, HEADER_LENGTH)
    elif ethertype == ETHERTYPE_IPV6:
        _decode_ipv6(packet, octets, HEADER_LENGTH)
    elif ethertype == ETHERTYPE_ARP:
        arp = parse_arp(octets, HEADER_LENGTH)
        if arp is None:
            _refuse(packet, octets, HEADER_LENGTH, damage.ARP_MALFORMED)
        else:
            packet.upper = arp
            _trim(packet, octets, HEADER_LENGTH + arp.header_length)
    else:
        packet.payload = octets[HEADER_LENGTH:]
    return packet


def decode_upper(ip: IpHeader, octets: bytes) -> tuple[Header | None, bytes, int]:
    """What follows an IP header: the upper header, its payload, and the damage; for reassembled octets.

    Extension headers at the start of an IPv6 packet's octets are moved into `ip`.
    """
    packet = Packet(ip, None, b"")
    at = 0
    if isinstance(ip, IPv6):
        if ip.protocol == HOP_BY_HOP:
            return None, octets, 0  # RFC 8200 §4.1: only right after the fixed header; else unknown
        at = walk_extensions(ip, octets, 0, len(octets))
        if at < 0:
            return None, octets[-1 - at :], damage.IPV6_EXTENSION
    _decode_upper(packet, ip, octets, at, len(octets))
    return packet.upper, packet.payload, packet.damage


def strict_copy(packet: Packet, ethernet: bool) -> Packet:
    """The packet as the other end of a real wire would see it: octets made afresh and read again.

    Its identity and the notes of what befell it travel beside the octets.
    """
    copy = decode(build(packet), ethernet)
    copy.identity = packet.identity
    if packet.notes is not None:
        copy.notes = list(packet.notes)
    return copy


def quoted(packet: Packet, limit: int) -> bytes:
    """The first `limit` octets of a packet from its IP header on: what an ICMP error quotes."""
    octets = encode(packet)
    start = 0 if packet.ethernet is None else HEADER_LENGTH
    return octets[start : start + limit]


def _refuse(packet: Packet, octets: bytes, at: int, reason: int) -> None:
    packet.payload = octets[at:]
    packet.damage = reason


def _trim(packet: Packet, octets: bytes, end: int) -> None:
    # RFC 894, RFC 791 §3.1: what a link added behind the packet is padding and means nothing
    if end < len(octets):
        packet.octets = octets[:end]


def _decode_ipv4(packet: Packet, octets: bytes, at: int) -> None:
    available = len(octets) - at
    # RFC 1122 §3.2.1.1: a datagram whose version is not 4 is none
    if available > 0 and octets[at] >> 4 != 4:
        _refuse(packet, octets, at, damage.IP_VERSION)
        return
    header = parse_ipv4(octets, at)
    if header is None:
        reason = damage.IPV4_LENGTH
        if available < 20 or (octets[at] & 15) >= 5:
            reason = damage.IPV4_SHORT
        _refuse(packet, octets, at, reason)
        return
    # RFC 791 §3.1: a total length below the header's, or above what came, is no datagram
    length = total_length(octets, at)
    if length < header.header_length or length > available:
        _refuse(packet, octets, at, damage.IPV4_LENGTH)
        return
    # RFC 1122 §3.2.1.2: the header checksum is verified on every datagram
    start = at + header.header_length
    if total(octets, at, start) != VALID:
        _refuse(packet, octets, at, damage.IPV4_CHECKSUM)
        return
    packet.ip = header
    end = at + length
    _trim(packet, octets, end)
    if header.fragment_offset or header.more_fragments:
        packet.payload = octets[start:end]
    else:
        _decode_upper(packet, header, octets, start, end)


def _decode_ipv6(packet: Packet, octets: bytes, at: int) -> None:
    available = len(octets) - at
    # RFC 8200 §3: a packet whose version is not 6 is none
    if available > 0 and octets[at] >> 4 != 6:
        _refuse(packet, octets, at, damage.IP_VERSION)
        return
    header = parse_ipv6(octets, at)
    if header is None:
        _refuse(packet, octets, at, damage.IPV6_SHORT)
        return
    length = payload_length(octets, at) + 40
    if length > available:
        _refuse(packet, octets, at, damage.IPV6_LENGTH)
        return
    packet.ip = header
    end = at + length
    _trim(packet, octets, end)
    start = walk_extensions(header, octets, at + 40, end)
    if start < 0:
        packet.payload = octets[-1 - start : end]
        packet.damage = damage.IPV6_EXTENSION
    elif header.fragment_offset or header.more_fragments:
        packet.payload = octets[start:end]
    else:
        _decode_upper(packet, header, octets, start, end)


def _decode_upper(packet: Packet, ip: IpHeader, octets: bytes, at: int, end: int) -> None:
    """Read what follows an IP header that ends at `at`, if it is known and whole; else leave it raw."""
    protocol = ip.protocol
    upper: Header | None = None
    pseudo = 0
    if protocol == TCP:
        upper = parse_tcp(octets, at, end)
        if upper is None:
            packet.damage = damage.TCP_SHORT if end - at < 20 else damage.TCP_OFFSET
        elif total_of(ip, octets, at, end) != VALID:
            packet.damage = damage.TCP_CHECKSUM  # RFC 9293 §3.1 MUST-3
    elif protocol == UDP:
        udp = parse_udp(octets, at, end)
        upper = udp
        if udp is None:
            packet.damage = damage.UDP_SHORT if end - at < 8 else damage.UDP_LENGTH
        else:
            # RFC 768 Checksum: none in IPv4 if zero; RFC 8200 §8.1: never none in IPv6
            stop = end - len(udp.surplus)
            if not udp.checksummed:
                if ip.version == 6:
                    packet.damage = damage.UDP_CHECKSUM
            elif total_of(ip, octets, at, stop) != VALID:
                packet.damage = damage.UDP_CHECKSUM
            if packet.damage == damage.WHOLE:
                packet.upper = udp
                packet.payload = octets[at + 8 : stop]
                return
    elif protocol == (ICMP if ip.version == 4 else ICMPV6):
        upper = parse_icmp(octets, at, end)
        if upper is None:
            packet.damage = damage.ICMP_SHORT
        else:
            # RFC 4443 §2.3: the addresses are in ICMPv6's checksum; RFC 792: not in ICMP's
            if ip.version == 6:
                pseudo = pseudo_total(ip.src, ip.dst, ICMPV6, end - at)
            if fold(pseudo + total(octets, at, end)) != VALID:
                packet.damage = damage.ICMP_CHECKSUM
    if upper is None or packet.damage != damage.WHOLE:
        packet.payload = octets[at:end]
    else:
        packet.upper = upper
        packet.payload = octets[at + upper.header_length : end]


def total_of(ip: IpHeader, octets: bytes, at: int, end: int) -> int:
    """The total of a segment or datagram and its pseudo-header, checksum field included."""
    return fold(pseudo_total(ip.src, ip.dst, ip.protocol, end - at) + total(octets, at, end))


def build_any(packet: Packet) -> bytes:
    """What `build` does, without the short cut."""
    payload = packet.payload
    ip = packet.ip
    upper = packet.upper
    link = b""
    ethernet: Ethernet | None = packet.ethernet
    if ethernet is not None:
        link = build_ethernet(ethernet)
    if ip is None:
        if upper is None:
            return link + payload
        assert isinstance(upper, Arp)
        return link + build_arp(upper) + payload
    if upper is not None:
        payload = build_upper(ip, upper, payload)
    if isinstance(ip, IPv4):
        return link + build_ipv4(ip, len(payload)) + payload
    assert isinstance(ip, IPv6)
    return link + build_ipv6(ip, len(payload)) + payload


def build_upper(ip: IpHeader, upper: Header, payload: bytes) -> bytes:
    """The octets that follow an IP header: what fragmentation cuts up."""
    if isinstance(upper, Tcp):
        return build_tcp(upper, ip.src, ip.dst, payload) + payload
    if isinstance(upper, Udp):
        return build_udp(upper, ip.src, ip.dst, payload) + payload + upper.surplus
    assert isinstance(upper, Icmp)
    pseudo = 0
    if ip.version == 6:
        pseudo = pseudo_total(ip.src, ip.dst, ICMPV6, 8 + len(payload))
    return build_icmp(upper, pseudo, payload) + payload
