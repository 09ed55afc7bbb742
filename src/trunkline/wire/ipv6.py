"""The IPv6 header and its extension headers (RFC 8200)."""

from __future__ import annotations

from typing import final

from trunkline.wire.header import IpHeader


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
