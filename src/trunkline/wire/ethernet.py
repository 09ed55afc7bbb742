"""The Ethernet II frame header (RFC 894, RFC 2464).

Left out: 802.3 frames with a length field (RFC 1042) and VLAN tags; such frames are carried, not understood.
"""

from __future__ import annotations

from struct import Struct
from typing import Final, final

HEADER_LENGTH: Final = 14
MINIMUM_FRAME: Final = 60  # octets without the frame check sequence; shorter ones are padded

_LAYOUT: Final = Struct(">6s6sH")


@final
class Ethernet:
    """An Ethernet II header; addresses are 6 octets. Packets share headers: replace one, never change it."""

    __slots__ = ("dst", "ethertype", "src")

    def __init__(self, dst: bytes, src: bytes, ethertype: int) -> None:
        self.dst = dst
        self.src = src
        self.ethertype = ethertype


def parse_ethernet(octets: bytes, at: int) -> Ethernet | None:
    """The header at `at`, or None if there are fewer than 14 octets."""
    if len(octets) - at < HEADER_LENGTH:
        return None
    return Ethernet(
        octets[at : at + 6], octets[at + 6 : at + 12], octets[at + 12] << 8 | octets[at + 13]
    )


def build_ethernet(header: Ethernet) -> bytes:
    """The 14 octets of a header."""
    return _LAYOUT.pack(header.dst, header.src, header.ethertype)


def padded(frame: bytes) -> bytes:
    """A frame as long as a real wire asks for. Simulated cables carry frames without padding."""
    return frame.ljust(MINIMUM_FRAME, b"\0")
