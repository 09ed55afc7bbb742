"""The IPv4 header (RFC 791)."""

from __future__ import annotations

from typing import final

from trunkline.wire.header import IpHeader


@final
class IPv4(IpHeader):
    """An IPv4 header. `options` are the raw octets after the first 20, a multiple of 4 long."""

    __slots__ = ("dont_fragment", "options")

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
