"""When an ICMPv6 error is due, and which: the rules of RFC 4443 §2.4, and extension headers of RFC 8200 §4.

`examine` walks the extension headers of a packet that is ours, `examine_fragment` looks at a fragment
before it is kept: both say what is wrong as a `Problem`.

Left out on purpose: every routing type (RFC 5095 took the first away) and jumbograms.
"""

from __future__ import annotations

from typing import Final, final

from trunkline.base.addresses import ANY6
from trunkline.internet.errors import ADDRESS, NETWORK, PORT, PROHIBITED, PROTOCOL
from trunkline.wire import icmpv6 as codes
from trunkline.wire.header import ICMPV6, TCP, UDP, IpHeader
from trunkline.wire.icmp import Icmp
from trunkline.wire.icmpv6 import (
    BAD_FIELD,
    INCOMPLETE_CHAIN,
    PACKET_TOO_BIG,
    PARAMETER_PROBLEM,
    REDIRECT,
    UNKNOWN_NEXT_HEADER,
    UNKNOWN_OPTION,
)
from trunkline.wire.ipv6 import (
    DESTINATION_OPTIONS,
    FRAGMENT,
    HOP_BY_HOP,
    NO_NEXT_HEADER,
    ROUTING,
    IPv6,
    parse_options,
    walk_extensions,
)
from trunkline.wire.packet import Packet, copy_ip

TRAFFIC_CLASS: Final = 0
SILENT: Final = -1  # a Problem that nobody is told of
LARGEST_PAYLOAD: Final = 65535

_CODES: Final = {
    NETWORK: codes.NO_ROUTE,
    ADDRESS: codes.ADDRESS_UNREACHABLE,
    PORT: codes.PORT_UNREACHABLE,
    PROHIBITED: codes.PROHIBITED,
}


@final
class Problem:
    """What is wrong with a packet: the reason to count, and the Parameter Problem to send or SILENT."""

    __slots__ = ("code", "pointer", "reason")

    def __init__(self, reason: str, code: int, pointer: int) -> None:
        self.reason = reason
        self.code = code
        self.pointer = pointer


def unreachable(what: int) -> Icmp:
    """The header of a Destination Unreachable that says what could not be reached."""
    assert what != PROTOCOL  # that is a Parameter Problem
    return Icmp(codes.UNREACHABLE, _CODES[what])


def error_is_due(packet: Packet, ip: IpHeader, kind: int, code: int) -> bool:
    """Whether an error of a type and code may be sent about a packet, as far as the packet alone tells."""
    # RFC 4443 §2.4(e) MUST NOT, ICMP-046
    to_many = ip.dst[0] == 0xFF
    ethernet = packet.ethernet
    if ethernet is not None and ethernet.dst[0] & 1:
        to_many = True
    if to_many and kind != PACKET_TOO_BIG:
        if kind != PARAMETER_PROBLEM or code != UNKNOWN_OPTION:
            return False
    if ip.src == ANY6 or ip.src[0] == 0xFF:
        return False
    if ip.protocol != ICMPV6:
        return True
    if ip.fragment_offset:
        return False  # it may be of an error: nobody can tell
    upper = packet.upper
    if isinstance(upper, Icmp):
        about = upper.type
    elif packet.payload:
        about = packet.payload[0]
    else:
        return False
    return about >= 128 and about != REDIRECT


def unknown_next_header(ip: IPv6) -> Problem:
    """The upper protocol is one that nobody here speaks."""
    if ip.protocol == NO_NEXT_HEADER:
        return Problem("ipv6: no next header", SILENT, 0)
    # RFC 8200 §4, IP6-003, RFC 4443 §3.4, ICMP-051: the pointer at the field that named it
    pointer = 6
    if ip.extensions:
        pointer = ip.header_length - len(ip.extensions[-1][1])
    return Problem("ipv6: unknown next header", UNKNOWN_NEXT_HEADER, pointer)


def examine(ip: IPv6, hop_by_hop_alone: bool) -> Problem | None:
    """Go through the extension headers in order; the first that forbids to go on, or None.

    A router on the way looks at the hop-by-hop options alone.
    """
    # RFC 8200 §4, IP6-002, IP6-004: in order of appearance, any order and number
    at = 40
    for kind, octets in ip.extensions:
        problem: Problem | None = None
        if kind == HOP_BY_HOP:
            problem = _examine_options(octets, at, ip.dst[0] == 0xFF)
        elif hop_by_hop_alone:
            return None
        elif kind == DESTINATION_OPTIONS:
            problem = _examine_options(octets, at, ip.dst[0] == 0xFF)
        elif kind == ROUTING and octets[3] != 0:
            # RFC 8200 §4.4, IP6-007; RFC 5095 §3 MUST, IP6-008: type 0 is unknown as well
            problem = Problem("ipv6: unknown routing type", BAD_FIELD, at + 2)
        if problem is not None:
            return problem
        at += len(octets)
    return None


def _examine_options(extension: bytes, at: int, multicast: bool) -> Problem | None:
    options = parse_options(extension)
    if options is None:
        return Problem("ipv6: option past the end of its header", BAD_FIELD, at + 1)
    for kind, place, _data in options:
        # RFC 8200 §4.2, IP6-005: the two top bits say what to do with an unknown option
        action = kind >> 6
        if action == 0:
            continue
        if action == 1 or (action == 3 and multicast):
            return Problem("ipv6: unknown option", SILENT, 0)
        return Problem("ipv6: unknown option", UNKNOWN_OPTION, at + place)
    return None


def examine_fragment(ip: IPv6, payload: bytes) -> Problem | None:
    """What is wrong with one fragment, before it is put beside the others."""
    size = len(payload)
    if ip.more_fragments and size & 7:
        # RFC 8200 §4.5, IP6-012: points at the Payload Length
        return Problem("ipv6: fragment is no multiple of 8 octets", BAD_FIELD, 4)
    ahead = ip.header_length - 48  # of the extension headers that every fragment carries
    if ahead + ip.fragment_offset + size > LARGEST_PAYLOAD:
        # RFC 8200 §4.5, IP6-013: points at the Fragment Offset
        return Problem("ipv6: fragments too long in all", BAD_FIELD, ip.header_length - 8 + 2)
    if ip.fragment_offset == 0 and not _chain_is_whole(ip, payload):
        # RFC 8200 §4.5, RFC 7112, IP6-014
        return Problem("ipv6: first fragment without all headers", INCOMPLETE_CHAIN, 0)
    return None


def _chain_is_whole(ip: IPv6, payload: bytes) -> bool:
    """Whether a first fragment holds every header up to and with the upper one."""
    chain = copy_ip(ip)
    assert isinstance(chain, IPv6)
    chain.fragment_offset = 0
    at = walk_extensions(chain, payload, 0, len(payload))
    if at < 0 or chain.protocol in (HOP_BY_HOP, FRAGMENT):
        return at >= 0
    need = 0
    if chain.protocol == TCP:
        need = 20
    elif chain.protocol in (UDP, ICMPV6):
        need = 8
    return len(payload) - at >= need
