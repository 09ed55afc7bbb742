"""ICMPv6's types and codes (RFC 4443; neighbour discovery RFC 4861) and the rules of quoting."""

from __future__ import annotations

from typing import Final

from trunkline.wire.icmp import Icmp

UNREACHABLE: Final = 1
PACKET_TOO_BIG: Final = 2
TIME_EXCEEDED: Final = 3
PARAMETER_PROBLEM: Final = 4
ECHO_REQUEST: Final = 128
ECHO_REPLY: Final = 129
LISTENER_QUERY: Final = 130
LISTENER_REPORT: Final = 131
LISTENER_DONE: Final = 132
ROUTER_SOLICITATION: Final = 133
ROUTER_ADVERTISEMENT: Final = 134
NEIGHBOUR_SOLICITATION: Final = 135
NEIGHBOUR_ADVERTISEMENT: Final = 136
REDIRECT: Final = 137
LISTENER_REPORT_2: Final = 143

NO_ROUTE: Final = 0  # codes of UNREACHABLE
PROHIBITED: Final = 1
BEYOND_SCOPE: Final = 2
ADDRESS_UNREACHABLE: Final = 3
PORT_UNREACHABLE: Final = 4
SOURCE_POLICY: Final = 5
REJECT_ROUTE: Final = 6

HOP_LIMIT_EXCEEDED: Final = 0  # codes of TIME_EXCEEDED
REASSEMBLY_TIME_EXCEEDED: Final = 1

BAD_FIELD: Final = 0  # codes of PARAMETER_PROBLEM
UNKNOWN_NEXT_HEADER: Final = 1
UNKNOWN_OPTION: Final = 2
INCOMPLETE_CHAIN: Final = 3  # RFC 7112: a first fragment without every header

ERROR_LIMIT: Final = 1280  # octets of the whole packet, RFC 4443 §2.4
QUOTE_LIMIT: Final = ERROR_LIMIT - 40 - 8

TYPE_NAMES: Final = {
    UNREACHABLE: "destination unreachable",
    PACKET_TOO_BIG: "packet too big",
    TIME_EXCEEDED: "time exceeded",
    PARAMETER_PROBLEM: "parameter problem",
    ECHO_REQUEST: "echo request",
    ECHO_REPLY: "echo reply",
    LISTENER_QUERY: "multicast listener query",
    LISTENER_REPORT: "multicast listener report",
    LISTENER_DONE: "multicast listener done",
    ROUTER_SOLICITATION: "router solicitation",
    ROUTER_ADVERTISEMENT: "router advertisement",
    NEIGHBOUR_SOLICITATION: "neighbour solicitation",
    NEIGHBOUR_ADVERTISEMENT: "neighbour advertisement",
    REDIRECT: "redirect",
    LISTENER_REPORT_2: "multicast listener report v2",
}
UNREACHABLE_NAMES: Final = (
    "no route",
    "prohibited",
    "beyond scope of source",
    "address unreachable",
    "port unreachable",
    "source address failed policy",
    "reject route",
)
TIME_EXCEEDED_NAMES: Final = ("hop limit exceeded", "reassembly time exceeded")
PARAMETER_NAMES: Final = (
    "bad header field",
    "unknown next header",
    "unknown option",
    "incomplete header chain",
)


def is_error(type: int) -> bool:
    """Whether a message tells of an error: types below 128."""
    return type < 128


def packet_too_big(mtu: int) -> Icmp:
    """The header of a Packet Too Big with the next link's MTU."""
    return Icmp(PACKET_TOO_BIG, 0, mtu)


def parameter_problem(code: int, pointer: int) -> Icmp:
    """The header of a Parameter Problem; `pointer` is an offset in the quoted packet."""
    return Icmp(PARAMETER_PROBLEM, code, pointer)
