"""The ICMP and ICMPv6 message header (RFC 792, RFC 4443): type, code, and the four octets that vary.

Both families have the same shape: one class serves them; their types part in `icmpv4` and `icmpv6`.
"""

from __future__ import annotations

from struct import Struct
from typing import Final, final

from trunkline.wire.checksum import fold, total
from trunkline.wire.header import ICMP, ICMPV6, TCP, UDP, Header, IpHeader
from trunkline.wire.ipv4 import parse_ipv4
from trunkline.wire.ipv6 import parse_ipv6, walk_extensions

HEADER_LENGTH: Final = 8
ABSENT: Final = -1
_LAYOUT: Final = Struct(">BBHI")


@final
class Icmp(Header):
    """An ICMP or ICMPv6 message: 8 octets of header, the rest is the packet's payload.

    `rest` is the second 32-bit word: identifier and sequence of an echo, next-hop MTU of a Packet Too Big
    or a Fragmentation Needed (low 16 bits in IPv4), pointer of a Parameter Problem, flags of an NA.
    """

    __slots__ = ("code", "rest", "type")

    def __init__(self, type: int, code: int, rest: int = 0) -> None:
        self.header_length = HEADER_LENGTH
        self.type = type
        self.code = code
        self.rest = rest


def parse_icmp(octets: bytes, at: int, end: int) -> Icmp | None:
    """The header of the message in `octets[at:end]`; None if it is short. No checksum test."""
    if end - at < HEADER_LENGTH:
        return None
    kind, code, _checksum, rest = _LAYOUT.unpack_from(octets, at)
    return Icmp(kind, code, rest)


def build_icmp(icmp: Icmp, pseudo: int, payload: bytes) -> bytes:
    """The 8 octets of the header; `pseudo` is the sum of the pseudo-header, 0 for IPv4."""
    value = pseudo + (icmp.type << 8) + icmp.code + icmp.rest + total(payload, 0, len(payload))
    return _LAYOUT.pack(icmp.type, icmp.code, ~fold(value) & 0xFFFF, icmp.rest)


def echo(type: int, identifier: int, sequence: int) -> Icmp:
    """The header of an echo request or reply of either family."""
    return Icmp(type, 0, identifier << 16 | sequence)


def echo_identifier(icmp: Icmp) -> int:
    """Who asked: an echo's identifier."""
    return icmp.rest >> 16


def echo_sequence(icmp: Icmp) -> int:
    """Which of the asker's requests: an echo's sequence number."""
    return icmp.rest & 0xFFFF


@final
class Quote:
    """What an ICMP error quotes: the start of the packet that it is about, as far as it can be read.

    Nothing in it is proved by a checksum. What the quote does not reach is ABSENT (-1). For a quoted
    ICMP echo `src_port` is the identifier and `dst_port` the sequence number.
    """

    __slots__ = ("dst_port", "icmp_type", "ip", "protocol", "seq", "src_port")

    def __init__(self, ip: IpHeader) -> None:
        self.ip = ip
        self.protocol = ip.protocol
        self.src_port = ABSENT
        self.dst_port = ABSENT
        self.seq = ABSENT  # of a TCP segment
        self.icmp_type = ABSENT


def parse_quote(octets: bytes) -> Quote | None:
    """The packet at the start of an ICMP error's payload, of either family; None if none is there."""
    if not octets:
        return None
    ip: IpHeader
    if octets[0] >> 4 == 4:
        header4 = parse_ipv4(octets, 0)
        if header4 is None:
            return None
        ip = header4
        at = header4.header_length
    else:
        header6 = parse_ipv6(octets, 0)
        if header6 is None:
            return None
        ip = header6
        at = walk_extensions(header6, octets, 40, len(octets))
    quote = Quote(ip)
    if at < 0 or len(octets) - at < 8 or ip.fragment_offset:
        return quote
    first = octets[at] << 8 | octets[at + 1]
    if ip.protocol in (TCP, UDP):
        quote.src_port = first
        quote.dst_port = octets[at + 2] << 8 | octets[at + 3]
        if ip.protocol == TCP:
            quote.seq = int.from_bytes(octets[at + 4 : at + 8], "big")
    elif ip.protocol == (ICMP if ip.version == 4 else ICMPV6):
        quote.icmp_type = first >> 8
        quote.src_port = octets[at + 4] << 8 | octets[at + 5]
        quote.dst_port = octets[at + 6] << 8 | octets[at + 7]
    return quote
