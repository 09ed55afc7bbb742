"""The UDP header (RFC 768)."""

from __future__ import annotations

from typing import final

from trunkline.wire.header import Header


@final
class Udp(Header):
    """A UDP header. `checksummed` is false for an IPv4 datagram sent with checksum zero."""

    __slots__ = ("checksummed", "dst_port", "src_port")

    def __init__(self, src_port: int, dst_port: int, checksummed: bool = True) -> None:
        self.header_length = 8
        self.src_port = src_port
        self.dst_port = dst_port
        self.checksummed = checksummed
