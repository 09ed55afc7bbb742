"""When an ICMP error is due, and which: the rules of RFC 1122 §3.2.2 and RFC 1812 §4.3.2.

Left out on purpose: sending what RFC 6918 and RFC 6633 deprecate.
"""

from __future__ import annotations

from typing import Final

from trunkline.base.addresses import ANY4, is_multicast
from trunkline.internet.errors import ADDRESS, NETWORK, PORT, PROHIBITED, PROTOCOL
from trunkline.wire.header import ICMP, IpHeader
from trunkline.wire.icmp import Icmp
from trunkline.wire.icmpv4 import (
    COMMUNICATION_PROHIBITED,
    ECHO_REPLY,
    ECHO_REQUEST,
    HOST_UNREACHABLE,
    NET_UNREACHABLE,
    PORT_UNREACHABLE,
    PROTOCOL_UNREACHABLE,
    TIMESTAMP,
    TIMESTAMP_REPLY,
    UNREACHABLE,
)
from trunkline.wire.packet import Packet

INTERNETWORK_CONTROL: Final = 0xC0  # the precedence of errors
TOS_BITS: Final = 0x1C  # of the class: neither precedence nor ECN

_CODES: Final = {
    NETWORK: NET_UNREACHABLE,
    ADDRESS: HOST_UNREACHABLE,
    PORT: PORT_UNREACHABLE,
    PROTOCOL: PROTOCOL_UNREACHABLE,
    PROHIBITED: COMMUNICATION_PROHIBITED,
}


def unreachable(what: int) -> Icmp:
    """The header of a Destination Unreachable that says what could not be reached."""
    return Icmp(UNREACHABLE, _CODES[what])


def traffic_class_of_error(traffic_class: int) -> int:
    """The traffic class of an error about a packet of this class."""
    # RFC 1812 §4.3.2.5 SHOULD: the precedence of control, the type of service of the packet
    return INTERNETWORK_CONTROL | traffic_class & TOS_BITS


def error_is_due(packet: Packet, ip: IpHeader) -> bool:
    """Whether an error may be sent about a packet, as far as the packet alone tells."""
    # RFC 1122 §3.2.2 MUST NOT, ICMP-008: nothing about a link-layer broadcast
    ethernet = packet.ethernet
    if ethernet is not None and ethernet.dst[0] & 1:
        return False
    # ICMP-009: nothing about a fragment other than the first
    if ip.fragment_offset:
        return False
    # ICMP-010: the source must be one host; ICMP-007: the destination too
    src = ip.src
    if src == ANY4 or src[0] >= 224 or is_multicast(ip.dst):
        return False
    if ip.protocol != ICMP:
        return True
    # ICMP-006: nothing about an error; of what is unknown nothing is known, so it may be one
    upper = packet.upper
    if isinstance(upper, Icmp):
        kind = upper.type
    elif packet.payload:
        kind = packet.payload[0]  # of a first fragment
    else:
        return False
    return kind in (ECHO_REPLY, ECHO_REQUEST, TIMESTAMP, TIMESTAMP_REPLY)
