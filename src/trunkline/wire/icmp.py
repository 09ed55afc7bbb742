"""The ICMP and ICMPv6 message header (RFC 792, RFC 4443): type, code, and the four octets that vary.

Both families have the same shape: one class serves them; their types part in `icmpv4` and `icmpv6`.
"""

from __future__ import annotations

from typing import final

from trunkline.wire.header import Header


@final
class Icmp(Header):
    """An ICMP or ICMPv6 message: 8 octets of header, the rest is the packet's payload.

    `rest` is the second 32-bit word: identifier and sequence of an echo, next-hop MTU of a Packet Too Big
    or a Fragmentation Needed (low 16 bits in IPv4), pointer of a Parameter Problem, flags of an NA.
    """

    __slots__ = ("code", "rest", "type")

    def __init__(self, type: int, code: int, rest: int = 0) -> None:
        self.header_length = 8
        self.type = type
        self.code = code
        self.rest = rest
