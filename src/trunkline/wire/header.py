"""The bases that headers share: what any floor may ask of a header without knowing which it is.

Headers belong to the packet that carries them and are changed only by whoever holds that packet (a router
lowers the hop limit in place). A cable that delivers twice copies first: `Packet.copy`.
"""

from __future__ import annotations

from typing import Final

ICMP: Final = 1
IGMP: Final = 2
TCP: Final = 6
UDP: Final = 17
ICMPV6: Final = 58

ETHERTYPE_IPV4: Final = 0x0800
ETHERTYPE_ARP: Final = 0x0806
ETHERTYPE_VLAN: Final = 0x8100
ETHERTYPE_IPV6: Final = 0x86DD


class Header:
    """Anything above the IP (or, for ARP, the Ethernet) header that has been parsed into fields."""

    __slots__ = ("header_length",)

    def __init__(self, header_length: int) -> None:
        self.header_length = header_length  # octets, options included, payload not


class IpHeader:
    """What IPv4 and IPv6 headers have in common. `src` and `dst` are 4 or 16 octets."""

    __slots__ = (
        "dst",
        "fragment_offset",
        "header_length",
        "hop_limit",
        "identification",
        "more_fragments",
        "protocol",
        "src",
        "traffic_class",
        "version",
    )

    def __init__(
        self,
        version: int,
        src: bytes,
        dst: bytes,
        protocol: int,
        hop_limit: int,
        traffic_class: int,
        header_length: int,
    ) -> None:
        self.version = version  # 4 or 6
        self.src = src
        self.dst = dst
        self.protocol = protocol  # of the upper layer, after every extension header
        self.hop_limit = hop_limit  # IPv4 calls it TTL
        self.traffic_class = traffic_class  # DS field and ECN; IPv4 calls it TOS
        self.header_length = header_length  # octets, options and extension headers included
        self.identification = 0
        self.fragment_offset = 0  # octets
        self.more_fragments = False
