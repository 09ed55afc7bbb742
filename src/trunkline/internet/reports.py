"""An ICMP error as the transport gets it: which talk it is about, and what Linux makes of it.

RFC 1122 §3.2.2 (what goes to the transport), RFC 4443 §2.4. The errno of each message is that of Linux
(`icmp_err_convert`, `icmpv6_err_convert`); `hard` is what Linux calls fatal.

Left out on purpose: the quoted octets themselves and RFC 4884 extensions, which nobody here reads.
"""

from __future__ import annotations

from typing import Final, final

from trunkline.base.results import (
    HOST_DOWN,
    ISOLATED,
    NO_NEIGHBOUR,
    NO_ROUTE,
    PORT_REFUSED,
    PROHIBITED,
    PROTOCOL_ERROR,
    PROTOCOL_REFUSED,
    SOURCE_ROUTED,
    TOO_BIG,
    UNREACHABLE,
)
from trunkline.wire import icmpv4, icmpv6
from trunkline.wire.icmp import ABSENT, Quote

# By code of Destination Unreachable: the result, and whether it is hard.
_UNREACHABLE4: Final = (
    (NO_ROUTE, False),
    (NO_NEIGHBOUR, False),
    (PROTOCOL_REFUSED, True),
    (PORT_REFUSED, True),
    (TOO_BIG, False),
    (SOURCE_ROUTED, False),
    (NO_ROUTE, True),
    (HOST_DOWN, True),
    (ISOLATED, True),
    (NO_ROUTE, True),
    (UNREACHABLE, True),
    (NO_ROUTE, False),
    (UNREACHABLE, False),
    (UNREACHABLE, True),
    (UNREACHABLE, True),
    (UNREACHABLE, True),
)
_UNREACHABLE6: Final = (
    (NO_ROUTE, False),
    (PROHIBITED, True),
    (UNREACHABLE, False),
    (NO_NEIGHBOUR, False),
    (PORT_REFUSED, True),
    (PROHIBITED, True),
    (PROHIBITED, True),
)


@final
class Report:
    """What an error says, and about which talk. Ports and `seq` are -1 where the quote does not reach.

    `local` and `remote` are as this host sees them. For a quoted echo request, `local_port` is its
    identifier and `remote_port` 0.
    `offender` is who sent the error: an own address where the host itself found out.
    """

    __slots__ = (
        "code",
        "hard",
        "icmp_code",
        "icmp_type",
        "local",
        "local_port",
        "mtu",
        "offender",
        "protocol",
        "remote",
        "remote_port",
        "seq",
    )

    def __init__(self, code: int, hard: bool, icmp_type: int, icmp_code: int) -> None:
        self.code = code
        self.hard = hard
        self.icmp_type = icmp_type
        self.icmp_code = icmp_code
        self.mtu = 0  # of TOO_BIG: what the message says, or once it is believed the path MTU
        self.offender = b""
        self.protocol = 0
        self.local = b""
        self.local_port = -1
        self.remote = b""
        self.remote_port = -1
        self.seq = -1

    def about(self, quote: Quote, offender: bytes) -> None:
        """Fill in the talk from the packet that the error quotes."""
        ip = quote.ip
        self.offender = offender
        self.protocol = quote.protocol
        self.local = ip.src
        self.remote = ip.dst
        self.local_port = quote.src_port
        self.remote_port = quote.dst_port
        self.seq = quote.seq
        if quote.icmp_type != ABSENT:
            self.remote_port = 0  # who is asked for an echo has no port
            if quote.icmp_type not in (icmpv4.ECHO_REQUEST, icmpv6.ECHO_REQUEST):
                self.local_port = ABSENT  # an answer of this host: nobody here asked


def report_of(version: int, kind: int, code: int) -> Report | None:
    """The report of an ICMP (4) or ICMPv6 (6) error message; None where the transport has no use for it."""
    if version == 4:
        if kind == icmpv4.UNREACHABLE:
            if code >= len(_UNREACHABLE4):
                return None
            # RFC 1122 §3.2.2.1 MUST, ICMP-013: a hint for the transport, and no proof
            result, hard = _UNREACHABLE4[code]
            return Report(result, hard, kind, code)
        if kind == icmpv4.TIME_EXCEEDED:
            # RFC 1122 §3.2.2.4 MUST, ICMP-019
            return Report(UNREACHABLE, False, kind, code)
        if kind == icmpv4.PARAMETER_PROBLEM:
            # RFC 1122 §3.2.2.5 MUST, ICMP-020
            return Report(PROTOCOL_ERROR, True, kind, code)
        return None
    if kind == icmpv6.UNREACHABLE:
        result, hard = _UNREACHABLE6[code] if code < len(_UNREACHABLE6) else (PROTOCOL_ERROR, True)
        return Report(result, hard, kind, code)
    if kind == icmpv6.PACKET_TOO_BIG:
        return Report(TOO_BIG, False, kind, code)
    if kind == icmpv6.TIME_EXCEEDED:
        return Report(UNREACHABLE, False, kind, code)
    # RFC 4443 §2.1 MUST, ICMP-042: an unknown error goes to the upper layer as well
    return Report(PROTOCOL_ERROR, kind == icmpv6.PARAMETER_PROBLEM, kind, code)
