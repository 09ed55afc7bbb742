"""ARP for IPv4 on Ethernet (RFC 826)."""

from __future__ import annotations

from typing import Final, final

from trunkline.wire.header import Header

REQUEST: Final = 1
REPLY: Final = 2


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
        self.header_length = 28
        self.operation = operation
        self.sender_mac = sender_mac
        self.sender_ip = sender_ip
        self.target_mac = target_mac
        self.target_ip = target_ip
