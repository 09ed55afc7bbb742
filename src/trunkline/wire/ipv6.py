"""The IPv6 header and its extension headers (RFC 8200).

Hop-by-hop options, routing, fragment and destination options headers are walked; any other next header is
the upper layer's as far as this floor can tell. Left out: jumbograms (RFC 2675) and IPsec (RFC 4302).
"""

from __future__ import annotations

from struct import Struct
from typing import Final, final

from trunkline.wire.header import IpHeader

HEADER_LENGTH: Final = 40
HOP_BY_HOP: Final = 0
ROUTING: Final = 43
FRAGMENT: Final = 44
NO_NEXT_HEADER: Final = 59
DESTINATION_OPTIONS: Final = 60
EXTENSION_LIMIT: Final = 8  # extension headers walked; a packet with more is not delivered
PAD1: Final = 0
PADN: Final = 1

_LAYOUT: Final = Struct(">IHBB16s16s")


@final
class IPv6(IpHeader):
    """An IPv6 header with the extension headers that follow it.

    `extensions` lists them in order as (type, octets), the octets as on the wire (their first octet, the
    next header, is written anew when the packet is built). A Fragment header is among them as type 44,
    with its fields repeated in `identification`, `fragment_offset` and `more_fragments`.
    """

    __slots__ = ("extensions", "flow_label")

    def __init__(
        self,
        src: bytes,
        dst: bytes,
        protocol: int,
        hop_limit: int = 64,
        traffic_class: int = 0,
        flow_label: int = 0,
        extensions: tuple[tuple[int, bytes], ...] = (),
    ) -> None:
        self.version = 6
        self.src = src
        self.dst = dst
        self.protocol = protocol
        self.hop_limit = hop_limit
        self.traffic_class = traffic_class
        self.header_length = 40
        self.identification = 0
        self.fragment_offset = 0
        self.more_fragments = False
        self.flow_label = flow_label
        self.extensions = extensions
        if extensions:
            for _kind, octets in extensions:
                self.header_length += len(octets)


def parse_ipv6(octets: bytes, at: int) -> IPv6 | None:
    """The fixed header at `at`, with `protocol` its next header; None if it does not fit."""
    if len(octets) - at < HEADER_LENGTH:
        return None
    first, _length, next_header, hop_limit, src, dst = _LAYOUT.unpack_from(octets, at)
    if first >> 28 != 6:
        return None
    return IPv6(src, dst, next_header, hop_limit, first >> 20 & 0xFF, first & 0xFFFFF)


def payload_length(octets: bytes, at: int) -> int:
    """The payload length field of a header of at least 6 octets."""
    return octets[at + 4] << 8 | octets[at + 5]


def walk_extensions(header: IPv6, octets: bytes, at: int, end: int) -> int:
    """Move the extension headers at `at` into a header. The offset behind them, or -1 - offset.

    A negative answer says that the header at that offset does not fit or is one too many; `protocol`
    then names its type. Behind a Fragment header of a real fragment nothing is walked.
    """
    # RFC 8200 §4: strictly in order of appearance
    while True:
        kind = header.protocol
        if kind == HOP_BY_HOP:
            if header.extensions:
                return at  # RFC 8200 §4.1: only right after the fixed header; else unknown
        elif kind not in (DESTINATION_OPTIONS, ROUTING, FRAGMENT):
            return at
        if end - at < 8 or len(header.extensions) >= EXTENSION_LIMIT:
            return -1 - at
        length = 8 if kind == FRAGMENT else octets[at + 1] * 8 + 8
        if end - at < length:
            return -1 - at
        extension = octets[at : at + length]
        header.extensions += ((kind, extension),)
        header.header_length += length
        header.protocol = extension[0]
        at += length
        if kind == FRAGMENT:
            word = extension[2] << 8 | extension[3]
            header.fragment_offset = word & 0xFFF8
            header.more_fragments = word & 1 != 0
            header.identification = int.from_bytes(extension[4:8], "big")
            if word & 0xFFF9:
                return at


def build_fragment_header(offset: int, more: bool, identification: int) -> bytes:
    """The octets of a Fragment header for `IPv6.extensions`; `offset` in octets, a multiple of 8."""
    return (offset | int(more)).to_bytes(4, "big") + identification.to_bytes(4, "big")


def parse_options(extension: bytes) -> list[tuple[int, int, bytes]] | None:
    """The options of a hop-by-hop or destination options header: (type, offset in it, data).

    Padding is left out. None if an option reaches past the end.
    """
    # RFC 8200 §4.2: Pad1 and PadN anywhere
    found: list[tuple[int, int, bytes]] = []
    at = 2
    while at < len(extension):
        kind = extension[at]
        if kind == PAD1:
            at += 1
            continue
        if at + 2 > len(extension) or at + 2 + extension[at + 1] > len(extension):
            return None
        behind = at + 2 + extension[at + 1]
        if kind != PADN:
            found.append((kind, at, extension[at + 2 : behind]))
        at = behind
    return found


def build_ipv6(header: IPv6, upper_length: int) -> bytes:
    """The header and its extension headers, for so many octets behind them."""
    extensions = header.extensions
    next_header = extensions[0][0] if extensions else header.protocol
    octets = _LAYOUT.pack(
        0x60000000 | header.traffic_class << 20 | header.flow_label,
        header.header_length - HEADER_LENGTH + upper_length,
        next_header,
        header.hop_limit,
        header.src,
        header.dst,
    )
    if extensions:
        count = len(extensions)
        for index in range(count):
            following = extensions[index + 1][0] if index + 1 < count else header.protocol
            octets += following.to_bytes(1, "big") + extensions[index][1][1:]
    return octets
