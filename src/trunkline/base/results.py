"""Result codes of calls that go down, and counters of what was dropped, by reason.

Floors 0 to 4 raise nothing: a call that sends returns one of these codes, and `sockets` turns it into the
OSError that Linux gives. What arrives and cannot be used is counted under a named reason.
"""

from __future__ import annotations

from typing import Final, final

SENT: Final = 0
NO_ROUTE: Final = 1
NO_NEIGHBOUR: Final = 2
TOO_BIG: Final = 3
LINK_DOWN: Final = 4
NO_BUFFER: Final = 5
NO_ADDRESS: Final = 6
PROHIBITED: Final = 7  # a broadcast without SO_BROADCAST, a prohibited route
UNREACHABLE: Final = 8  # a route of type unreachable
PORT_REFUSED: Final = 9
RESET: Final = 10
TIMED_OUT: Final = 11
BROKEN: Final = 12
ADDRESS_IN_USE: Final = 13
PROTOCOL_REFUSED: Final = 14  # ICMP protocol unreachable
PROTOCOL_ERROR: Final = 15  # ICMP parameter problem
BLACKHOLED: Final = 16  # a route of type blackhole
HOST_DOWN: Final = 17
ABORTED: Final = 18
ISOLATED: Final = 19  # ICMP source host isolated
SOURCE_ROUTED: Final = 20  # ICMP source route failed

ERRNO: Final = (  # the errno that Linux gives for each code, by name
    "",
    "ENETUNREACH",
    "EHOSTUNREACH",
    "EMSGSIZE",
    "ENETDOWN",
    "ENOBUFS",
    "EADDRNOTAVAIL",
    "EACCES",
    "EHOSTUNREACH",
    "ECONNREFUSED",
    "ECONNRESET",
    "ETIMEDOUT",
    "EPIPE",
    "EADDRINUSE",
    "ENOPROTOOPT",
    "EPROTO",
    "EINVAL",
    "EHOSTDOWN",
    "ECONNABORTED",
    "ENONET",
    "EOPNOTSUPP",
)


@final
class Counters:
    """Named counts, made on first use: `counters.count("ipv4: bad checksum")`."""

    __slots__ = ("counts",)

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}

    def count(self, reason: str, amount: int = 1) -> None:
        """Add to a count."""
        self.counts[reason] = self.counts.get(reason, 0) + amount

    def get(self, reason: str) -> int:
        """A count, 0 where nothing was counted."""
        return self.counts.get(reason, 0)

    def statistics(self) -> dict[str, int]:
        """A copy, sorted by name."""
        return dict(sorted(self.counts.items()))
