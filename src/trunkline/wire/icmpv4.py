"""ICMP's types and codes (RFC 792, RFC 1122 §3.2.2, RFC 1812 §4.3, RFC 1191) and the rules of quoting.

Left out: what RFC 6918 deprecates (information, address mask, source quench to send).
"""

from __future__ import annotations

from typing import Final

from trunkline.wire.icmp import Icmp

ECHO_REPLY: Final = 0
UNREACHABLE: Final = 3
SOURCE_QUENCH: Final = 4
REDIRECT: Final = 5
ECHO_REQUEST: Final = 8
ROUTER_ADVERTISEMENT: Final = 9
ROUTER_SOLICITATION: Final = 10
TIME_EXCEEDED: Final = 11
PARAMETER_PROBLEM: Final = 12
TIMESTAMP: Final = 13
TIMESTAMP_REPLY: Final = 14

NET_UNREACHABLE: Final = 0  # codes of UNREACHABLE
HOST_UNREACHABLE: Final = 1
PROTOCOL_UNREACHABLE: Final = 2
PORT_UNREACHABLE: Final = 3
FRAGMENTATION_NEEDED: Final = 4
SOURCE_ROUTE_FAILED: Final = 5
NET_UNKNOWN: Final = 6
HOST_UNKNOWN: Final = 7
HOST_ISOLATED: Final = 8
NET_PROHIBITED: Final = 9
HOST_PROHIBITED: Final = 10
NET_UNREACHABLE_TOS: Final = 11
HOST_UNREACHABLE_TOS: Final = 12
COMMUNICATION_PROHIBITED: Final = 13
HOST_PRECEDENCE_VIOLATION: Final = 14
PRECEDENCE_CUTOFF: Final = 15

HOP_LIMIT_EXCEEDED: Final = 0  # codes of TIME_EXCEEDED
REASSEMBLY_TIME_EXCEEDED: Final = 1

REDIRECT_NET: Final = 0  # codes of REDIRECT; `rest` is the router to use
REDIRECT_HOST: Final = 1

ERROR_LIMIT: Final = 576  # octets of the whole datagram, RFC 1812 §4.3.2.3
QUOTE_LIMIT: Final = ERROR_LIMIT - 20 - 8

TYPE_NAMES: Final = {
    ECHO_REPLY: "echo reply",
    UNREACHABLE: "destination unreachable",
    SOURCE_QUENCH: "source quench",
    REDIRECT: "redirect",
    ECHO_REQUEST: "echo request",
    ROUTER_ADVERTISEMENT: "router advertisement",
    ROUTER_SOLICITATION: "router solicitation",
    TIME_EXCEEDED: "time exceeded",
    PARAMETER_PROBLEM: "parameter problem",
    TIMESTAMP: "timestamp request",
    TIMESTAMP_REPLY: "timestamp reply",
}
UNREACHABLE_NAMES: Final = (
    "network unreachable",
    "host unreachable",
    "protocol unreachable",
    "port unreachable",
    "fragmentation needed",
    "source route failed",
    "network unknown",
    "host unknown",
    "host isolated",
    "network prohibited",
    "host prohibited",
    "network unreachable for this class of service",
    "host unreachable for this class of service",
    "communication prohibited",
    "host precedence violation",
    "precedence cutoff",
)
TIME_EXCEEDED_NAMES: Final = ("time to live exceeded", "reassembly time exceeded")


def is_error(type: int) -> bool:
    """Whether a message tells of an error, so that no error may be sent about it (redirects too)."""
    # RFC 1122 §3.2.2: no error about an error
    return type == UNREACHABLE or SOURCE_QUENCH <= type <= REDIRECT or 11 <= type <= 12


def fragmentation_needed(mtu: int) -> Icmp:
    """The header of an Unreachable code 4 with the next hop's MTU."""
    # RFC 1191 §4: code 4 carries the next-hop MTU
    return Icmp(UNREACHABLE, FRAGMENTATION_NEEDED, min(mtu, 0xFFFF))


def parameter_problem(pointer: int) -> Icmp:
    """The header of a Parameter Problem; `pointer` is an offset in the quoted datagram."""
    return Icmp(PARAMETER_PROBLEM, 0, (pointer & 0xFF) << 24)


def mtu_of(icmp: Icmp) -> int:
    """The next-hop MTU of an Unreachable code 4; 0 from a router older than RFC 1191."""
    return icmp.rest & 0xFFFF


def pointer_of(icmp: Icmp) -> int:
    """The offset that a Parameter Problem points at."""
    return icmp.rest >> 24
