"""The IPv4 header (RFC 791)."""

from __future__ import annotations

from struct import Struct
from typing import Final, final

from trunkline.wire.checksum import address_total, fold, total
from trunkline.wire.header import IpHeader

HEADER_LENGTH: Final = 20
_LAYOUT: Final = Struct(">BBHHHBBH4s4s")


@final
class IPv4(IpHeader):
    """An IPv4 header. `options` are the raw octets after the first 20, a multiple of 4 long."""

    __slots__ = ("dont_fragment", "options", "reserved_flag")

    def __init__(
        self,
        src: bytes,
        dst: bytes,
        protocol: int,
        hop_limit: int = 64,
        traffic_class: int = 0,
        dont_fragment: bool = False,
        options: bytes = b"",
    ) -> None:
        self.version = 4
        self.src = src
        self.dst = dst
        self.protocol = protocol
        self.hop_limit = hop_limit
        self.traffic_class = traffic_class
        self.header_length = 20 + len(options)
        self.identification = 0
        self.fragment_offset = 0
        self.more_fragments = False
        self.dont_fragment = dont_fragment
        self.options = options
        self.reserved_flag = False  # the bit that must be zero, kept for what is forwarded


def parse_ipv4(octets: bytes, at: int) -> IPv4 | None:
    """The header at `at`, its length field believed; None if it does not fit. Checks no checksum."""
    if len(octets) - at < HEADER_LENGTH:
        return None
    first, tos, _length, identification, fragment, ttl, protocol, _sum, src, dst = (
        _LAYOUT.unpack_from(octets, at)
    )
    length = (first & 15) * 4
    if first >> 4 != 4 or length < HEADER_LENGTH or len(octets) - at < length:
        return None
    options = octets[at + 20 : at + length] if length > HEADER_LENGTH else b""
    header = IPv4(src, dst, protocol, ttl, tos, fragment & 0x4000 != 0, options)
    header.identification = identification
    if fragment & 0xBFFF:
        header.fragment_offset = (fragment & 0x1FFF) * 8
        header.more_fragments = fragment & 0x2000 != 0
        header.reserved_flag = fragment & 0x8000 != 0
    return header


def total_length(octets: bytes, at: int) -> int:
    """The total length field of a header of at least 4 octets."""
    return octets[at + 2] << 8 | octets[at + 3]


def build_ipv4(header: IPv4, payload_length: int) -> bytes:
    """The header with its checksum, for a payload of so many octets."""
    length = header.header_length
    fragment = header.fragment_offset >> 3
    if header.dont_fragment:
        fragment |= 0x4000
    if header.more_fragments:
        fragment |= 0x2000
    if header.reserved_flag:
        fragment |= 0x8000
    first = 0x40 | length >> 2
    options = header.options
    value = (
        (first << 8)
        + header.traffic_class
        + length
        + payload_length
        + header.identification
        + fragment
        + (header.hop_limit << 8)
        + header.protocol
        + address_total(header.src, header.dst)
    )
    if options:
        value += total(options, 0, len(options))
    return (
        _LAYOUT.pack(
            first,
            header.traffic_class,
            length + payload_length,
            header.identification,
            fragment,
            header.hop_limit,
            header.protocol,
            ~fold(value) & 0xFFFF,
            header.src,
            header.dst,
        )
        + options
    )
