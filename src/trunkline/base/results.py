"""Result codes of calls that go down, and counters of what was dropped, by reason.

Floors 0 to 4 raise nothing: a call that sends returns one of these codes, and `sockets` turns it into the
OSError that Linux gives. What arrives and cannot be used is counted under a named reason.
"""

from __future__ import annotations

from typing import Final, final

SENT: Final = 0
NO_ROUTE: Final = 1  # ENETUNREACH
NO_NEIGHBOUR: Final = 2  # EHOSTUNREACH
TOO_BIG: Final = 3  # EMSGSIZE
LINK_DOWN: Final = 4  # ENETDOWN
NO_BUFFER: Final = 5  # ENOBUFS
NO_ADDRESS: Final = 6  # EADDRNOTAVAIL
REFUSED: Final = 7  # EACCES: a broadcast without SO_BROADCAST, a prohibited route
UNREACHABLE: Final = 8  # EHOSTUNREACH: a route of type unreachable

NAMES: Final = (
    "sent",
    "no-route",
    "no-neighbour",
    "too-big",
    "link-down",
    "no-buffer",
    "no-address",
    "refused",
    "unreachable",
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
