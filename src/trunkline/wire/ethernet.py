"""The Ethernet II frame header (RFC 894, RFC 2464)."""

from __future__ import annotations

from typing import Final, final

HEADER_LENGTH: Final = 14
MINIMUM_FRAME: Final = 60  # octets without the frame check sequence; shorter ones are padded
FRAMING: Final = 24  # preamble, frame check sequence and gap: what a frame costs a wire beyond its octets


@final
class Ethernet:
    """An Ethernet II header; addresses are 6 octets."""

    __slots__ = ("dst", "ethertype", "src")

    def __init__(self, dst: bytes, src: bytes, ethertype: int) -> None:
        self.dst = dst
        self.src = src
        self.ethertype = ethertype
