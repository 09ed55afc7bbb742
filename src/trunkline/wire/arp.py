"""ARP for IPv4 on Ethernet (RFC 826)."""

from __future__ import annotations

from struct import Struct
from typing import Final, final

from trunkline.wire.header import Header

REQUEST: Final = 1
REPLY: Final = 2

LENGTH: Final = 28
_LAYOUT: Final = Struct(">8s6s4s6s4s")
_FIXED: Final = b"\x00\x01\x08\x00\x06\x04"  # Ethernet, IPv4, addresses of 6 and 4 octets


@final
class Arp(Header):
    """An ARP packet for IPv4 over Ethernet."""

    __slots__ = ("operation", "sender_ip", "sender_mac", "target_ip", "target_mac")

    def __init__(
        self,
        operation: int,
        sender_mac: bytes,
        sender_ip: bytes,
        target_mac: bytes,
        target_ip: bytes,
    ) -> None:
        self.header_length = LENGTH
        self.operation = operation
        self.sender_mac = sender_mac
        self.sender_ip = sender_ip
        self.target_mac = target_mac
        self.target_ip = target_ip


def parse_arp(octets: bytes, at: int) -> Arp | None:
    """The packet at `at`; None if it is short or not about IPv4 on Ethernet."""
    # RFC 826 Packet Reception: hardware type, protocol type and both lengths before anything else
    if len(octets) - at < LENGTH or octets[at : at + 6] != _FIXED:
        return None
    return Arp(
        octets[at + 6] << 8 | octets[at + 7],
        octets[at + 8 : at + 14],
        octets[at + 14 : at + 18],
        octets[at + 18 : at + 24],
        octets[at + 24 : at + 28],
    )


def build_arp(arp: Arp) -> bytes:
    """The 28 octets of a packet."""
    return _LAYOUT.pack(
        _FIXED + arp.operation.to_bytes(2, "big"),
        arp.sender_mac,
        arp.sender_ip,
        arp.target_mac,
        arp.target_ip,
    )
