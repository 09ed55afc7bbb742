"""Why octets could not be understood: the codes of `Packet.damage`, and their names for counters."""

from __future__ import annotations

from typing import Final

WHOLE: Final = 0
FRAME_SHORT: Final = 1
ARP_MALFORMED: Final = 2
IP_VERSION: Final = 3
IPV4_SHORT: Final = 4
IPV4_LENGTH: Final = 5
IPV4_CHECKSUM: Final = 6
IPV6_SHORT: Final = 7
IPV6_LENGTH: Final = 8
IPV6_EXTENSION: Final = 9
TCP_SHORT: Final = 10
TCP_OFFSET: Final = 11
TCP_CHECKSUM: Final = 12
UDP_SHORT: Final = 13
UDP_LENGTH: Final = 14
UDP_CHECKSUM: Final = 15
ICMP_SHORT: Final = 16
ICMP_CHECKSUM: Final = 17

NAMES: Final = (
    "whole",
    "frame too short",
    "malformed ARP",
    "IP version",
    "IPv4 header too short",
    "IPv4 length",
    "IPv4 header checksum",
    "IPv6 header too short",
    "IPv6 length",
    "IPv6 extension header",
    "TCP header too short",
    "TCP data offset",
    "TCP checksum",
    "UDP header too short",
    "UDP length",
    "UDP checksum",
    "ICMP header too short",
    "ICMP checksum",
)
