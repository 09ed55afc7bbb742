"""The UDP header (RFC 768)."""

from __future__ import annotations

from struct import Struct
from typing import Final, final

from trunkline.wire.checksum import fold, pseudo_total, total
from trunkline.wire.header import UDP, Header

HEADER_LENGTH: Final = 8
_LAYOUT: Final = Struct(">HHHH")


@final
class Udp(Header):
    """A UDP header. `checksummed` is false for an IPv4 datagram sent with checksum zero.

    `surplus` is what IP carried behind the end that the length field gives. Nothing here reads it; it
    is kept for whoever forwards, and `header_length` counts it so that packet lengths come out right.
    """

    __slots__ = ("checksummed", "dst_port", "src_port", "surplus")

    def __init__(self, src_port: int, dst_port: int, checksummed: bool = True) -> None:
        self.header_length = HEADER_LENGTH
        self.src_port = src_port
        self.dst_port = dst_port
        self.checksummed = checksummed
        self.surplus = b""


def parse_udp(octets: bytes, at: int, end: int) -> Udp | None:
    """The header of the datagram in `octets[at:end]`; None if its length is wrong. No checksum test."""
    if end - at < HEADER_LENGTH:
        return None
    src_port, dst_port, length, checksum = _LAYOUT.unpack_from(octets, at)
    # RFC 768 Format: below 8, or past the IP payload, it is no datagram
    if length < HEADER_LENGTH or length > end - at:
        return None
    udp = Udp(src_port, dst_port, checksum != 0)
    if length < end - at:
        udp.surplus = octets[at + length : end]
        udp.header_length += len(udp.surplus)
    return udp


def build_udp(udp: Udp, src: bytes, dst: bytes, payload: bytes) -> bytes:
    """The 8 octets of the header, checksum included; `udp.surplus` goes behind the payload."""
    length = HEADER_LENGTH + len(payload)
    checksum = 0
    if udp.checksummed:
        checksum = (
            ~fold(
                pseudo_total(src, dst, UDP, length)
                + udp.src_port
                + udp.dst_port
                + length
                + total(payload, 0, len(payload))
            )
            & 0xFFFF
        )
        if checksum == 0:
            checksum = (
                0xFFFF  # RFC 768 Checksum, RFC 8200 §8.1: a computed zero is sent as all ones
            )
    return _LAYOUT.pack(udp.src_port, udp.dst_port, length, checksum)
